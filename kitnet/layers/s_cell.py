"""S cells of the neocognitron: excitation by what was learned, and inhibition that divides it (shunting).

    e[o, k] = sum over r, c of  w[r, c, k] x[o + r - p, c]
    v[o]    = sqrt(mean over r, c of  x[o + r - p, c]^2)
    y[o, k] = q max(0, (1 + e[o, k]) / (1 + 2q / (1 + q) max(0, b[k]) v[o]) - 1),  q the selectivity

(Fukushima, "Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition
unaffected by shift in position", 1980, with equal weights in v.) A cell whose seed is the window s learns
w = g s / size and b = g |s| / (2 sqrt(size)), the reinforcement g all at once. As g grows y becomes

    max(0, (cos - t) / (1 - t)),  t = q / (1 + q)

of the angle between window and seed: 1 for the seed itself, however bright, and 0 beyond the threshold t.
The gradient, with h the divisor and de = q dy / h where y > 0:

    dw = sum of x de,   db = -sum of de (1 + e) / h 2q / (1 + q) v,   dx = sum of w de + x dv / (v size)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient_by_col2im
from kitnet.layers.template import Template
from kitnet.layers.window import output_sizes, positions_and_taps, send_back


@dataclass(frozen=True)
class SCell(Template):
    """`scell5-24 selectivity=4`: y = q max(0, (1 + e) / (1 + 2q / (1 + q) b v) - 1) with e = sum of w x and v
    the root mean square of a window of 5x5: 24 planes of S cells, each 1 where its window is like its seed, 0
    where the cosine of their angle is below q / (1 + q)."""

    word = "scell"

    selectivity: float = 4.0

    def output_shape(self, *x: Shape) -> Shape:
        if not self.selectivity > 0:
            raise ShapeError(
                f"a selectivity of {self.selectivity:g} is not possible", "use a number above 0, such as 4"
            )
        return super().output_shape(*x)

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"weight": self.weight(x[0]), "inhibition": Param((self.filters,), decay=False)}

    def connections(self, *x: Shape) -> int:
        """Of each cell those of its window, and one of its inhibition."""
        return self.multiply_adds(*x) + math.prod(self.output_shape(*x))

    @property
    def _share(self) -> float:
        return 2 * self.selectivity / (1 + self.selectivity)

    def _sides(self, w: Arrays, x: Array) -> tuple[Array, Array, Array]:
        """1 + e and the divisor (N, *output, K), and v (N, *output, 1)."""
        v = np.sqrt(self.squares(x) / self.size(x.shape[1:]))
        divisor = 1 + self._share * np.maximum(w["inhibition"], 0) * v
        return 1 + correlate(x, w["weight"], self.axes(x.shape[1:])), divisor, v

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        excited, divisor, _ = self._sides(w, x[0])
        return Forward(self.selectivity * np.maximum(excited / divisor - 1, 0))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        axes, (excited, divisor, v) = self.axes(x.shape[1:]), self._sides(w, x)
        de = np.where(excited > divisor, self.selectivity * dy / divisor, 0)
        dh = -self._share * de * excited / divisor  # of max(0, b) v
        inhibition = (dh * v).sum(tuple(range(dh.ndim - 1))) * (w["inhibition"] > 0)
        dv = (dh * np.maximum(w["inhibition"], 0)).sum(-1, keepdims=True)
        slope = np.divide(dv, v * self.size(x.shape[1:]), out=np.zeros_like(v), where=v > 0)
        seen = send_back(np.broadcast_to(slope, (*slope.shape[:-1], x.shape[-1])), axes)
        dx = input_gradient_by_col2im(de, w["weight"], axes) + x * seen
        return Backward((dx,), {"weight": filter_gradient(x, de, axes), "inhibition": inhibition})

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        shape = (len(x[0]), *output_sizes(axes), self.filters)
        excitation, squares = np.zeros(shape), np.zeros(shape)
        for position, tap, place in positions_and_taps(axes):
            for c in range(x[0].shape[-1]):
                seen = x[0][:, *place, c, None].astype(float)
                excitation[:, *position] += seen * w["weight"][*tap, c]
                squares[:, *position] += seen**2
        r = self.selectivity
        inhibition = np.sqrt(squares / self.size(x[0].shape[1:])) * np.clip(w["inhibition"], 0, None)
        shunted = (1 + excitation) / (1 + 2 * r / (1 + r) * inhibition) - 1
        return np.asarray(r * np.where(shunted > 0, shunted, 0), x[0].dtype)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3, 4), ((5, 4, 2),))
        yield Case(cls((2, 3), 2, (1, 2), ((1, 0), 1), selectivity=1.5), ((3, 5, 3),), batch=3)
        yield Case(cls(2, 3, selectivity=0.5), ((4, 1),), batch=1)
