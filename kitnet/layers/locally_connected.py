"""The locally connected layer: a convolution whose filters are not shared, every position has its own.

    y[n, o, k] = b[o, k] + sum over r, c of  x[n, s*o + r - p, c] * w[o, r, c, k]

(written for one axis; further axes repeat the index). It makes sense where positions differ in what they
show, as in pictures of faces that are centred (Taigman et al., "DeepFace", 2014, section 3; LeCun,
"Generalization and network design strategies", 1989). Its gradients are those of a convolution, position by
position:

    dx[n, i, c]    = sum over k, and over o, r with s*o + r - p = i, of  dy[n, o, k] * w[o, r, c, k]
    dw[o, r, c, k] = sum over n of  x[n, s*o + r - p, c] * dy[n, o, k]
    db[o, k]       = sum over n of  dy[n, o, k]

x is (N, *sizes, C), y (N, *output, K), w (*output, *window, C, K) and b (*output, K).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Misfit, Pad, Shape, Sizes, slide
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.value import INTEGER, MISFIT, PAD, SIZES, argument, choice
from kitnet.layers.window import Axes, area, output_sizes, overlap_add, positions_and_taps, windows


@dataclass(frozen=True)
class LocallyConnected(Layer):
    """`local3-16`: y[o, k] = b[o, k] + sum over taps r and maps c of x[stride * o + r - before, c] *
    w[o, r, c, k]: 16 filters of 3x3 at every position o, each position with filters and biases of its own.

    Window, stride and pad as in `conv`. Source: Taigman et al. 2014, section 3.
    """

    word = "local"
    numbers = ("window", "filters")
    products = frozenset({"weight"})

    window: Sizes = argument(SIZES)
    filters: int = argument(INTEGER)
    stride: Sizes = argument(SIZES, 1)
    pad: Pad = argument(PAD, "valid")
    bias: bool = True
    on_misfit: Misfit = argument(MISFIT, "error")
    init: str = argument(choice(*INITIALISERS), "he")

    def axes(self, x: Shape) -> Axes:
        return slide(x, self.window, self.stride, self.pad, 1, self.on_misfit, "filter")

    def output_shape(self, *x: Shape) -> Shape:
        if self.filters < 1:
            raise ShapeError(f"{self.filters} filters are not possible", "use 1 or more")
        return *output_sizes(self.axes(x[0])), self.filters

    def params(self, *x: Shape) -> dict[str, Param]:
        axes, depth, output = self.axes(x[0]), x[0][-1], self.output_shape(*x)
        window, taps = tuple(a.window for a in axes), area(axes)
        shape = *output[:-1], *window, depth, self.filters
        places = math.prod(output[:-1])
        weight = Param(shape, self.init, taps * depth, taps * self.filters, positions=places)
        found = {"weight": weight}
        return found | ({"bias": Param(output, decay=False)} if self.bias else {})

    def connections(self, *x: Shape) -> int:
        return sum(p.size for p in self.params(*x).values())

    def multiply_adds(self, *x: Shape) -> int:
        return self.params(*x)["weight"].size

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        y = np.einsum("pnj,pjk->npk", self._rows(x[0]), self._matrices(w), optimize=True)
        y = y.reshape(len(x[0]), *self.output_shape(x[0].shape[1:]))
        return Forward(y + w["bias"] if self.bias else y)

    def _rows(self, x: Array) -> Array:
        """(positions, N, taps * C): what the window covers at each position."""
        axes = self.axes(x.shape[1:])
        seen = windows(x, axes).reshape(len(x), math.prod(output_sizes(axes)), area(axes) * x.shape[-1])
        return seen.swapaxes(0, 1)

    def _matrices(self, w: Arrays) -> Array:
        """(positions, taps * C, K): the filters of each position as a matrix."""
        weight = w["weight"]
        rank = (weight.ndim - 2) // 2
        return weight.reshape(math.prod(weight.shape[:rank]), -1, self.filters)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        axes = self.axes(x.shape[1:])
        dys = dy.reshape(len(dy), math.prod(dy.shape[1:-1]), self.filters)
        weight = np.einsum("pnj,npk->pjk", self._rows(x), dys, optimize=True)
        dx = None
        if all(kept.wants):
            d = np.einsum("npk,pjk->npj", dys, self._matrices(w), optimize=True)
            dx = overlap_add(d.reshape(*dy.shape[:-1], *(a.window for a in axes), x.shape[-1]), axes)
        bias = {"bias": dy.sum(0)} if self.bias else {}
        return Backward((dx,), {"weight": weight.reshape(w["weight"].shape), **bias})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is bias + sum of x0 * weight, dx0 the sum of dy * weight, dweight of x0 * dy, and dbias of dy."""
        (x,) = run.x
        axes, maps, filters = self.axes(x.shape[1:]), range(x.shape[-1]), range(self.filters)
        rank, samples = len(axes), range(len(x))
        match at:
            case At("y", (n, *position, k)):
                terms = [run.term(("bias", (*position, k)))] if self.bias else []
                for o, tap, place in positions_and_taps(axes, position=tuple(position)):
                    terms += [run.term(("x0", (n, *place, c)), ("weight", (*o, *tap, c, k))) for c in maps]
                return Terms(tuple(terms))
            case At("dx0", (n, *place, c)):
                met = positions_and_taps(axes, place=tuple(place))
                return Terms(
                    tuple(
                        run.term(("dy", (n, *o, k)), ("weight", (*o, *tap, c, k)))
                        for o, tap, _ in met
                        for k in filters
                    )
                )
            case At("dweight", index):
                o, tap, (c, k) = index[:rank], index[rank : 2 * rank], index[2 * rank :]
                met = positions_and_taps(axes, position=o, tap=tap)
                return Terms(
                    tuple(
                        run.term(("x0", (n, *place, c)), ("dy", (n, *o, k)))
                        for n in samples
                        for _, _, place in met
                    )
                )
            case At("dbias", index):
                return Terms(tuple(run.term(("dy", (n, *index))) for n in samples))
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        (image,) = x
        y = np.zeros((len(image), *self.output_shape(image.shape[1:])), image.dtype)
        for position, tap, place in positions_and_taps(self.axes(image.shape[1:])):
            for c in range(image.shape[-1]):
                for k in range(self.filters):
                    y[:, *position, k] += image[:, *place, c] * w["weight"][*position, *tap, c, k]
        return y + w["bias"] if self.bias else y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3, 4), ((4, 5, 2),))
        yield Case(cls((2, 3), 3, stride=(2, 1), pad=((1, 0), (1, 1)), bias=False), ((5, 4, 3),), batch=1)
        yield Case(cls(2, 2, stride=3, on_misfit="floor"), ((6, 8, 1),))  # gaps between the windows
        yield Case(cls(3, 5, pad="same"), ((6, 2),))
