"""Batch normalisation: y = scale * (x - mean) / sqrt(var + eps) + shift, each channel by its own statistics.

In training mean and var (biased, divided by the count m) are taken over the batch and all positions, and the
running statistics move towards them; in evaluation the running ones stand in their place. The running var is
given the unbiased variance, divided by m - 1. Ioffe & Szegedy 2015, algorithms 1 and 2. One that is `fixed`
behaves in training as in evaluation; so does one whose parameters are frozen.

With z = (x - mean) / sqrt(var + eps), in training:

    dx     = scale / sqrt(var + eps) * (dy - mean of dy - z * mean of (z * dy))
    dscale = sum of z * dy
    dshift = sum of dy
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Buffer, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Number, Pass, Terms
from kitnet.layers.tracing import sum_of_dy


@dataclass(frozen=True)
class BatchNorm(Layer):
    """`batchnorm`: y = scale * (x - mean) / sqrt(var + eps) + shift, each channel by its own statistics.

    `decay` is the share of the old running statistics that each step keeps; `fixed`: they stand for the
    batch's in training, too, and stay.
    """

    word = "batchnorm"

    decay: float = 0.9
    eps: float = 1e-5
    fixed: bool = False

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 <= self.decay <= 1:
            raise ShapeError(f"a decay of {self.decay:g} is no share of the old statistics", "use 0 to 1")
        if self.eps <= 0:
            raise ShapeError(f"an eps of {self.eps:g} does not keep var + eps above 0", "use 1e-5")
        return x[0]

    def params(self, *x: Shape) -> dict[str, Param]:
        channels = x[0][-1:]
        return {"scale": Param(channels, "ones", decay=False), "shift": Param(channels, decay=False)}

    def frozen(self) -> BatchNorm:
        return replace(self, fixed=True)

    def state(self, *x: Shape) -> dict[str, Buffer]:
        channels = x[0][-1:]
        return {"mean": Buffer(channels), "var": Buffer(channels, value=1.0)}

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        channels = x[0][-1:]
        return {"mean": Buffer(channels), "inverse": Buffer(channels), "share": Buffer(())}

    def mixes_samples(self, train: bool) -> bool:
        return train and not self.fixed

    def least_batch(self, *x: Shape) -> int:
        """Two samples where the input has a single position: a variance of one number is none."""
        return 2 if math.prod(x[0][:-1]) == 1 and not self.fixed else 1

    def multiplications(self, *x: Shape) -> int:
        return math.prod(x[0])

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        mean, var, share, new = state["mean"], state["var"], 0.0, {}
        m = math.prod(x[0].shape[:-1])
        if self.mixes_samples(ctx.train) and m:  # an empty batch has no statistics
            share = 1 / m  # of one number in the statistics, which are constants in evaluation
            mean = _sum(x[0]) * share
            var = _sum((x[0] - mean) ** 2) * share
            batch = {"mean": mean, "var": var * (m / max(m - 1, 1))}
            new = {name: self.decay * state[name] + (1 - self.decay) * batch[name] for name in batch}
        dtype = x[0].dtype
        mean, inverse = mean.astype(dtype), (1 / np.sqrt(var + self.eps)).astype(dtype)
        y = (x[0] - mean) * (w["scale"] * inverse) + w["shift"]
        extras = {"mean": mean, "inverse": inverse, "share": np.array(share, dtype)}
        return Forward(y, extras, {name: array.astype(dtype) for name, array in new.items()})

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        """The paper's five formulas in one, with share = 1/m in training and 0 in evaluation:

            normalised = (x - mean) / sqrt(var + eps)
            dscale = sum dy * normalised
            dshift = sum dy
            dx = scale / sqrt(var + eps) * (dy - share * (dshift + normalised * dscale))

        The last two terms of dx are there because mean and var move with x.
        """
        inverse, share = kept.extras["inverse"], kept.extras["share"]
        normalised = (kept.x[0] - kept.extras["mean"]) * inverse
        dscale, dshift = _sum(dy * normalised), _sum(dy)
        dx = w["scale"] * inverse * (dy - share * (dshift + normalised * dscale))
        return Backward((dx,), {"scale": dscale, "shift": dshift})

    def terms(self, run: Pass, at: At) -> Terms:
        """The equations of forward and backward, with inverse = 1 / sqrt(var + eps)."""
        c = at.index[-1]
        scale, inverse, mean = ("scale", (c,)), ("inverse", (c,)), ("mean", (c,))
        places = [(*place, c) for place in np.ndindex(run.made.y.shape[:-1])]

        def normalised(index: tuple[int, ...]) -> Number:
            value = (run.x[0][index] - run.array("mean")[c]) * run.array("inverse")[c]
            return Number("normalised", index, float(value))

        match at.of:
            case "y":
                scaled = run.term(scale, inverse, ("x0", at.index))
                return Terms((scaled, run.term(scale, inverse, mean, times=-1), run.term(("shift", (c,)))))
            case "dx0":
                direct = run.term(scale, inverse, ("dy", at.index))
                share = float(run.array("share"))
                if not share:  # mean and var do not move with x
                    return Terms((direct,))
                by_mean = run.term(scale, inverse, ("dshift", (c,)), times=-share)
                by_var = run.term(scale, inverse, ("dscale", (c,)), times=-share)
                return Terms((direct, by_mean, by_var.by(normalised(at.index))))
            case "dscale":
                return Terms(tuple(run.term(("dy", index)).by(normalised(index)) for index in places))
            case "dshift":
                return sum_of_dy(run, c)
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        import statistics

        y = np.empty_like(x[0])
        for c in range(x[0].shape[-1]):
            mean, var = state["mean"][c], state["var"][c]
            if ctx.train and not self.fixed:
                numbers = x[0][..., c].ravel().tolist()
                mean, var = statistics.fmean(numbers), statistics.pvariance(numbers)
            for place in np.ndindex(x[0].shape[:-1]):
                normalised = (x[0][*place, c] - mean) / math.sqrt(var + self.eps)
                y[*place, c] = w["scale"][c] * normalised + w["shift"][c]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 3),))
        yield Case(cls(0.5, 0.1), ((5, 1, 2),), batch=1)  # one sample has positions to count as well
        yield Case(cls(), ((3,),), batch=7)
        yield Case(cls(0.99), ((6, 2),))
        yield Case(cls(), ((2, 2, 2, 2),), batch=3)
        yield Case(cls(fixed=True), ((3, 2, 4),))


def _sum(a: Array) -> Array:
    """The sum over the batch and all positions, in float64: float32 would lose digits over so many."""
    return a.sum(tuple(range(a.ndim - 1)), np.float64).astype(a.dtype)
