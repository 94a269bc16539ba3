"""Transposed convolution: the way back of a convolution to its input, as a way forward.

A convolution with stride s, dilation d and p places of padding before reads place s*i + d*r - p at position i
with tap r. The transposed one sends x[i] there (written for one axis; further axes repeat the index):

    y[n, o, k] = b[k] + sum over c, and over i, r with s*i + d*r - p = o, of  x[n, i, c] * w[r, k, c]

It is no inverse, and `deconvolution` is a wrong name for it. With R taps and p places cut off on both sides,

    o = s*(i - 1) + d*(R - 1) + 1 - 2*p + output padding

(Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, relationship 14; Zeiler et
al. 2010). Its gradients are a convolution, and that convolution's gradient of the filters with x and dy
exchanged:

    dx[n, i, c]  = sum over r, k of  dy[n, s*i + d*r - p, k] * w[r, k, c]
    dw[r, k, c]  = sum over n, i of  dy[n, s*i + d*r - p, k] * x[n, i, c]
    db[k]        = sum over n, o of  dy[n, o, k]

x is (N, *sizes, C), y (N, *output, K), and w (*window, K/groups, C): the filters of the convolution from y's
volume to x's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis, Pad, Shape, Sizes, padding_of, per_axis, say, say_pad
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient, input_gradient_by_col2im
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.tracing import sum_of_dy
from kitnet.layers.value import INTEGER, PAD, SIZES, argument, choice
from kitnet.layers.window import Axes, area, positions_and_taps


@dataclass(frozen=True)
class TransposedConvolution(Layer):
    """`transposed3-16/2`: y[o, k] = b[k] + sum of x[i, c] * w[r, k, c] over maps c and all i, r with stride *
    i + dilation * r - before = o: what 16 filters of 3x3, two places apart, paint.

    `pad` places are cut off at the rims: a number, or one number or pair an axis; `valid` is 0, `full`
    dilation * (window - 1) on both sides, and `same` gives stride times the input's size. `output_pad`
    places, fewer than the stride, are added behind. Source: Dumoulin & Visin 2016, relationship 14.
    """

    word = "transposed"
    numbers = ("window", "filters")
    products = frozenset({"weight"})

    window: Sizes = argument(SIZES)
    filters: int = argument(INTEGER)
    stride: Sizes = argument(SIZES, 1)
    pad: Pad = argument(PAD, "valid")
    output_pad: Sizes = argument(SIZES, 0)
    dilation: Sizes = argument(SIZES, 1)
    groups: int = 1
    bias: bool = True
    init: str = argument(choice(*INITIALISERS), "he")

    def adjoint_axes(self, x: Shape) -> Axes:
        """Those of the convolution from y to x. Raises ShapeError."""
        sizes, rank = x[:-1], len(x) - 1
        if rank not in (1, 2, 3):
            raise ShapeError(
                f"a transposed filter paints volumes such as 28x28x1, but its input is {say(x)}",
                "put it before the layers that flatten",
            )
        window, stride = per_axis(self.window, rank, "filter"), per_axis(self.stride, rank, "stride")
        dilation, more = (
            per_axis(self.dilation, rank, "dilation"),
            per_axis(self.output_pad, rank, "output_pad"),
        )
        for name, values in (("filter", window), ("stride", stride), ("dilation", dilation)):
            if min(values) < 1:
                raise ShapeError(f"a {name} of {say(values)} is not possible", "use 1 or more")
        if any(m >= s for m, s in zip(more, stride, strict=True)):
            raise ShapeError(
                f"an output_pad of {say(more)} is not possible with a stride of {say(stride)}",
                "use less than the stride",
            )
        extents = tuple(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))
        if self.pad == "same":
            cuts = [max(e - s, 0) for e, s in zip(extents, stride, strict=True)]
            pads = [(cut // 2, cut - cut // 2) for cut in cuts]
            more = tuple(max(s - e, 0) for e, s in zip(extents, stride, strict=True))
        else:
            pads = padding_of(self.pad, sizes, extents, stride)
        output = [
            s * (n - 1) + e - before - after + m
            for n, s, e, (before, after), m in zip(sizes, stride, extents, pads, more, strict=True)
        ]
        if min(output) < 1:
            raise ShapeError(
                f"a pad of {say_pad(self.pad)} leaves nothing of the output", "use a smaller pad"
            )
        return tuple(
            Axis(o, k, s, d, before, after, n)
            for o, k, s, d, (before, after), n in zip(
                output, window, stride, dilation, pads, sizes, strict=True
            )
        )

    def output_shape(self, *x: Shape) -> Shape:
        axes, depth, groups = self.adjoint_axes(x[0]), x[0][-1], self.groups
        if self.filters < 1 or groups < 1:
            what = f"{self.filters} filters" + (f" in {groups} groups" if groups != 1 else "")
            raise ShapeError(f"{what} are not possible", "use 1 or more")
        if depth % groups or self.filters % groups:
            raise ShapeError(
                f"{groups} groups do not divide a depth of {depth} and {self.filters} filters",
                "use a divisor of both",
            )
        return *(a.size for a in axes), self.filters

    def params(self, *x: Shape) -> dict[str, Param]:
        axes, depth, each = self.adjoint_axes(x[0]), x[0][-1], self.filters // self.groups
        taps, apart = area(axes), math.prod(a.stride for a in axes)
        window = tuple(a.window for a in axes)
        # Of a number of y as many taps meet something as windows overlap there.
        fan_in = max(1, taps * depth // self.groups // apart)
        found = {"weight": Param((*window, each, depth), self.init, fan_in, taps * each, groups=self.groups)}
        return found | ({"bias": Param((self.filters,), decay=False)} if self.bias else {})

    def connections(self, *x: Shape) -> int:
        return self.multiply_adds(*x) + (math.prod(self.output_shape(*x)) if self.bias else 0)

    def multiply_adds(self, *x: Shape) -> int:
        return self.params(*x)["weight"].size * math.prod(x[0][:-1])

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        (image,) = x
        axes = self.adjoint_axes(image.shape[1:])
        paint = input_gradient_by_col2im if any(a.stride > 1 for a in axes) else input_gradient
        maps, filters = np.split(image, self.groups, -1), np.split(w["weight"], self.groups, -1)
        y = np.concatenate([paint(m, f, axes) for m, f in zip(maps, filters, strict=True)], -1)
        return Forward(y + w["bias"] if self.bias else y)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (image,) = kept.x
        axes = self.adjoint_axes(image.shape[1:])
        maps, dys = np.split(image, self.groups, -1), np.split(dy, self.groups, -1)
        filters = np.split(w["weight"], self.groups, -1)
        dx = None
        if all(kept.wants):
            dx = np.concatenate([correlate(d, f, axes) for d, f in zip(dys, filters, strict=True)], -1)
        weight = np.concatenate([filter_gradient(d, m, axes) for d, m in zip(dys, maps, strict=True)], -1)
        bias = {"bias": dy.sum(tuple(range(dy.ndim - 1)))} if self.bias else {}
        return Backward((dx,), {"weight": weight, **bias})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is bias + sum of x0 * weight, dx0 the sum of dy * weight, dweight of dy * x0, and dbias of dy."""
        (x,) = run.x
        axes, samples = self.adjoint_axes(x.shape[1:]), range(len(x))
        maps, each = x.shape[-1] // self.groups, self.filters // self.groups  # of a group
        match at:
            case At("y", (n, *place, k)):
                terms = [run.term(("bias", (k,)))] if self.bias else []
                first = k // each * maps
                for position, tap, _ in positions_and_taps(axes, place=tuple(place)):
                    for c in range(first, first + maps):
                        terms.append(run.term(("x0", (n, *position, c)), ("weight", (*tap, k % each, c))))
                return Terms(tuple(terms))
            case At("dx0", (n, *position, c)):
                first, met = c // maps * each, positions_and_taps(axes, position=tuple(position))
                pairs = [(tap, place, i) for _, tap, place in met for i in range(each)]
                return Terms(
                    tuple(
                        run.term(("dy", (n, *place, first + i)), ("weight", (*tap, i, c)))
                        for tap, place, i in pairs
                    )
                )
            case At("dweight", index):
                tap, (i, c) = index[:-2], index[-2:]
                first, met = c // maps * each, positions_and_taps(axes, tap=tap)
                return Terms(
                    tuple(
                        run.term(("dy", (n, *place, first + i)), ("x0", (n, *position, c)))
                        for n in samples
                        for position, _, place in met
                    )
                )
            case At("dbias", (k,)):
                return sum_of_dy(run, k)
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        (image,) = x
        axes, each = self.adjoint_axes(image.shape[1:]), self.filters // self.groups
        maps = image.shape[-1] // self.groups
        y = np.zeros((len(image), *(a.size for a in axes), self.filters), image.dtype)
        for position, tap, place in positions_and_taps(axes):  # x's place is the other's position
            for k in range(self.filters):
                for c in range(k // each * maps, k // each * maps + maps):
                    y[:, *place, k] += image[:, *position, c] * w["weight"][*tap, k % each, c]
        return y + w["bias"] if self.bias else y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3, 4), ((3, 4, 2),))
        yield Case(cls(3, 2, stride=2, pad=1, output_pad=1), ((3, 2, 3),))
        yield Case(cls((2, 3), 4, stride=(3, 1), pad="same", groups=2, bias=False), ((2, 4, 6),))
        yield Case(cls(3, 2, stride=2, dilation=2, pad=((1, 0), (2, 1))), ((3, 3, 1),), batch=1)
        yield Case(cls(4, 3, stride=2, pad="full"), ((6, 2),))
