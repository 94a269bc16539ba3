"""What activations share: y has the shape of x, and each number of y is a function of one number of x."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.shape import Shape
from kitnet.layers.contract import Layer
from kitnet.layers.terms import At, Closing, Pass, Terms


@dataclass(frozen=True)
class Pointwise(Layer):
    """A family of layers y[i] = f(x[i]) without weights."""

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def terms(self, run: Pass, at: At) -> Terms:
        """y = f(x) is f closing one number, and dx = f'(x) dy."""
        if at.of == "y":
            return Terms(
                (run.term(("x0", at.index)),), Closing(self.word, lambda value: self._of(run, value))
            )
        if at.of == "dx0":
            slopes = replace(run, dy=np.ones_like(run.made.y)).array("dx0")
            return Terms((run.term(("dy", at.index), times=slopes[at.index]),))
        return super().terms(run, at)

    def _of(self, run: Pass, value: float) -> float:
        return float(self.forward({}, {}, run.ctx, np.full((1, 1), value, run.x[0].dtype)).y.item())
