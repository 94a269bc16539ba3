"""The preparation of samples inside the graph, to the very bits of `Preparation.prepare`.

Pictures come in as they are, uint8 (N, height, width, 1 or 3) of any size: luma, resizing with the integers
of Pillow's bilinear filter, rim or crop, mean and deviation are operators. Whole numbers are computed in
float64, which holds them exactly.
"""

from __future__ import annotations

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.data.arrays import Prepared
from kitnet.data.views import Views
from kitnet.interop.onnx.writing.building import Building

FLOAT, UINT8, DOUBLE = 1, 2, 11  # ONNX's numbers for the types
LUMA = 19595, 38470, 7471  # of 2^16: Pillow's
BITS = 22  # of a share of Pillow's filter

Dims = list[str | int]


def prepared_input(preparation: Prepared) -> tuple[int, Dims]:
    """The type and the sizes of what comes in."""
    if isinstance(preparation, Preparation):
        return UINT8, ["N", "height", "width", "channels"]
    return FLOAT, ["N", *preparation.input]


def write_preparation(to: Building, preparation: Prepared, given: str, path: str) -> None:
    """Write the way from samples to the network's input (N, C, *sizes), which gets this path."""
    to.begin(path)
    x = to.op("Cast", given, to=DOUBLE)
    rank = len(preparation.input)
    if rank > 1:
        x = to.turn(x, 0, rank, *range(1, rank))
    if isinstance(preparation, Preparation):
        x = to.op("Div", _placed(to, preparation, x), _double(to, 255))
    ones = (1,) * (rank - 1)
    mean, std = (_double(to, np.reshape(each, (-1, *ones))) for each in (preparation.mean, preparation.std))
    x = to.op("Div", to.op("Sub", x, mean), std)
    to.end(to.op("Cast", x, to=FLOAT))


def _placed(to: Building, preparation: Preparation, x: str) -> str:
    """Luma, resizing, and rim or crop, of (N, 1 or 3, height, width) in whole numbers."""
    height, width, channels = preparation.input
    x = to.op("Expand", x, to.whole(1, 3, 1, 1))  # of a grey picture luma is the picture
    if channels == 1:
        luma = to.reduce("Sum", to.op("Mul", x, _double(to, np.reshape(LUMA, (1, 3, 1, 1)))), 1)
        x = _shifted_right(to, luma, 16)
    columns = _bilinear(to, x, 3, preparation.resize[1])
    x = _filtered(to, to.op("MatMul", x, to.turn(columns, 1, 0)))
    x = _filtered(to, to.op("MatMul", _bilinear(to, x, 2, preparation.resize[0]), x))
    for axis, (old, new) in enumerate(zip(preparation.resize, (height, width), strict=True), 2):
        both = min(old, new)
        if both < old:
            start = (old - both) // 2
            x = to.slice(x, [axis], [start], [start + both])
        if both < new:
            before = (new - both) // 2
            pads = [0] * 8
            pads[axis], pads[4 + axis] = before, new - both - before
            x = to.op("Pad", x, to.whole(*pads), _double(to, 0))
    return x


def _bilinear(to: Building, x: str, axis: int, size: int) -> str:
    """(size, places of this axis of x): the shares of Pillow's bilinear filter, in 2^22ths."""
    places = to.op("Squeeze", to.op("Shape", x, start=axis, end=axis + 1))
    number = to.op("Cast", places, to=DOUBLE)
    scale = to.op("Div", number, _double(to, size))
    reach = to.op("Max", scale, _double(to, 1))  # antialiased where it shrinks
    centre = to.op("Mul", _double(to, np.arange(size)[:, None] + 0.5), scale)
    half = _double(to, 0.5)
    # the first place of the filter, and the one behind its last
    first = to.op("Floor", to.op("Add", to.op("Sub", centre, reach), half))
    end = to.op("Floor", to.op("Add", to.op("Add", centre, reach), half))
    place = to.op("Range", _double(to, 0), number, _double(to, 1))
    far = to.op("Add", to.op("Sub", place, centre), half)
    near = to.op("Sub", _double(to, 1), to.op("Abs", to.op("Mul", far, to.op("Reciprocal", reach))))
    inside = to.op("And", to.op("GreaterOrEqual", place, first), to.op("Less", place, end))
    share = to.op("Where", inside, to.op("Max", near, _double(to, 0)), _double(to, 0))
    share = to.op("Div", share, to.reduce("Sum", share, 1))
    return to.op("Floor", to.op("Add", to.op("Mul", share, _double(to, 1 << BITS)), half))


def _filtered(to: Building, x: str) -> str:
    """Sums of 2^22ths as bytes."""
    return to.op("Min", _shifted_right(to, x, BITS), _double(to, 255))


def _shifted_right(to: Building, x: str, bits: int) -> str:
    """x / 2^bits, rounded half up."""
    return to.op("Floor", to.op("Add", to.op("Div", x, _double(to, 1 << bits)), _double(to, 0.5)))


def _double(to: Building, number: object) -> str:
    return to.constant(number, np.float64)


def write_views(to: Building, views: Views, x: str, sizes: Shape) -> tuple[str, Array]:
    """All views of prepared pictures (N, C, H, W), one batch behind the other, and the share of each in the
    mean."""
    pictures = [x]
    if views.flip:
        pictures.append(to.op("Slice", x, to.whole(-1), to.whole(-(1 << 31)), to.whole(3), to.whole(-1)))
    n, found, shares = views.shift, [], []
    for picture in pictures:
        found.append(picture)
        shares.append(0.5 if n else 1.0)
        if n:
            around = to.op("Pad", picture, to.whole(0, 0, n, n, 0, 0, n, n), mode="reflect")
            found.append(to.slice(around, [2, 3], [0, 0], sizes))
            found.append(to.slice(around, [2, 3], [2 * n, 2 * n], [2 * n + size for size in sizes]))
            shares += [0.25, 0.25]
    return to.op("Concat", *found, axis=0), np.array(shares) / len(pictures)
