"""Windows that slide over volumes, or are regions of them, without products: which taps of a window lie on
its input, which windows cover a place, and the way back from outputs to inputs.

Bounds are Python integers wherever every window lies on the input, so that loops over them unroll or stay
free of tests; where there is padding they are clipped at run time.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from kitnet.base.shape import Axis
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import (
    Place,
    Vectors,
    each_position,
    each_tile,
    equal,
    higher,
    lower,
    place_offset,
    put,
)

Axes = tuple[Axis, Axis, Axis]
Bounds = tuple[Index, Index]

# What a window sends back: given its group, place and the vectors wanted, a function from a tap to the values
# for that tap. What does not depend on the tap is read in the first call.
PerTap = Callable[[Place], list[Value]]
Sends = Callable[[Index, Place, Vectors], PerTap]

_UNROLLED = 16  # taps at most that are written out one by one; more are loops


def axes(window: Window, x: Volume, y: Volume) -> Axes:
    """The window along each axis; `after` is below zero where the last places of the input are not seen."""
    if x.channels != y.channels:
        raise ValueError(f"pooling keeps the channels, but {x.channels} become {y.channels}")

    def axis(i: int) -> Axis:
        n, o, f, s, d = x.sizes[i], y.sizes[i], window.size[i], window.stride[i], window.dilation[i]
        if s == 0:  # regions
            return Axis(n, f, s, 1, 0, 0, o)
        b, extent = window.before[i], d * (f - 1) + 1
        after = (o - 1) * s + extent - n - b
        if b >= extent or after >= extent:
            raise ValueError(
                f"windows of {extent} with {b} and {after} places of padding: one lies wholly in it"
            )
        return Axis(n, f, s, d, b, after, o)

    return axis(0), axis(1), axis(2)


def start(axis: Axis, position: Index) -> Index:
    """The place of the first tap of the window at this position, below 0 where it lies in padding."""
    if axis.regions:
        return position * axis.size // axis.output
    return position * axis.stride - axis.before


def taps_inside(axis: Axis, position: Index) -> Bounds:
    """The taps of the window at this position that lie on the input."""
    if axis.regions:
        return 0, _ceiling((position + 1) * axis.size, axis.output) - start(axis, position)
    d = axis.dilation
    first = higher(_ceiling(axis.before - position * axis.stride, d), 0) if axis.before > 0 else 0
    end = _ceiling(axis.size + axis.before - position * axis.stride, d)
    return first, lower(end, axis.window) if axis.after > 0 else axis.window


def covering(axis: Axis, place: Index) -> Bounds:
    """The positions of the windows that cover this place of the input, even where their taps step over it."""
    if axis.regions:
        return place * axis.output // axis.size, _ceiling((place + 1) * axis.output, axis.size)
    place = place + axis.before
    first = (place - axis.extent) // axis.stride + 1
    return higher(first, 0), lower(place // axis.stride + 1, axis.output)


def _ceiling(index: Index, divisor: int) -> Index:
    """The quotient, rounded up."""
    return index if divisor == 1 else (index + (divisor - 1)) // divisor


def each(k: Kernel, bounds: Sequence[Bounds], body: Callable[[Place], None], backwards: bool = False) -> None:
    """`body` for every place within the bounds, the last axis fastest."""
    known = [(first, end) for first, end in bounds if isinstance(first, int) and isinstance(end, int)]
    unroll = len(known) == 3 and math.prod(end - first for first, end in known) <= _UNROLLED
    with ExitStack() as loops:

        def along(axis: int, before: tuple[Index, ...]) -> None:
            if axis == 3:
                body((before[0], before[1], before[2]))
                return
            first, end = bounds[axis]
            turns = range(*known[axis]) if unroll else [loops.enter_context(k.loop(first, end))]
            for i in turns:
                along(axis + 1, (*before, first + end - 1 - i if backwards else i))

        along(0, ())


def taps_seen(k: Kernel, axes: Axes, position: Place) -> Value:
    """How many taps of the window at this position lie on the input: a scalar."""
    taps: Index = 1
    for axis, place in zip(axes, position, strict=True):
        first, end = taps_inside(axis, place)
        taps = taps * (end - first)
    return k.constant(taps, F32, 1) if isinstance(taps, int) else taps.value.to(F32)


def tap_place(axes: Axes, position: Place, tap: Place) -> Place:
    """Where in the input a tap lies."""
    d, h, w = (start(a, p) + t * a.dilation for a, p, t in zip(axes, position, tap, strict=True))
    return d, h, w


@contextmanager
def hitting(k: Kernel, axes: Axes, position: Place, place: Place) -> Iterator[Place]:
    """The tap with which the window at a position, which covers a place, meets it. Where taps lie apart, what
    is done with it is only done if one does."""
    taps = [
        p - start(a, o) if a.regions else p + a.before - o * a.stride
        for a, p, o in zip(axes, place, position, strict=True)
    ]
    with ExitStack() as tests:
        for i, a in enumerate(axes):
            if a.dilation > 1:
                taps[i], left = divmod(taps[i], a.dilation)
                tests.enter_context(k.when(equal(k, left, 0)))
        d, h, w = taps
        yield d, h, w


def tap_number(axes: Axes, tap: Place) -> Index:
    """A tap as one number, the last axis fastest."""
    return (tap[0] * axes[1].window + tap[1]) * axes[2].window + tap[2]


def window_sums(
    k: Kernel,
    batch: Batch,
    axes: Axes,
    x: Volume,
    source: Pointer,
    group: Index,
    position: Place,
    vectors: Vectors,
    add: Callable[[Value, Value], Value] = operator.add,
) -> list[Value]:
    """The sum of the taps on the input for every vector wanted, where `add(sum, value)` takes a tap in."""
    first = group * x.group_stride(batch)
    sums = [k.register(k.constant(-0.0)) for _ in vectors]  # -0 + v is v for every v, so it costs nothing

    def join(tap: Place) -> None:
        here = first + place_offset(x, batch, tap_place(axes, position, tap))
        for total, (_, v) in zip(sums, vectors, strict=True):
            total.set(add(total.get(), k.vector(source, here + v)))

    each(k, [taps_inside(a, p) for a, p in zip(axes, position, strict=True)], join)
    return [total.get() for total in sums]


def send_back(
    k: Kernel, batch: Batch, axes: Axes, dx: Volume, target: Pointer, accumulate: bool, sends: Sends
) -> None:
    """Write, or add, to every place of dx the sum of what the windows that cover it send there.

    Windows side by side write their own places, so that each is visited once. Otherwise every place asks the
    windows over it, in the order of their taps there: that of the formula's sum, but where they are regions.
    """

    def place_at(group: Index, place: Place) -> Index:
        return group * dx.group_stride(batch) + place_offset(dx, batch, place)

    if all(a.window == a.stride and a.dilation == 1 and a.before == a.after == 0 for a in axes):
        d, h, w = (a.output for a in axes)
        with each_position(k, batch, (d, h, w)) as (group, position):

            def scatter(vectors: Vectors) -> None:
                values = sends(group, position, vectors)

                def write(tap: Place) -> None:
                    here = place_at(group, tap_place(axes, position, tap))
                    for value, (_, v) in zip(values(tap), vectors, strict=True):
                        put(k, value, target, here + v, accumulate)

                each(k, [(0, a.window) for a in axes], write)

            each_tile(k, batch, dx.channels, scatter)
        return

    with each_position(k, batch, dx.sizes) as (group, place):
        windows = [covering(a, p) for a, p in zip(axes, place, strict=True)]
        here = place_at(group, place)

        def collect(vectors: Vectors) -> None:
            sums = [k.register(k.zero()) for _ in vectors]

            def add(position: Place) -> None:
                with hitting(k, axes, position, place) as tap:
                    for total, value in zip(sums, sends(group, position, vectors)(tap), strict=True):
                        total.set(total.get() + value)

            each(k, windows, add, backwards=True)
            for total, (_, v) in zip(sums, vectors, strict=True):
                put(k, total.get(), target, here + v, accumulate)

        each_tile(k, batch, dx.channels, collect)
