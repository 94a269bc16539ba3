"""The readable executor: a graph run by the layers' formulas, and a Tape that keeps what it saw.

Here and in the builder of compiled plans, and nowhere else, the gradients of a value's consumers are added
up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kitnet.base.argument import real_array
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.precision import FP32, Precision
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.base.table import Table
from kitnet.layers import Context, Kept
from kitnet.net import precise
from kitnet.net.formula import run_backward, run_forward
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights, table_of

State = dict[str, dict[str, Array]]  # the arrays of each layer that has state, by its path


class Gradients(dict[str, Array]):
    """Gradients by path: of values (`conv1`, `input`) and of weights (`conv1.weight`)."""

    def __repr__(self) -> str:
        return str(table_of(self))

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return table_of(self).html()


class Tape:
    """One run forward: every value by its path (`tape['conv1']`), then `backward` gives every gradient.
    Gradients of weights that several layers share add up.

    Values are kept, weights are not copied: `backward` reads these as they are then, so it belongs before an
    update. `tape.state` is the state after this run; the one given is left as it was. `dy` is what `backward`
    begins with where it is given nothing, by default ones at the main output. In another `precision` than
    fp32 layers read rounded values, or make products of parts (see precise.py); what is kept here is what
    they gave. Raises KitnetError where the weights are not float32 then.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        state: State,
        ctx: Context,
        operands: Mapping[str, Array],
        dy: Mapping[str, Array] | None = None,
        precision: Precision = FP32,
    ) -> None:
        self._graph, self._weights, self._dy, self._precision = graph, weights, dy, precision
        if precision.parts and weights.dtype != np.float32:
            raise KitnetError(
                f"precision {precision} computes in float32, but the weights are {weights.dtype}; use fp32, "
                "or initialise(dtype=np.float32)"
            )
        self.values: list[Array] = []
        self.state: State = {}
        self.gradient = Gradients()
        self._kept: list[Kept] = []
        for node in graph.nodes:
            if node.layer is None:
                self.values.append(_checked(node.path, operands[node.path], node.shape, weights))
                self._kept.append(Kept(()))
                continue
            x = tuple(precise.read(precision, node.layer, self.values[i]) for i in node.inputs)
            state_in = state.get(node.path, {})
            made = run_forward(
                node.path, node.layer, node.shape, weights.of(node.owner), state_in,
                replace(ctx, path=node.path), x, precision,
            )  # fmt: skip
            if state_in:
                self.state[node.path] = {**state_in, **made.state}
            self.values.append(made.y)
            kept = Kept(tuple(one.shape for one in x), extras=made.extras)
            if "x" in node.layer.keeps:
                kept = replace(kept, x=x)
            if "y" in node.layer.keeps:
                kept = replace(kept, y=precise.read(precision, node.layer, made.y))
            self._kept.append(kept)

    def __getitem__(self, path: str) -> Array:
        return self.values[self._graph.find(path)]

    def keys(self) -> list[str]:
        """The paths of all values, in the order in which they are computed."""
        return [node.path for node in self._graph.nodes]

    def __repr__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        """The same in a notebook, with the gradients where there are some."""
        return self._table().html() + (table_of(self.gradient).html() if self.gradient else "")

    def _table(self) -> Table:
        return table_of(dict(zip(self.keys(), self.values, strict=True)))

    @property
    def output(self) -> Array:
        """The main output."""
        return self.values[self._graph.main]

    @property
    def outputs(self) -> dict[str, Array]:
        """Every output by its name."""
        return {name: self.values[i] for name, i in self._graph.outputs.items()}

    def backward(self, dy: Array | Mapping[str, Array] | None = None, *, operands: bool = True) -> Gradients:
        """The gradient of sum(dy * output) with respect to every value and weight.

        dy is the gradient of the main output, or a mapping by the names of outputs or the paths of values, of
        which the sum is taken; unless given it is that of the tape. `operands` False leaves out the gradients
        of the graph's own operands, which training does not need. Raises ShapeError where a dy has another
        shape than its value; it is taken in the value's precision.
        """
        graph, found = self._graph, Gradients()
        dy = self._dy if dy is None else dy
        grown = self._seeds(np.ones_like(self.output) if dy is None else dy)
        wanted = [operands] * len(self.values)
        for i, node in enumerate(graph.nodes):
            if node.layer is not None:
                wanted[i] = bool(self._weights.of(node.owner)) or any(wanted[j] for j in node.inputs)
        for i, node in reversed(list(enumerate(graph.nodes))):
            if i not in grown:
                continue
            dy = found[node.path] = grown.pop(i)
            if node.layer is None:
                continue
            wants = tuple(wanted[j] for j in node.inputs)
            kept, w = replace(self._kept[i], wants=wants), self._weights.of(node.owner)
            dy = precise.read(self._precision, node.layer, dy)
            made = run_backward(node.path, node.layer, w, kept, dy, self._precision)
            for j, dx, want in zip(node.inputs, made.dx, wants, strict=True):
                if want and dx is not None:
                    grown[j] = grown[j] + dx if j in grown else dx
            for name, dw in made.dw.items():
                path = f"{node.owner}.{name}"
                found[path] = found[path] + dw if path in found else dw
        self.gradient = found
        return found

    def _seeds(self, dy: Array | Mapping[str, Array]) -> dict[int, Array]:
        """The gradients that are given, by the numbers of their values."""
        given = dy if isinstance(dy, Mapping) else {None: dy}
        seeds: dict[int, Array] = {}
        for name, array in given.items():
            i = self._graph.main if name is None else self._place(name)
            value, seed = self.values[i], real_array("dy", array)
            if seed.shape != value.shape:
                what = "the output's" if name is None else f"{name}'s"
                raise ShapeError(
                    f"backward: expected a dy of {what} shape {value.shape}, but got {seed.shape}"
                )
            seed = seed.astype(value.dtype, copy=False)
            seeds[i] = seeds[i] + seed if i in seeds else seed
        return seeds

    def _place(self, name: str) -> int:
        outputs = self._graph.outputs
        return outputs[name] if name in outputs else self._graph.find(name)


def by_operand(paths: Sequence[str], x: Array | Mapping[str, Array]) -> dict[str, Array]:
    """What is given for the operands with these paths, by path: one array where there is one, or a mapping.
    Raises KitnetError where an operand is missing, unknown, no array of real numbers, or has another number
    of samples than the others.
    """
    if not isinstance(x, Mapping):
        if len(paths) > 1:
            raise ShapeError(
                f"this network reads {' and '.join(paths)}; give a mapping, such as {{{paths[0]!r}: x, ...}}"
            )
        return {paths[0]: real_array(paths[0], x)}
    wrong = sorted(set(paths) ^ set(x), key=str)
    if wrong:
        what = "is missing" if wrong[0] in paths else "is no operand"
        raise ShapeError(f"{wrong[0]}: {what}; this network reads {' and '.join(paths)}")
    given = {path: real_array(path, x[path]) for path in paths}
    samples_of(paths, given)
    return given


def samples_of(paths: Sequence[str], x: Array | Mapping[str, Array]) -> int:
    """How many samples are given for the operands with these paths. Raises ShapeError where they differ."""
    given = by_operand(paths, x) if not isinstance(x, Mapping) else x
    counts = {path: len(given[path]) for path in paths if path in given and np.ndim(given[path])}
    if len(set(counts.values())) > 1:
        raise ShapeError(
            f"operands differ in their number of samples: {', '.join(f'{p} {n}' for p, n in counts.items())}"
        )
    return next(iter(counts.values()), 0)


def _checked(path: str, x: Array, shape: tuple[int, ...], weights: Weights) -> Array:
    x = np.asarray(x)
    if x.shape[1:] != shape or x.ndim != 1 + len(shape):
        raise ShapeError(
            f"{path}: expected an array of shape (N, {', '.join(map(str, shape))}), samples first and "
            f"channels last, but got {x.shape}; this network reads {say(shape)}"
        )
    return x.astype(weights.dtype, copy=False)
