"""Normalised correlation as a layer: the cosine of the angle between each window and each template,

    y[o, k] = sum over r, c of  x[o + r - p, c] w[r, c, k] / (|x at o| |w_k|)

with |x at o| the root of the sum of the squares of the window, |w_k| that of the template; 0 where one of
them is 0. `kitnet.functional.normalised_correlation` is the same as a function. Source: Lewis, "Fast
normalized cross-correlation", 1995, equation 1, without the means. With de = dy / (|x at o| |w_k|):

    dx = sum of w de - x times the sum of dy y / |x at o|^2 over the windows that cover it
    dw = sum of x de - w sum of dy y / |w|^2

All of it is calculated in double precision, in which the squares of small and large float32 numbers are
neither 0 nor infinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient_by_col2im
from kitnet.layers.template import Template
from kitnet.layers.window import output_sizes, positions_and_taps, send_back


@dataclass(frozen=True)
class Cosine(Template):
    """`cosine5-24`: y = sum of x w / (|x| |w|), the cosine of the angle between each window of 5x5 and each
    of 24 templates."""

    word = "cosine"
    keeps = frozenset({"x", "y"})

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"weight": self.weight(x[0])}

    def _lengths(self, w: Array, x: Array) -> tuple[Array, Array]:
        """Of the windows (N, *output, 1), and of the templates (K,)."""
        return np.sqrt(self.squares(x)), np.sqrt((w**2).sum(tuple(range(w.ndim - 1))))

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        given, weight = x[0].astype(np.float64), w["weight"].astype(np.float64)
        product = correlate(given, weight, self.axes(given.shape[1:]))
        seen, templates = self._lengths(weight, given)
        return Forward(_over(product, seen * templates).astype(x[0].dtype))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x, y, weight = (one.astype(np.float64) for one in (kept.x[0], kept.y, w["weight"]))
        axes, (seen, templates) = self.axes(x.shape[1:]), self._lengths(weight, x)
        de = _over(dy, seen * templates)
        shorter = _over((dy * y).sum(-1, keepdims=True), seen**2)
        covering = send_back(np.broadcast_to(shorter, (*shorter.shape[:-1], x.shape[-1])), axes)
        turned = _over((dy * y).sum(tuple(range(dy.ndim - 1))), templates**2)
        dx = input_gradient_by_col2im(de, weight, axes) - x * covering
        dw = filter_gradient(x, de, axes) - weight * turned
        return Backward((dx.astype(dy.dtype),), {"weight": dw.astype(dy.dtype)})

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *output_sizes(axes), self.filters), x[0].dtype)
        for n, *position, k in np.ndindex(*y.shape):
            met = positions_and_taps(axes, position=tuple(position))
            seen = np.array([x[0][n, *place] for _, _, place in met], float).ravel()
            learned = np.array([w["weight"][*tap, :, k] for _, tap, _ in met], float).ravel()
            lengths = np.linalg.norm(seen) * np.linalg.norm(w["weight"][..., k].astype(float))
            y[n, *position, k] = seen @ learned / lengths if lengths else 0
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3, 4), ((5, 4, 2),))
        yield Case(cls((2, 3), 2, (1, 2), ((1, 0), 1)), ((3, 5, 3),), batch=3)
        yield Case(cls(2, 3), ((4, 1),), batch=1)


def _over(above: Array, below: Array) -> Array:
    """above / below, 0 where below is."""
    return np.divide(
        above, below, out=np.zeros(np.broadcast(above, below).shape, above.dtype), where=below > 0
    )
