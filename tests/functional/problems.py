"""Generated calls of the plain functions, and what the layers' formulas in float64 say of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import Context, Convolution, Kept, MaxPool, MeanPool


@dataclass(frozen=True)
class Call:
    """The layer that a call means, for an x of this shape, samples first."""

    layer: Convolution | MaxPool | MeanPool
    shape: Shape

    @property
    def how(self) -> dict[str, Any]:
        """The keywords of the call."""
        words = ["stride", "pad", "on_misfit"]
        if isinstance(self.layer, Convolution):
            words += ["dilation", "groups"]
        return {word: getattr(self.layer, word) for word in words}

    def draw(self, seed: int, whole: bool) -> dict[str, Array]:
        """x, dy and a convolution's w and b in float32: whole numbers, whose sums are exact, or any."""
        rng = np.random.default_rng(seed)
        shapes = {"x": self.shape, "dy": (self.shape[0], *self.layer.output_shape(self.shape[1:]))}
        if isinstance(self.layer, Convolution):
            params = self.layer.params(self.shape[1:])
            shapes |= {"w": params["weight"].shape, "b": params["bias"].shape}
        if whole:
            return {name: rng.integers(-4, 5, s).astype(np.float32) for name, s in shapes.items()}
        return {name: rng.standard_normal(s, np.float32) for name, s in shapes.items()}

    def formula(self, x: Array, dy: Array, **weights: Array) -> tuple[Array, ...]:
        """y and dx, of a convolution also dw and db, in float64."""
        x, dy = x.astype(np.float64), dy.astype(np.float64)
        words = {"w": "weight", "b": "bias"}
        w = {words[name]: a.astype(np.float64) for name, a in weights.items()}
        made = self.layer.forward(w, {}, Context(), x)
        kept = Kept((x.shape,), (x,) if "x" in self.layer.keeps else (), extras=made.extras)
        back = self.layer.backward(w, kept, dy)
        return made.y, np.asarray(back.dx[0]), *back.dw.values()


SAMPLES = [1, 1, 2, 3, 15, 16, 17, 33, 40]


def _window(pick: Any, rank: int, dilations: list[int]) -> tuple[Shape, dict[str, Any], Shape]:
    """A window, the keywords it slides with, and sizes that it fits."""
    window = tuple(pick([1, 2, 3, 3, 5][: 5 if rank < 3 else 4]) for _ in range(rank))
    dilation = tuple(pick(dilations) for _ in range(rank))
    pad = pick(["valid", "same", 1, tuple((pick([0, 1]), pick([0, 1])) for _ in range(rank))])
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    sizes = tuple(e + pick([0, 1, 2, 4, 5] if rank < 3 else [0, 1, 2]) for e in extents)
    stride = tuple(pick([1, 1, 2, 3]) for _ in range(rank))
    how = {"stride": pick([stride, stride[0]]), "pad": pad, "on_misfit": "floor"}
    return window, how | ({"dilation": dilation} if len(dilations) > 1 else {}), sizes


def convolution(seed: int) -> Call:
    """One of endlessly many."""
    pick = random.Random(seed).choice
    window, how, sizes = _window(pick, 1 + seed % 3, [1, 1, 2, 3])
    if seed % 7 == 0:
        how["pad"] = "full"
    groups = pick([1, 1, 1, 2, 3])
    depth, filters = groups * pick([1, 2, 3, 5]), groups * pick([1, 2, 3, 7, 13])
    return Call(Convolution(window, filters, groups=groups, **how), (pick(SAMPLES), *sizes, depth))


def pooling(kind: type[MaxPool] | type[MeanPool], seed: int) -> Call:
    pick = random.Random(seed).choice
    window, how, sizes = _window(pick, 1 + seed % 3, [1])
    if how["pad"] != "valid":
        window = tuple(max(k, 2) for k in window)  # no window lies wholly in padding
        sizes = tuple(n + 2 for n in sizes)
    return Call(kind(window, **how), (pick(SAMPLES), *sizes, pick([1, 2, 3, 5, 17])))
