"""The patches of a data set that a map answers to most.

For each map the pictures with its strongest numbers, at most one number a picture, and of each picture the
receptive field of that number. Source: Zeiler & Fergus, "Visualizing and understanding convolutional
networks", 2014, figure 2, beside the projections.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError, nearest_or_all, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.data import Source
from kitnet.data.source import Images
from kitnet.look.filters import grid
from kitnet.look.maps import sheet
from kitnet.look.probe import BATCH, Probe
from kitnet.net.receptive import Field, Fields, fields

STRONGEST = 9  # patches of a map
MAPS = 16  # that are looked at unless others are asked for
SIDE = 180  # pixels of a map's nine
GREY = 128  # of places outside the picture


@dataclass(frozen=True)
class Patches:
    """Of one map: the strongest numbers (n,), largest first, of which picture each is, where in the map, and
    its patch uint8 (n,h,w,c), grey outside the picture."""

    map: int
    numbers: Array
    pictures: Array
    places: Array
    images: Array


def patches(
    probe: Probe, source: Source, path: str, maps: Sequence[int] | None = None, most: int = STRONGEST
) -> list[Patches]:
    """Of these maps of the layer `path`, usually the first ones. Raises KitnetError."""
    graph = probe.net.graph
    if path not in graph:
        known = [node.path for node in graph.nodes]
        raise KitnetError(f"the network has no value {shorten(path)}{nearest_or_all(path, known)}")
    node = graph.nodes[graph.find(path)]
    seen = fields(graph)[graph.find(path)]
    if len(probe.net.input_shape) != 3 or len(node.shape) not in (1, 3) or len(seen) != 2:
        raise KitnetError(f"{path} of {say(node.shape)} sees no patches of pictures; name a layer of maps")
    chosen = list(range(min(MAPS, node.shape[-1]))) if maps is None else list(maps)
    for one in chosen:
        if not 0 <= one < node.shape[-1]:
            raise KitnetError(f"{path} has {node.shape[-1]} maps and no map {one}; the first one is 0")
    numbers: Array = np.zeros((0, len(chosen)), np.float32)
    pictures: Array = np.zeros((0, len(chosen)), np.int64)
    places: Array = pictures
    start = 0
    for images, _ in source.chunks():
        values = _values(probe, images, path)[..., chosen].reshape(len(images), -1, len(chosen))
        numbers = np.concatenate([numbers, values.max(1)])
        places = np.concatenate([places, values.argmax(1)])
        here = np.arange(start, start + len(images))[:, None]
        pictures = np.concatenate([pictures, np.repeat(here, len(chosen), 1)])
        order = np.argsort(-numbers, axis=0, kind="stable")[:most]
        numbers, pictures, places = (np.take_along_axis(a, order, 0) for a in (numbers, pictures, places))
        start += len(images)
    positions = node.shape[:-1] or (1, 1)
    return [
        _cut(probe, source, seen, positions, chosen[i], numbers[:, i], pictures[:, i], places[:, i])
        for i in range(len(chosen))
    ]


def _values(probe: Probe, images: Images, path: str) -> Array:
    x = probe.preparation.prepare(images)
    return np.concatenate([probe.batch(x[i : i + BATCH], path) for i in range(0, len(x), BATCH)])


def _cut(
    probe: Probe, source: Source, seen: Fields, positions: Shape, map: int, numbers: Array, pictures: Array,
    places: Array,
) -> Patches:  # fmt: skip
    images, _ = source.read(pictures)
    placed = probe.preparation.placed(images)
    found = []
    for image, place in zip(placed, places, strict=True):
        at = np.unravel_index(int(place), positions)
        found.append(
            _patch(image, [window(f, int(o), n) for f, o, n in zip(seen, at, image.shape, strict=False)])
        )
    return Patches(map, numbers, pictures, places, np.stack(found))


def window(field: Field, position: int, size: int) -> tuple[int, int]:
    """The first place that the number at a position sees, and behind the last one; all of an axis where it
    sees as much."""
    first, extent = math.floor(field.offset + position * field.jump), math.ceil(field.size)
    return (0, size) if extent >= size else (first, first + extent)


def _patch(image: Array, windows: Sequence[tuple[int, int]]) -> Array:
    """These rows and columns, grey outside the picture."""
    around = [
        (max(0, -first), max(0, last - n)) for (first, last), n in zip(windows, image.shape, strict=False)
    ]
    wide = np.pad(image, (*around, (0, 0)), constant_values=GREY)
    (top, bottom), (left, right) = (
        (first + before, last + before) for (first, last), (before, _) in zip(windows, around, strict=True)
    )
    return wide[top:bottom, left:right]


def patches_sheet(found: Sequence[Patches], title: str) -> Array:
    """Nine patches of each map in a square, with the map's number and its largest number: uint8 (H,W,3)."""
    squares = np.stack([grid(one.images, 3) for one in found])
    names = [f"{one.map}: {one.numbers[0]:.3g}" for one in found]
    return sheet(
        squares, title, f"the {len(found[0].images)} strongest patches of each map", names=names, side=SIDE
    )
