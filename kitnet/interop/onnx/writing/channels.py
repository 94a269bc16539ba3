"""What joins values, and what rearranges the maps of one."""

from __future__ import annotations

import math

from kitnet.interop.onnx.writing.building import Here, channels_first, rows
from kitnet.interop.onnx.writing.registry import writes


@writes("add")
def _add(here: Here) -> str:
    return here.to.op("Add" if len(here.x) == 2 else "Sum", *here.x)


PAIRS = {"subtract": "Sub", "divide": "Div", "exponentiate": "Pow", "maximum": "Max", "minimum": "Min"}


@writes(*PAIRS)
def _number_by_number(here: Here) -> str:
    return here.to.op(PAIRS[here.layer.word], *here.x)


@writes("concat")
def _concatenate(here: Here) -> str:
    return here.to.op("Concat", *here.x, axis=1)


@writes("multiply")
def _multiply(here: Here) -> str:
    """An operand of one number a map is spread over the positions of the others."""
    rank = len(here.shape)
    y, *others = (
        x if len(shape) == rank else here.to.reshape(x, shape[-1], *(1,) * (rank - 1))
        for x, shape in zip(here.x, here.shapes, strict=True)
    )
    for other in others:
        y = here.to.op("Mul", y, other)
    return y


@writes("flatten")
def _flatten(here: Here) -> str:
    return rows(here.to, here.x[0], here.shapes[0])


@writes("gaussiandraw")
def _mean_of_draws(here: Here) -> str:
    """In evaluation the mean, which is the first half of the maps."""
    return here.to.slice(here.x[0], [1], [0], [here.shape[-1]])


@writes("padchannels")
def _pad_channels(here: Here) -> str:
    shape = here.shapes[0]
    return here.to.pad(here.x[0], [1], [(0, here.shape[-1] - shape[-1])], 1 + len(shape))


@writes("shuffle")
def _shuffle(here: Here) -> str:
    """The maps of g groups are dealt out in turn."""
    channels, *sizes = channels_first(here.shape)
    groups = here.layer.groups
    x = here.to.reshape(here.x[0], groups, channels // groups, math.prod(sizes))
    return here.to.reshape(here.to.turn(x, 0, 2, 1, 3), channels, *sizes)


@writes("maxout")
def _maxout(here: Here) -> str:
    channels, *sizes = channels_first(here.shape)
    x = here.to.reshape(here.x[0], channels, here.layer.pieces, math.prod(sizes))
    return here.to.reshape(here.to.reduce("Max", x, 2, keep=False), channels, *sizes)


@writes("inhibit")
def _inhibit(here: Here) -> str:
    """y = x where it is in the upper part of the span of the maps at its position, else 0."""
    to, (x,) = here.to, here.x
    low, high = to.reduce("Min", x, 1), to.reduce("Max", x, 1)
    bound = to.op("Add", low, to.times(to.op("Sub", high, low), here.layer.share))
    return to.op("Where", to.op("GreaterOrEqual", x, bound), x, to.constant(0))
