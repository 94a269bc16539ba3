"""Values and gradients as a page shows them: planes of rows and columns, reduced for a strip, whole for one
that is enlarged.

The first two axes of an array are rows and columns, the others count its planes, the last one fastest: a
value (H,W,C) has C planes, filters (R,S,C,K) have C*K. A vector goes on in the next row.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.look import Inside
from kitnet.look.strip import paths_of
from kitnet.net.notation import write_layer

SHOWN = 8  # planes of an array in a column
SIDE = 32  # the longest side of one there
COLUMN = 12  # numbers of a vector that stand in a single column


def planes_of(array: Array) -> Array:
    """(planes, rows, columns): a vector is one plane, filled up with NaN."""
    if array.ndim > 1:
        height, width = array.shape[:2]
        return np.moveaxis(array.reshape(height, width, -1), -1, 0)
    flat = array.reshape(-1)
    width = 1 if len(flat) <= COLUMN else math.ceil(math.sqrt(len(flat)))
    height = -(-len(flat) // width)
    filled = np.full(height * width, np.nan, array.dtype)
    filled[: len(flat)] = flat
    return filled.reshape(1, height, width)


def reduced(array: Array, most: int = SHOWN) -> dict[str, Any]:
    """The first planes as unsigned bytes, 0 the least number of the array, 255 the largest. Of large planes
    each second, each third, ... row and column."""
    planes = planes_of(array)
    count, height, width = planes.shape
    every = max(1, math.ceil(max(height, width) / SIDE))
    shown = planes[:most, ::every, ::every].astype(np.float64)
    least, largest = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    finite = math.isfinite(least) and math.isfinite(largest)
    scaled = (shown - least) * (255 / (largest - least or 1)) if finite else np.zeros_like(shown)
    bytes_ = np.rint(np.nan_to_num(scaled)).astype(np.uint8)
    return {
        "shape": list(array.shape),
        "planes": count,
        "height": height,
        "width": width,
        "every": every,
        "least": least,
        "largest": largest,
        "shown": len(shown),
        "pixels": base64.b64encode(bytes_.tobytes()).decode(),
    }


def plane(array: Array, number: int) -> dict[str, Any]:
    """One plane, its numbers as float32 in the order of the machine's bytes, least first."""
    planes = planes_of(array)
    _, height, width = planes.shape
    numbers = np.ascontiguousarray(planes[number], "<f4")
    return {
        "shape": list(array.shape),
        "planes": len(planes),
        "plane": number,
        "height": height,
        "width": width,
        "least": float(array.min()),
        "largest": float(array.max()),
        "values": base64.b64encode(numbers.tobytes()).decode(),
    }


def columns(inside: Inside, backward: bool, every: bool) -> list[dict[str, Any]]:
    """A column for the input and for each layer that a strip has, or for every one: its value, or its
    gradient with those of its parameters."""
    graph = inside.graph
    (operand, *_) = graph.operands
    all_paths = [node.path for node in graph.nodes if node.layer is not None and node.shape]
    found = []
    for path in [operand, *(all_paths if every else paths_of(graph))]:
        array = inside.gradients.get(path) if backward else inside.values[path]
        if array is None or not array.size:
            continue
        node = graph.nodes[graph.find(path)]
        own = [name for name in inside.weights if node.layer and name.rpartition(".")[0] == node.owner]
        found.append(
            {
                "path": path,
                "layer": "" if node.layer is None else write_layer(node.layer),
                "colour": not backward and path == operand and array.shape[2:] == (3,),
                **reduced(array),
                "parameters": [
                    {"path": name, **reduced(inside.gradients[name])}
                    for name in own
                    if backward and name in inside.gradients
                ],
            }
        )
    return found
