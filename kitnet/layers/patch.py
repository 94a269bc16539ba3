"""S2 units of HMAX: how near each window is to each of some stored patches, by a Gaussian of their distance,

    d[o, k] = sum over r, c of  m[r, c, k] (x[o + r - p, c] - w[r, c, k])^2
    y[o, k] = e^(-sharpness d[o, k])

(Serre, Wolf & Poggio, "Object recognition with features inspired by visual cortex", 2005, section 2: m = 1.)
With `sparse` a mask m is stored with each patch, 1 for the numbers that count: Mutch & Lowe, "Multiclass
object recognition with sparse, localized features", 2006, section 3.2, keep the strongest orientation at each
position alone. With dd = -sharpness y dy:

    dx = 2 sum of m (x - w) dd,   dw = -2 sum of m (x - w) dd,   dm = sum of (x - w)^2 dd
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient_by_col2im
from kitnet.layers.template import Template
from kitnet.layers.window import output_sizes, positions_and_taps


@dataclass(frozen=True)
class Patch(Template):
    """`patch4-200 sharpness=2`: y = e^(-2 sum of (x - w)^2), how near each window of 4x4 is to each of 200
    patches; with `sparse=yes` only the numbers of a patch count that its mask names."""

    word = "patch"
    keeps = frozenset({"x", "y"})

    sharpness: float = 1.0
    sparse: bool = False

    def output_shape(self, *x: Shape) -> Shape:
        if not self.sharpness > 0:
            raise ShapeError(
                f"a sharpness of {self.sharpness:g} is not possible", "use a number above 0, such as 1"
            )
        return super().output_shape(*x)

    def params(self, *x: Shape) -> dict[str, Param]:
        found = {"weight": self.weight(x[0])}
        return found | ({"mask": Param(found["weight"].shape, "ones", decay=False)} if self.sparse else {})

    def _mask(self, w: Arrays) -> Array:
        """m (*window, C, K); of ones (*window, C, 1) where all numbers count."""
        return w["mask"] if self.sparse else np.ones_like(w["weight"][..., :1])

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        m, patch, axes = self._mask(w), w["weight"], self.axes(x[0].shape[1:])
        taps = tuple(range(patch.ndim - 1))
        # (x - w)^2 multiplied out, so that three sums take the place of a difference for each patch
        d = correlate(x[0] ** 2, m, axes) - 2 * correlate(x[0], m * patch, axes) + (m * patch**2).sum(taps)
        return Forward(np.exp(-self.sharpness * d))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,), m, patch = kept.x, self._mask(w), w["weight"]
        axes = self.axes(x.shape[1:])
        dd = -self.sharpness * kept.y * dy
        each = dd if self.sparse else dd.sum(-1, keepdims=True)
        dx = 2 * x * input_gradient_by_col2im(each, m, axes)
        dx -= 2 * input_gradient_by_col2im(dd, m * patch, axes)
        total, seen = dd.sum(tuple(range(dd.ndim - 1))), filter_gradient(x, dd, axes)
        found = {"weight": 2 * m * (patch * total - seen)}
        if self.sparse:
            found["mask"] = filter_gradient(x**2, dd, axes) - 2 * patch * seen + patch**2 * total
        return Backward((dx,), found)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        d = np.zeros((len(x[0]), *output_sizes(axes), self.filters), x[0].dtype)
        # A tap in padding meets 0, which has a distance, too.
        around = np.pad(x[0], [(0, 0), *((a.before, a.after) for a in axes), (0, 0)])
        inside = tuple(replace(a, size=a.size + a.before + a.after, before=0, after=0) for a in axes)
        for position, tap, place in positions_and_taps(inside):
            difference = around[:, *place, :, None] - w["weight"][tap]
            d[:, *position] += (self._mask(w)[tap] * difference**2).sum(1)
        return np.exp(-self.sharpness * d)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2, 3, sharpness=0.1), ((3, 4, 2),))
        yield Case(cls((2, 3), 2, (1, 2), ((1, 0), 1), sharpness=0.05), ((3, 5, 2),), batch=3)
        yield Case(cls(2, 3, sharpness=0.1, sparse=True), ((4, 2),), batch=1)
