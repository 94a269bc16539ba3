"""The weights of a network: one aligned buffer, with a view for each path.

One pass over `flat` then updates, saves, hashes or sends all of them. Gradients and the memory of an
optimiser have the same layout.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kitnet.base import memory
from kitnet.base.error import KitnetError, cut, nearest, shorten
from kitnet.base.random import stream
from kitnet.base.spec import USUAL, WHOLE, Array, Matrix, Param, initial
from kitnet.base.table import Table

LINE = 64  # bytes of a cache line; every array begins on one
PIECE = 1 << 14  # numbers drawn at a time, in float64, so that they stay in a cache
FEW = 16 * PIECE  # numbers, up to which starting threads takes longer than drawing


def aligned(size: int, dtype: Any) -> Array:
    """A zeroed row of `size` numbers that begins on a cache line."""
    whole = size * np.dtype(dtype).itemsize
    return memory.aligned(whole)[:whole].view(dtype)


class Weights(Mapping[str, Array]):
    """Arrays by path (`conv1.weight`), all of them views of `flat`. Zero until `draw` or a copy fills
    them."""

    def __init__(self, params: Mapping[str, Param], dtype: Any = np.float32) -> None:
        self.params = dict(params)
        self.dtype = np.dtype(dtype)
        step = LINE // self.dtype.itemsize
        self.offsets: dict[str, int] = {}  # in numbers, not bytes
        size = 0
        for path, param in self.params.items():
            self.offsets[path] = size
            size += -(-param.size // step) * step
        self.flat = aligned(size, self.dtype)
        self._views = {
            path: self.flat[start : start + math.prod(p.shape)].reshape(p.shape)
            for (path, start), p in zip(self.offsets.items(), self.params.values(), strict=True)
        }
        self._nodes: dict[str, dict[str, Array]] = {}
        for path, view in self._views.items():
            node, _, name = path.rpartition(".")
            self._nodes.setdefault(node, {})[name] = view

    def draw(self, seed: int, init: str | None = None) -> Weights:
        """Fill every array as its Param says; `init` takes the place of the usual one. A path's values depend
        on the seed and the path alone, so that it does not matter which thread draws them, and when. Raises
        KitnetError for weights that cannot begin so.
        """

        def fill(path: str, param: Param) -> None:
            width = param.shape[-1] if param.shape else 1  # a scalar is one row of one number
            random, rows = stream(seed, path), self._views[path].reshape(-1, width)
            if init is not None and param.init == USUAL:
                param = replace(param, init=init)
            if param.init in WHOLE:
                try:
                    self._views[path][...] = initial(random, param, self.dtype)
                except KitnetError as error:
                    raise KitnetError(f"{path}: {error}") from None
                return
            step = max(1, PIECE // width)
            for start in range(0, len(rows), step):
                piece = rows[start : start + step]
                piece[...] = initial(random, replace(param, shape=piece.shape), self.dtype)

        if self.flat.size <= FEW:
            for path, param in self.params.items():
                fill(path, param)
            return self
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, self.params, self.params.values()))  # a list raises what a thread raised
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what is unpickled, has views of its own memory again."""
        return _restored, (self.params, self.dtype, self.flat)

    def like(self) -> Weights:
        """Zeros in the same layout, for a gradient or an optimiser's memory."""
        return Weights(self.params, self.dtype)

    def astype(self, dtype: Any) -> Weights:
        """A copy in another precision."""
        other = Weights(self.params, dtype)
        for path, view in self.items():
            other[path][...] = view
        return other

    def decayed(self, every: int = 1, frozen: Collection[str] = (), also: Collection[str] = ()) -> Array:
        """1 where weight decay applies, at the paths `also` too, and 0 elsewhere, and at the `frozen` nodes,
        in the layout of `flat`; of every so many-th number up to a cache line.
        """
        mask = np.zeros(-(-self.flat.size // every), self.dtype)
        for path, param in self.params.items():
            start, node = self.offsets[path], path.rpartition(".")[0]
            decay = (param.decay or path in also) and node not in frozen
            mask[start // every : -(-(start + param.size) // every)] = decay
        return mask

    def runs(self, paths: Collection[str]) -> dict[str, tuple[int, int]]:
        """Where in `flat` the parameters at these paths begin and how many numbers they are, up to a cache
        line; neighbours are one, under the path of the first."""
        step, ends = LINE // self.dtype.itemsize, 0
        found: dict[str, tuple[int, int]] = {}
        first = ""
        for path, param in self.params.items():
            if path not in paths:
                continue
            start, size = self.offsets[path], -(-param.size // step) * step
            if not first or start != ends:
                first, begun = path, start
            found[first], ends = (begun, start + size - begun), start + size
        return found

    def filters(self) -> dict[str, Matrix]:
        """The filters of convolutions in `flat` by path, each a matrix of window x depth rows and a column a
        filter; without those of connection tables and those that differ by position."""
        return {
            path: Matrix(self.offsets[path], param.size // param.shape[-1], param.shape[-1])
            for path, param in self.params.items()
            if len(param.shape) > 2 and param.decay and param.positions == 1 and isinstance(param.fan_in, int)
        }

    def below(self, paths: Collection[str]) -> frozenset[str]:
        """The nodes with parameters that have these paths, or lie below them: `stage2` has
        `stage2.0.body.conv1`. Raises KitnetError for a path that has none."""
        found: set[str] = set()
        for path in paths:
            there = {node for node in self._nodes if node == path or node.startswith(f"{path}.")}
            if not there:
                hint = nearest(path, self._nodes) or f"; it has {cut(', '.join(self._nodes))}"
                raise KitnetError(f"{shorten(path)}: the network has no parameters there{hint}")
            found |= there
        return frozenset(found)

    def of(self, node: str) -> dict[str, Array]:
        """The arrays of one layer by their own names: `of('conv1')['weight']`."""
        return self._nodes.get(node, {})

    def __getitem__(self, path: str) -> Array:
        try:
            return self._views[path]
        except KeyError:
            raise KeyError(f"no array {path!r}{nearest(str(path), self._views)}") from None

    def __contains__(self, path: object) -> bool:
        return path in self._views

    def __repr__(self) -> str:
        return str(table_of(self))

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return table_of(self).html()

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)


def table_of(arrays: Mapping[str, Array]) -> Table:
    """Arrays by path as a table: sizes, mean, deviation and range of each."""
    rows = []
    for path, one in arrays.items():
        numbers = (one.mean(), one.std(), one.min(), one.max()) if one.size else ()
        said = [f"{float(number):.3g}" for number in numbers] or [""] * 4
        rows.append([path, "x".join(map(str, one.shape)), *said])
    return Table(("path", "shape", "mean", "deviation", "least", "most"), rows)


def _restored(params: Mapping[str, Param], dtype: Any, flat: Array) -> Weights:
    weights = Weights(params, dtype)
    weights.flat[...] = flat
    return weights
