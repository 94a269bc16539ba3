"""The activation strip: a column of maps for each layer, from the picture to the five best classes.

Source: the front page of CS231n, "Convolutional Neural Networks (CNNs / ConvNets)": the activations of an
example network as columns, ending in the five highest scores with their names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.layers import Dropout, Flatten, Identity
from kitnet.look.canvas import LINE, Canvas, ended, fitted, shortened, text_width
from kitnet.look.inside import Inside
from kitnet.look.maps import maps_of, shaded
from kitnet.net.graph import Graph
from kitnet.net.receptive import in_place

SHOWN = 10  # maps of a column
TILE, GAP = 52, 6  # pixels
COLUMNS = 24  # side by side; more go on below
NAMES = 150  # pixels for a name, which is written upwards
SCORES = 260  # pixels for the classes


@dataclass(frozen=True)
class Column:
    """Some maps of one value: grey pictures uint8 (n,h,w), 0 at `low` and 255 at `high`, of `maps` in all. Of
    a vector there is one picture, with a pixel a number below each other."""

    path: str
    shape: tuple[int, ...]
    images: Array
    low: float
    high: float

    @property
    def maps(self) -> int:
        return self.shape[-1]


def paths_of(graph: Graph, most: int = COLUMNS) -> list[str]:
    """The values that a strip shows: all but copies; of a large network, of layers that an activation or a
    norm follows, what these make of them."""
    kept = [n for n in graph.nodes if not isinstance(n.layer, Flatten | Dropout | Identity) and n.word]
    if len(kept) > most:
        finished = {
            graph.nodes[node.inputs[0]].path
            for node in kept
            if node.layer is not None and (in_place(node.layer) or node.word.endswith("norm"))
        }
        kept = [node for node in kept if node.path not in finished]
    return [node.path for node in kept if node.shape]


def columns_of(inside: Inside, paths: list[str] | None = None, most: int = SHOWN) -> list[Column]:
    """Of the input and of these values, usually `paths_of` the graph. Raises KitnetError."""
    (operand, *_) = inside.graph.operands
    paths = [operand, *paths_of(inside.graph)] if paths is None else paths
    found = []
    for path in paths:
        value = inside.value(path)
        low, high = float(value.min()), float(value.max())
        if value.ndim == 1:
            images = shaded(value[None, :, None], low, high)
        elif path == operand and value.shape[-1] == 3 and value.ndim == 3:
            images = shaded(value, low, high)[None]  # in its colours
        else:
            images = maps_of(value, most).images
        found.append(Column(path, value.shape, images, low, high))
    return found


def strip(inside: Inside, most: int = SHOWN) -> Array:
    """The picture: uint8 (H,W,3)."""
    columns = columns_of(inside, most=most)
    each = -(-len(columns) // -(-len(columns) // COLUMNS))  # rows are about as long
    rows = [columns[i : i + each] for i in range(0, len(columns), each)]
    names = [ended(column.path, NAMES) for column in columns]
    head = max(map(text_width, names)) + 3 * GAP
    pitch = TILE + GAP
    tall = head + most * pitch + 3 * LINE + GAP
    last = len(rows[-1]) * pitch + SCORES
    canvas = Canvas(max(len(rows[0]) * pitch, last) + 2 * GAP, len(rows) * tall + GAP)
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        x, top = GAP + i % each * pitch, i // each * tall + head
        canvas.text_up(name, x + 4, top - GAP)
        canvas.text_up(say(column.shape), x + 4 + LINE, top - GAP, faint=True)
        _draw(canvas, column, x, top, most)
    _draw_best(canvas, inside, GAP + len(rows[-1]) * pitch + GAP, (len(rows) - 1) * tall + head)
    return canvas.pixels


def _draw(canvas: Canvas, column: Column, x: int, top: int, most: int) -> None:
    pitch = TILE + GAP
    if len(column.shape) == 1:
        canvas.frame(x, top, TILE, most * pitch - GAP)
        canvas.paste(fitted(column.images[0], most * pitch - GAP, TILE), x, top)
    else:
        for i, image in enumerate(column.images):
            height, width = _inside(image, TILE)
            canvas.frame(x, top + i * pitch, width, height)
            canvas.paste(fitted(image, height, width), x, top + i * pitch)
    low = top + most * pitch
    more = column.maps - len(column.images)
    if len(column.shape) > 1 and more > 0 and column.images.ndim == 3:
        canvas.text(f"+{more:,}", x, low, faint=True)
    canvas.text(f"{column.high:.3g}", x, low + LINE, faint=True)
    canvas.text(f"{column.low:.3g}", x, low + 2 * LINE, faint=True)


def _inside(image: Array, side: int) -> tuple[int, int]:
    """Height and width of a picture in a square, in proportion."""
    h, w = image.shape[:2]
    return max(1, round(side * h / max(h, w))), max(1, round(side * w / max(h, w)))


def _draw_best(canvas: Canvas, inside: Inside, x: int, y: int) -> None:
    """The best classes, each with a bar of its probability, or of its score beside the others."""
    best = inside.best()
    numbers = np.array([value for _, value in best])
    probable = inside.probabilities is not None
    shares = numbers if probable else (numbers - numbers.min()) / (np.ptp(numbers) or 1.0)
    room = SCORES - 2 * GAP
    for i, ((name, value), share) in enumerate(zip(best, shares, strict=True)):
        top = y + i * (2 * LINE + GAP)
        told = f"{value:.1%}" if probable else f"{value:.4g}"
        canvas.text(shortened(name, room - text_width(told) - GAP), x, top)
        canvas.text(told, x + room, top, right=True)
        canvas.bar(x, top + LINE, room, LINE - 4, (230, 230, 230))
        canvas.bar(x, top + LINE, round(room * float(share)), LINE - 4)
