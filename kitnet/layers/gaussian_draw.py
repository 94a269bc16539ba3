"""A draw from a normal distribution whose mean m and log variance l the network itself gives:

    training      y = m + exp(l / 2) e,  e drawn from N(0, 1)        dm = dy,  dl = dy exp(l / 2) e / 2
    evaluation    y = m, or a draw where the context asks for `draws`, as the evidence lower bound does

x holds m and behind it l along its last axis. Since e does not depend on the weights, gradients pass through
the draw: the reparametrisation of variational autoencoders (Kingma & Welling, "Auto-encoding variational
Bayes", ICLR 2014, section 2.4). e comes of two uniform numbers u and v, as sqrt(-2 ln u) cos(2 pi v) (Box &
Muller 1958).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class GaussianDraw(Layer):
    """`gaussiandraw`: of 2K numbers, K means m and K log variances l, y = K numbers, in training drawn from
    N(m, exp(l)), in evaluation m."""

    word = "gaussiandraw"
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        *positions, depth = x[0]
        if depth % 2:
            raise ShapeError(
                f"means and as many log variances are read from the depth, but {say(x[0])} has {depth}",
                "make the depth even",
            )
        return (*positions, depth // 2)

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        return {"slope": Buffer(self.output_shape(*x), per_sample=True)}  # of y with l

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        mean, log_variance = np.split(x[0], 2, -1)
        if not (ctx.train or ctx.draws):
            return Forward(mean, {"slope": np.zeros_like(mean)})
        deviation = np.exp(log_variance / 2) * self._noise(ctx, mean.shape).astype(mean.dtype)
        return Forward(mean + deviation, {"slope": deviation / 2})

    def _noise(self, ctx: Context, shape: Shape) -> Array:
        """Numbers (N, ...) of N(0, 1), those of a sample from its own random words."""
        words = ctx.bits(shape[0], 2 * math.prod(shape[1:])).reshape(shape[0], 2, *shape[1:])
        u, v = np.moveaxis(words >> np.uint64(11), 1, 0) * 2.0**-53
        noise: Array = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)  # 1 - u is above 0
        return noise

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.concatenate([dy, kept.extras["slope"] * dy], -1),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        depth = x[0].shape[-1] // 2
        y = x[0][..., :depth].copy()
        size = math.prod(y.shape[1:])
        for n in range(len(y) if ctx.train or ctx.draws else 0):
            words = replace(ctx, first_sample=ctx.first_sample + n).bits(1, 2 * size)[0].tolist()
            for i, place in enumerate(np.ndindex(*y.shape[1:])):
                u, v = (words[i] >> 11) / 2**53, (words[size + i] >> 11) / 2**53
                noise = math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)
                *position, k = place
                y[n, *place] += math.sqrt(math.exp(x[0][n, *position, depth + k])) * noise
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((6,),))
        yield Case(cls(), ((3, 2, 4),), batch=1)
