"""Volumes and the arithmetic of windows that slide over them.

A shape is a tuple without the batch axis, channels last: (28, 28, 1) is said 28x28x1, (120,) is said 120. A
window of size F with dilation D covers E = D(F-1)+1 places; over N places with P places of padding in all and
stride S it has

    O = (N + P - E) / S + 1

positions (Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016; CS231n writes
(W-F+2P)/S+1). Dilation 1 is the ordinary window; some texts call that "dilation 0".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kitnet.base.error import ShapeError

Shape = tuple[int, ...]
Sizes = int | tuple[int, ...]  # one number for all axes, or one an axis
Pad = Literal["valid", "same", "full"] | int | tuple[int | tuple[int, int], ...]
Misfit = Literal["error", "floor"]


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


def slide(
    volume: Shape,
    window: Sizes,
    stride: Sizes = 1,
    pad: Pad = "valid",
    dilation: Sizes = 1,
    on_misfit: Misfit = "error",
    what: str = "window",
) -> tuple[Axis, ...]:
    """The window along each axis of `volume`, whose last axis is the depth.

    `pad` is 'valid' (none), 'same' (an output of ceil(size / stride), the odd place behind), 'full' (all
    overlaps, extent - 1 on both sides), a number for both sides, or one number or (before, after) an axis.
    Where the stride does not divide what is left of the input, `on_misfit` 'error' raises ShapeError and
    'floor' drops the rest. Raises ShapeError where a window does not fit.
    """
    sizes, rank = volume[:-1], _rank(volume, what)
    windows = per_axis(window, rank, what)
    window_text = with_article(f"{say(windows)} {what}")
    strides, dilations = per_axis(stride, rank, "stride"), per_axis(dilation, rank, "dilation")
    for name, values in ((what, windows), ("stride", strides), ("dilation", dilations)):
        if min(values) < 1:
            raise ShapeError(f"a {name} of {say(values)} is not possible", "use 1 or more")
    extents = tuple(d * (k - 1) + 1 for k, d in zip(windows, dilations, strict=True))
    pads = padding_of(pad, sizes, extents, strides)
    padded = [n + before + after for n, (before, after) in zip(sizes, pads, strict=True)]
    if any(e > n for e, n in zip(extents, padded, strict=True)):
        spread = (
            "" if extents == windows else f" (spread over {say(extents)} by a dilation of {say(dilations)})"
        )
        inside = "" if tuple(padded) == sizes else f" padded to {say(padded)}"
        need = max(-(-(e - n) // 2) for n, e in zip(sizes, extents, strict=True))
        raise ShapeError(
            f"{window_text}{spread} does not fit its {say(volume)} input{inside}",
            f"use pad={need} or a smaller {what}",
        )
    axes = []
    for axis, n in enumerate(sizes):
        e, s, (before, after) = extents[axis], strides[axis], pads[axis]
        steps, left = divmod(n + before + after - e, s)
        if left and on_misfit == "error" and pad != "same":
            padding = f" + {before + after}" if before + after else ""
            raise ShapeError(
                f"a stride of {s} does not divide: ({n}{padding} - {e}) / {s} + 1 = "
                f"{steps + left / s + 1:.4g} positions of {window_text} on its {say(volume)} input",
                f"write floor to drop the last {left}, or change stride or pad",
            )
        axes.append(Axis(n, windows[axis], s, dilations[axis], before, after, steps + 1))
    return tuple(axes)


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
    if pad == "valid":
        return [(0, 0)] * len(sizes)
    if pad == "full":
        return [(e - 1, e - 1) for e in extents]
    if pad == "same":
        totals = [
            max((-(-n // s) - 1) * s + e - n, 0) for n, e, s in zip(sizes, extents, strides, strict=True)
        ]
        return [(t // 2, t - t // 2) for t in totals]
    given = (pad,) * len(sizes) if isinstance(pad, int) else pad
    if isinstance(given, str) or len(given) != len(sizes):
        raise ShapeError(
            f"a pad of {say_pad(pad)} does not fit an input of {len(sizes)} axes",
            f"give one number, or {len(sizes)}",
        )
    pairs = [(p, p) if isinstance(p, int) else p for p in given]
    if any(min(pair) < 0 for pair in pairs):
        raise ShapeError("a negative pad is not possible", "use 0 or more")
    return pairs
