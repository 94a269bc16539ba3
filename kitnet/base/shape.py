"""Volumes and the arithmetic of windows that slide over them.

A shape is a tuple without the batch axis, channels last: (28, 28, 1) is said 28x28x1, (120,) is said 120. A
window of size F with dilation D covers E = D(F-1)+1 places; over N places with P places of padding in all and
stride S it has

    O = (N + P - E) / S + 1

positions (Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016; CS231n writes
(W-F+2P)/S+1). Dilation 1 is the ordinary window; some texts call that "dilation 0".

Where S does not divide, a layer says what becomes of the rest (`on_misfit`):

    error   nothing: the sizes are refused, with the nearest ones that fit
    floor   the last places are not read
    ceil    one more window hangs over the end, as in Caffe's pooling
    pad     the padding grows by what is missing, the odd place behind
    crop    the padded input shrinks by what is left, the odd place behind
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

from kitnet.base.error import ShapeError

Shape = tuple[int, ...]
Sizes = int | tuple[int, ...]  # one number for all axes, or one an axis
Pad = Literal["valid", "same", "full"] | int | tuple[int | tuple[int, int], ...]
Misfit = Literal["error", "floor", "ceil", "pad", "crop"]
MISFITS: tuple[Misfit, ...] = get_args(Misfit)


def say(shape: Sequence[int]) -> str:
    """(28, 28, 1) -> '28x28x1'."""
    return "x".join(map(str, shape)) or "1"


def with_article(text: str) -> str:
    """'3x3 filter' -> 'a 3x3 filter', '11x11 filter' -> 'an 11x11 filter'; numbers as they are spoken."""
    return f"an {text}" if re.match(r"8|(11|18)\D", text) else f"a {text}"


def say_pad(pad: Pad) -> str:
    """((1, 2), 3) -> '1:2x3', as the language writes it."""
    if isinstance(pad, str | int):
        return str(pad)
    return "x".join(str(p) if isinstance(p, int) else f"{p[0]}:{p[1]}" for p in pad)


def per_axis(value: Sizes, rank: int, what: str = "window") -> Shape:
    """One number an axis: 3 -> (3, 3) for rank 2. Raises ShapeError when the number of axes differs."""
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        axes = "axis" if rank == 1 else "axes"
        raise ShapeError(
            f"the {what} {say(value)} has {len(value)} numbers but its input has {rank} {axes}",
            f"give one number, or {rank}",
        )
    return tuple(value)


@dataclass(frozen=True)
class Axis:
    """Windows along one axis: `size` places, padded with `before` and `after`, give `output` positions.

    A stride of 0 says that windows are regions instead, parts of the axis as equal as can be: on N places
    region o of O begins at floor(o N / O) and ends before ceil((o + 1) N / O); `window` is the largest.
    Where the input is cropped, `before` or `after` is below 0: so many places are not seen.
    """

    size: int
    window: int
    stride: int
    dilation: int
    before: int
    after: int
    output: int

    @property
    def extent(self) -> int:
        """Places from the first to the last tap of the window."""
        return self.dilation * (self.window - 1) + 1

    @property
    def regions(self) -> bool:
        """Whether windows are regions whose borders no stride leads to."""
        return self.stride == 0

    @property
    def links(self) -> int:
        """The taps of all windows together, those in padding included."""
        if self.regions:  # neighbours share a place wherever a border is no whole number
            return self.size + self.output - math.gcd(self.size, self.output)
        return self.window * self.output

    def start(self, position: int) -> int:
        """The place of the first tap of a window, below 0 where it lies in padding."""
        if self.regions:
            return position * self.size // self.output
        return position * self.stride - self.before

    def taps(self, position: int) -> range:
        """The taps of a window that lie on the input."""
        start = self.start(position)
        if self.regions:
            return range(-(-(position + 1) * self.size // self.output) - start)
        first, end = -(start // self.dilation), -((start - self.size) // self.dilation)
        return range(max(first, 0), min(end, self.window))

    @property
    def empty(self) -> int | None:
        """The first position whose window lies wholly in padding; None where every one meets the input.

        The first and the last tell it, since the volume of a network that is only described may be of any
        size. But any window can miss an input that is smaller than its dilation. Whether one does follows
        from its start modulo the dilation; once size + 1 in a row have not, a start has come back, and so
        will all others.
        """
        asked = min(self.output, self.size + 1) if self.dilation > self.size else 1
        return next((o for o in chain(range(asked), [self.output - 1]) if not self.taps(o)), None)


@dataclass(frozen=True)
class Sliding:
    """A window along one axis as it is asked for, whether it fits or not."""

    size: int
    window: int
    stride: int
    dilation: int
    pad: Literal["valid", "same", "full"] | tuple[int, int]
    on_misfit: Misfit
    side_by_side: bool = False  # whether the stride is the window's size, whatever that is
    meets_input: bool = False  # whether no window may lie wholly in padding

    @property
    def extent(self) -> int:
        return self.dilation * (self.window - 1) + 1

    @property
    def padding(self) -> tuple[int, int]:
        """Places before and after the input."""
        match self.pad:
            case "valid":
                return 0, 0
            case "full":
                return self.extent - 1, self.extent - 1
            case "same":
                positions = -(-self.size // self.stride)
                total = max((positions - 1) * self.stride + self.extent - self.size, 0)
                return total // 2, total - total // 2
        return self.pad

    def axis(self) -> Axis | None:
        """The window with its number of positions; None where it does not fit, or may not lie so."""
        axis = self.positions()
        return None if axis and self.meets_input and axis.empty is not None else axis

    def positions(self) -> Axis | None:
        """The same wherever its windows lie."""
        before, after = self.padding
        steps, left = divmod(self.size + before + after - self.extent, self.stride)
        if steps < 0 or (left and self.pad != "same" and self.on_misfit == "error"):
            return None
        missing = self.stride - left
        if left and self.pad != "same":
            match self.on_misfit:
                case "ceil" if (steps + 1) * self.stride < before + self.size:  # not wholly in the padding
                    steps, after = steps + 1, after + missing
                case "pad":
                    before, after, steps = before + missing // 2, after + missing - missing // 2, steps + 1
                case "crop":
                    before, after = before - left // 2, after - (left - left // 2)
        return Axis(self.size, self.window, self.stride, self.dilation, before, after, steps + 1)


def slide(
    volume: Shape,
    window: Sizes,
    stride: Sizes | None = 1,
    pad: Pad = "valid",
    dilation: Sizes = 1,
    on_misfit: Misfit = "error",
    what: str = "window",
    meets_input: bool = False,
) -> tuple[Axis, ...]:
    """The window along each axis of `volume`, whose last axis is the depth.

    `pad` is 'valid' (none), 'same' (an output of ceil(size / stride), the odd place behind; SciPy has it
    before), 'full' (all overlaps, extent - 1 on both sides), a number for both sides, or one number or
    (before, after) an axis. Without a `stride` windows lie side by side. `on_misfit` says what becomes of the
    places that the stride does not divide. Raises ShapeError where a window does not fit, or lies wholly in
    padding though it must meet the input, with the nearest sizes that do.
    """
    sizes, rank = volume[:-1], _rank(volume, what)
    windows = per_axis(window, rank, what)
    strides = windows if stride is None else per_axis(stride, rank, "stride")
    dilations = per_axis(dilation, rank, "dilation")
    for name, values in ((what, windows), ("stride", strides), ("dilation", dilations)):
        if min(values) < 1:
            raise ShapeError(f"a {name} of {say(values)} is not possible", "use 1 or more")
    asked = [
        Sliding(*numbers, on_misfit, stride is None, meets_input)
        for numbers in zip(sizes, windows, strides, dilations, _pads(pad, rank), strict=True)
    ]
    axes = tuple(axis for one in asked if (axis := one.axis()) is not None)
    if len(axes) < rank:
        from kitnet.base.misfit import misfit_error  # which imports this module

        raise misfit_error(asked, volume[-1], what)
    return axes


def divide(volume: Shape, regions: Sizes, what: str = "region") -> tuple[Axis, ...]:
    """Each axis of `volume`, whose last one is the depth, cut into so many regions, as equal as can be.

    Where the number divides the size, they are windows side by side. Raises ShapeError.
    """
    counts = per_axis(regions, _rank(volume, what), "number of regions")
    if min(counts) < 1:
        raise ShapeError(f"{say(counts)} regions are not possible", "use 1 or more")
    axes = []
    for n, count in zip(volume[:-1], counts, strict=True):
        # Borders are whole multiples of size / of; the largest region begins (of - 1) / of behind a place.
        size, of = n // math.gcd(n, count), count // math.gcd(n, count)
        largest = -(-(size + of - 1) // of)
        axes.append(Axis(n, largest, largest if of == 1 else 0, 1, 0, 0, count))
    return tuple(axes)


def _rank(volume: Shape, what: str) -> int:
    """The axes of a volume that windows slide along. Raises ShapeError where there are none, or too many."""
    rank = len(volume) - 1
    if rank not in (1, 2, 3):
        raise ShapeError(
            f"a {what} slides over volumes such as 28x28x1, but its input is {say(volume)}",
            "put it before the layers that flatten",
        )
    return rank


def padding_of(pad: Pad, sizes: Shape, extents: Shape, strides: Shape) -> list[tuple[int, int]]:
    """Places (before, after) each axis, as `slide` takes a pad. Raises ShapeError."""
    asked = zip(sizes, extents, strides, _pads(pad, len(sizes)), strict=True)
    return [Sliding(n, extent, stride, 1, one, "floor").padding for n, extent, stride, one in asked]


def _pads(pad: Pad, rank: int) -> Sequence[Literal["valid", "same", "full"] | tuple[int, int]]:
    """What each axis is padded with. Raises ShapeError."""
    if isinstance(pad, str):
        return (pad,) * rank
    given = (pad,) * rank if isinstance(pad, int) else pad
    if len(given) != rank:
        raise ShapeError(
            f"a pad of {say_pad(pad)} does not fit an input of {rank} axes", f"give one number, or {rank}"
        )
    pairs = [(p, p) if isinstance(p, int) else p for p in given]
    if any(min(pair) < 0 for pair in pairs):
        raise ShapeError("a negative pad is not possible", "use 0 or more")
    return pairs
