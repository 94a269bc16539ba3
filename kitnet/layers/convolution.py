"""Convolution in one, two and three dimensions: the definition, the im2col form, and the gradients.

What deep learning calls convolution is cross-correlation: the filter is not turned. With stride s, dilation d
and p places of padding before the input (written for one axis; further axes repeat the index):

    y[n, o, k] = b[k] + sum over r, c of  x[n, s*o + d*r - p, c] * w[r, c, k]

With `flip` it is, by 180 degrees in all axes of the window: the convolution of mathematics and of SciPy. With
R taps, w[R-1-r, c, k] stands in the place of w[r, c, k], here and in the gradients.

`same` pads R - 1 places in all, the odd one behind where R is even, as libraries of deep learning do. The
"same" of SciPy and NumPy is the middle of the full convolution and has it before: pad=2:1 for R = 4.

Its gradients are convolutions again (LeCun et al. 1998; Bouvrie, "Notes on convolutional neural networks",
2006, eq. 9-13):

    dx[n, i, c] = sum over k, and over o, r with s*o + d*r - p = i, of  dy[n, o, k] * w[r, c, k]
    dw[r, c, k] = sum over n, o of  x[n, s*o + d*r - p, c] * dy[n, o, k]
    db[k]       = sum over n, o of  dy[n, o, k]

dx is the full correlation of dy, its numbers s apart, with w turned by 180 degrees, which is the true
convolution of dy with w. dw is the valid correlation of x with dy, the numbers of dy s apart, at every d-th
position.

x is (N, *sizes, C), w (*window, C, K), y (N, *output, K). With `groups` G, filter k sees only the C/G input
maps of its group and w is (*window, C/G, K). With a connection table w is (*window, links), one plane for
each link of the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis, Misfit, Pad, Shape, Sizes, say, slide
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.connection_table import LENET5_C3, TABLE, ConnectionTable
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.tracing import sum_of_dy
from kitnet.layers.value import INTEGER, MISFIT, PAD, SIZES, argument, choice
from kitnet.layers.window import (
    Axes,
    Index,
    area,
    output_sizes,
    overlap_add,
    positions_and_taps,
    unpadded,
    windows,
)


def correlate_by_loops(x: Array, w: Array, axes: Axes) -> Array:
    """The definition, literally: x (N, *sizes, C), w (*window, C, K) -> y (N, *output, K)."""
    y = np.zeros((len(x), *output_sizes(axes), w.shape[-1]), x.dtype)
    for position, tap, place in positions_and_taps(axes):
        for c in range(w.shape[-2]):
            for k in range(w.shape[-1]):
                y[:, *position, k] += x[:, *place, c] * w[*tap, c, k]
    return y


def correlate(x: Array, w: Array, axes: Axes) -> Array:
    """The im2col form: each window is a row, each filter a column, and y is their matrix product."""
    rows = windows(x, axes).reshape(-1, w.size // w.shape[-1])
    return (rows @ w.reshape(-1, w.shape[-1])).reshape(len(x), *output_sizes(axes), w.shape[-1])


def half_turn(w: Array) -> Array:
    """w (*window, C, K), each filter turned by 180 degrees: in all axes of the window."""
    return np.flip(w, tuple(range(w.ndim - 2)))


def turn(w: Array) -> Array:
    """w (*window, C, K) -> (*window, K, C), each filter turned by 180 degrees."""
    return half_turn(w).swapaxes(-2, -1)


def input_gradient(dy: Array, w: Array, axes: Axes) -> Array:
    """dx (N, *sizes, C) as the full correlation of dy (N, *output, K) with the turned filters."""
    spread = np.zeros((len(dy), *((a.output - 1) * a.stride + 1 for a in axes), dy.shape[-1]), dy.dtype)
    spread[:, *(slice(None, None, a.stride) for a in axes)] = dy
    whole = tuple(
        Axis(n, a.window, 1, a.dilation, a.extent - 1, a.extent - 1, n + a.extent - 1)
        for n, a in zip(spread.shape[1:-1], axes, strict=True)
    )
    full = correlate(spread, turn(w), whole)  # over the padded input, as far as any window reached
    dx = np.zeros((len(dy), *(a.before + a.size + a.after for a in axes), w.shape[-2]), dy.dtype)
    dx[:, *(slice(n) for n in full.shape[1:-1])] = full
    return unpadded(dx, axes)


def input_gradient_by_col2im(dy: Array, w: Array, axes: Axes) -> Array:
    """The same dx as the adjoint of im2col: the gradient of every window, added up where windows overlap."""
    rows = dy.reshape(-1, dy.shape[-1]) @ w.reshape(-1, w.shape[-1]).T
    return overlap_add(rows.reshape(*dy.shape[:-1], *w.shape[:-1]), axes)


def filter_gradient(x: Array, dy: Array, axes: Axes) -> Array:
    """dw (*window, C, K): at each tap, what the window saw there times dy, over all samples and positions."""
    rows = windows(x, axes).reshape(math.prod(dy.shape[:-1]), area(axes) * x.shape[-1])
    dw = rows.T @ dy.reshape(-1, dy.shape[-1])
    return dw.reshape(*(a.window for a in axes), x.shape[-1], dy.shape[-1])


def filter_gradient_as_correlation(x: Array, dy: Array, axes: Axes) -> Array:
    """The same dw written as a correlation: dy is the filter that slides over x, and samples are summed as a
    convolution sums channels.

    Stride and dilation change roles: the taps of dy lie `stride` apart, and it slides by `dilation`.
    """
    swapped = tuple(Axis(a.size, a.output, a.dilation, a.stride, a.before, a.after, a.window) for a in axes)
    return np.moveaxis(correlate(x.swapaxes(0, -1), np.moveaxis(dy, 0, -2), swapped), 0, -2)


@dataclass(frozen=True)
class Convolution(Layer):
    """`conv5-6`: y[o, k] = b[k] + sum over taps r and maps c of x[stride * o + dilation * r - before, c] *
    w[r, c, k], with 6 filters of 5x5. Window, stride, pad and dilation are one number, or one an axis.

    `pad` is valid, same, full, a number, or one number or pair an axis; `groups` cuts the depth: into single
    channels with as many filters it is depthwise, and separable with a `conv1` behind (Howard et al. 2017);
    `table` names the input maps of each filter; `flip` turns the filters, for the convolution of mathematics;
    `floor`, `ceil`, `pad` and `crop` say what becomes of places that the stride does not divide. Source:
    LeCun et al. 1998, section II.A; groups: Krizhevsky et al. 2012; dilation: Yu & Koltun 2016 (1 is the
    ordinary window here).
    """

    word = "conv"
    numbers = ("window", "filters")
    products = frozenset({"weight"})

    window: Sizes = argument(SIZES)
    filters: int = argument(INTEGER)
    stride: Sizes = argument(SIZES, 1)
    pad: Pad = argument(PAD, "valid")
    dilation: Sizes = argument(SIZES, 1)
    groups: int = 1
    table: ConnectionTable | None = argument(TABLE, None)
    bias: bool = True
    on_misfit: Misfit = argument(MISFIT, "error")
    init: str = argument(choice(*INITIALISERS), "he")
    flip: bool = False

    def axes(self, x: Shape) -> Axes:
        return slide(x, self.window, self.stride, self.pad, self.dilation, self.on_misfit, "filter")

    def output_shape(self, *x: Shape) -> Shape:
        (volume,) = x
        axes = self.axes(volume)
        depth, groups = volume[-1], self.groups
        if self.filters < 1 or groups < 1:
            what = f"{self.filters} filters" + (f" in {groups} groups" if groups != 1 else "")
            raise ShapeError(f"{what} are not possible", "use 1 or more")
        if depth % groups or self.filters % groups:
            raise ShapeError(
                f"{groups} groups do not divide a depth of {depth} and {self.filters} filters",
                "use a divisor of both",
            )
        if self.table is not None:
            columns = self.table.columns
            if groups > 1:
                raise ShapeError("a connection table and groups exclude each other", "leave one of them out")
            if len(columns) != self.filters:
                raise ShapeError(
                    f"the connection table has {len(columns)} columns for {self.filters} filters",
                    "give one a filter",
                )
            if max(map(max, columns)) >= depth:
                raise ShapeError(
                    f"the connection table names map {max(map(max, columns))} but the input {say(volume)} "
                    f"has maps 0 to {depth - 1}",
                    "name only these",
                )
        return *output_sizes(axes), self.filters

    def params(self, *x: Shape) -> dict[str, Param]:
        (volume,) = x
        taps, depth = area(self.axes(volume)), volume[-1] // self.groups
        window = tuple(a.window for a in self.axes(volume))
        if self.table is None:
            fan_in, fan_out = taps * depth, taps * self.filters // self.groups
            found = {
                "weight": Param(
                    (*window, depth, self.filters), self.init, fan_in, fan_out, groups=self.groups
                )
            }
        else:
            each = tuple(taps * len(self.table.columns[k]) for k in self.table.pairs()[1])
            found = {"weight": Param((*window, self.table.links), self.init, each, taps * self.filters)}
        return found | ({"bias": Param((self.filters,), decay=False)} if self.bias else {})

    def connections(self, *x: Shape) -> int:
        each = sum(p.size for p in self.params(*x).values())
        return each * math.prod(self.output_shape(*x)[:-1])

    def multiply_adds(self, *x: Shape) -> int:
        return self.params(*x)["weight"].size * math.prod(self.output_shape(*x)[:-1])

    def dense(self, weight: Array, depth: int) -> Array:
        """The filters (*window, C/groups, K) that are correlated: turned with `flip`; with a connection table
        0 where there is no link."""
        w = self._linked(weight, depth)
        return half_turn(w) if self.flip else w

    def _linked(self, weight: Array, depth: int) -> Array:
        if self.table is None:
            return weight
        w = np.zeros((*weight.shape[:-1], depth, self.filters), weight.dtype)
        maps, filters = self.table.pairs()
        w[..., maps, filters] = weight
        return w

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        (image,) = x
        axes = self.axes(image.shape[1:])
        filters = np.split(self.dense(w["weight"], image.shape[-1]), self.groups, -1)
        maps = np.split(image, self.groups, -1)
        y = np.concatenate([correlate(m, f, axes) for m, f in zip(maps, filters, strict=True)], -1)
        return Forward(y + w["bias"] if self.bias else y)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (image,) = kept.x
        axes = self.axes(image.shape[1:])
        filters = np.split(self.dense(w["weight"], image.shape[-1]), self.groups, -1)
        maps, dys = np.split(image, self.groups, -1), np.split(dy, self.groups, -1)
        dx = None
        if all(kept.wants):
            strided = any(a.stride > 1 for a in axes)  # then most of what a full correlation multiplies is 0
            gradient = input_gradient_by_col2im if strided else input_gradient
            dx = np.concatenate([gradient(d, f, axes) for d, f in zip(dys, filters, strict=True)], -1)
        weight = np.concatenate([filter_gradient(m, d, axes) for m, d in zip(maps, dys, strict=True)], -1)
        if self.flip:
            weight = half_turn(weight)
        if self.table is not None:
            weight = weight[..., *self.table.pairs()]
        bias = {"bias": dy.sum(tuple(range(dy.ndim - 1)))} if self.bias else {}
        return Backward((dx,), {"weight": weight, **bias})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is bias + sum of x0 * weight, dx0 the sum of dy * weight, dweight of x0 * dy, and dbias of dy."""
        (x,) = run.x
        axes, depth = self.axes(x.shape[1:]), x.shape[-1]
        match at:
            case At("y", (n, *position, k)):
                bias, planes = [run.term(("bias", (k,)))] if self.bias else [], list(self.planes(depth, k))
                met = positions_and_taps(axes, position=tuple(position))
                read = [(n, *place, c) for _, _, place in met for c, _ in planes]
                weights = [(*self._tap(axes, tap), *plane) for _, tap, _ in met for _, plane in planes]
                return Terms((*bias, *run.products(("x0", read), ("weight", weights))))
            case At("dx0", (n, *place, c)):
                planes = self._seen_by(depth, c)
                met = positions_and_taps(axes, place=tuple(place))
                read = [(n, *position, k) for position, _, _ in met for k, _ in planes]
                weights = [(*self._tap(axes, tap), *plane) for _, tap, _ in met for _, plane in planes]
                return Terms(tuple(run.products(("dy", read), ("weight", weights))))
            case At("dweight", index):
                tap, plane = index[: len(axes)], index[len(axes) :]
                c, k = self._link(depth, plane)
                met = positions_and_taps(axes, tap=self._tap(axes, tap))
                return Terms(
                    tuple(
                        run.term(("x0", (n, *place, c)), ("dy", (n, *position, k)))
                        for n in range(len(x))
                        for position, _, place in met
                    )
                )
            case At("dbias", (k,)):
                return sum_of_dy(run, k)
        return super().terms(run, at)

    def _tap(self, axes: Axes, tap: Index) -> Index:
        """The tap of the layer's own filter that stands at this one of the window, or the other way round."""
        return tuple(a.window - 1 - t for a, t in zip(axes, tap, strict=True)) if self.flip else tap

    def planes(self, depth: int, k: int) -> list[tuple[int, tuple[int, ...]]]:
        """The input maps that filter k sees, each with the last indices of its weights: (c, k), or the link
        of a connection table."""
        if self.table is not None:
            first = sum(map(len, self.table.columns[:k]))
            return [(c, (first + i,)) for i, c in enumerate(self.table.columns[k])]
        each = depth // self.groups
        first = k // (self.filters // self.groups) * each
        return [(first + i, (i, k)) for i in range(each)]

    def _seen_by(self, depth: int, c: int) -> list[tuple[int, tuple[int, ...]]]:
        """The filters that see input map c, each with the last indices of its weights."""
        if self.table is not None:
            return [(k, p) for k in range(self.filters) for m, p in self.planes(depth, k) if m == c]
        each, filters = depth // self.groups, self.filters // self.groups
        group = c // each
        return [(k, (c - group * each, k)) for k in range(group * filters, (group + 1) * filters)]

    def _link(self, depth: int, plane: tuple[int, ...]) -> tuple[int, int]:
        """The input map and the filter of the weights with these last indices."""
        if self.table is not None:
            maps, filters = self.table.pairs()
            return maps[plane[0]], filters[plane[0]]
        i, k = plane
        return k // (self.filters // self.groups) * (depth // self.groups) + i, k

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        (image,) = x
        axes = self.axes(image.shape[1:])
        depth = image.shape[-1] // self.groups
        own = self._linked(w["weight"], image.shape[-1])
        filters = np.empty_like(own)
        for tap in np.ndindex(*(a.window for a in axes)):
            filters[tap] = own[self._tap(axes, tap)]
        y = np.zeros((len(image), *output_sizes(axes), self.filters), image.dtype)
        for k in range(self.filters):
            first = k // (self.filters // self.groups) * depth
            y[..., k : k + 1] = correlate_by_loops(
                image[..., first : first + depth], filters[..., k : k + 1], axes
            )
        return y + w["bias"] if self.bias else y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3, 4), ((5, 6, 3),))
        yield Case(cls((1, 1), 3), ((3, 4, 2),), batch=3)
        yield Case(cls(5, 2, pad="same"), ((5, 7, 1),))
        yield Case(cls((2, 3), 3, pad="full", bias=False), ((3, 4, 2),))
        yield Case(cls(3, 2, stride=2, pad="same"), ((6, 7, 3),))
        yield Case(cls((3, 2), 3, stride=(2, 3), pad=((1, 0), (0, 2)), on_misfit="floor"), ((7, 6, 2),))
        yield Case(cls(2, 3, stride=4, on_misfit="floor"), ((7, 8, 1),))  # gaps between the windows
        yield Case(cls(3, 2, stride=4, on_misfit="crop"), ((9, 6, 2),))
        yield Case(cls(2, 3, stride=3, on_misfit="ceil"), ((7, 6, 1),))
        yield Case(cls(3, 2, dilation=(2, 1)), ((7, 5, 2),))
        yield Case(cls(2, 2, stride=2, dilation=3, pad=2), ((6, 8, 1),))
        yield Case(cls(1, 2, pad=3, stride=2), ((3, 5, 2),))  # windows that lie wholly in padding
        yield Case(cls(3, 6, groups=3, pad=1), ((4, 5, 6),))
        yield Case(cls(3, 5, groups=5, pad=1), ((4, 3, 5),), batch=1)  # depthwise
        yield Case(cls((3, 2), 6, stride=(2, 1), pad=1, dilation=(1, 2), groups=6), ((7, 5, 6),))
        yield Case(cls(2, 16, table=LENET5_C3), ((3, 4, 6),))
        yield Case(
            cls(2, 3, table=ConnectionTable(((0, 2), (1,), (0, 1, 2))), stride=2, bias=False), ((4, 6, 3),)
        )
        yield Case(
            cls((2, 3), 4, stride=(1, 2), pad=((1, 0), (0, 1)), groups=2, on_misfit="floor", flip=True),
            ((4, 6, 2),),
        )
        yield Case(
            cls(2, 3, table=ConnectionTable(((0, 2), (1,), (0, 1, 2))), pad="same", flip=True), ((3, 4, 3),)
        )
        yield Case(cls(3, 4, pad="same"), ((9, 2),))
        yield Case(cls(4, 6, stride=2, dilation=2, groups=2, on_misfit="floor"), ((12, 4),))
        yield Case(cls(2, 3), ((3, 4, 3, 2),))
        yield Case(cls((1, 3, 2), 4, stride=(1, 2, 1), pad="same", groups=2), ((2, 5, 3, 2),))
