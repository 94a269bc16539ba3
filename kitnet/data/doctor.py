"""What a data set is made of, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.data.augmentation import Augmentation
from kitnet.data.kind import Parts
from kitnet.data.loader import Loader
from kitnet.data.preparation import Preparation, moments
from kitnet.data.source import Source

SHOWN_CLASSES, SHOWN_EACH = 12, 6  # on a contact sheet
CELL, GAP = 64, 4  # pixels: the least side of a picture there, and what lies between two


class Duplicate(NamedTuple):
    """A picture of the part `test` or `validation` that is, pixel by pixel, one to train with, too; whether
    their classes are the same."""

    part: str
    picture: str
    train: str
    same_class: bool


class Contradiction(NamedTuple):
    """A picture that stands, pixel by pixel, in one part twice, in two classes: both names and classes."""

    part: str
    picture: str
    label: str
    other: str
    other_label: str


@dataclass
class Part:
    """What one part is made of: pictures of each class and of each size (h,w,c), mean and deviation of the
    channels, from 0 to 1, and the reasons why others are broken."""

    pictures: int = 0
    classes: list[int] = field(default_factory=list)
    sizes: Counter[Shape] = field(default_factory=Counter)
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass
class Report:
    """What `examine` found."""

    name: str
    classes: tuple[str, ...]
    parts: dict[str, Part]
    duplicates: list[Duplicate]
    contradictions: list[Contradiction]
    empty: tuple[str, ...] = ()  # folders of classes without a picture


def examine(parts: Parts, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read every picture of all parts once; `progress` hears how many of them are read, of how many. Raises
    DataError where one cannot be read."""
    done, every = 0, sum(map(len, parts.named().values()))
    trained: dict[bytes, tuple[int, int]] = {}  # of each picture to train with the first number and class
    duplicates: list[Duplicate] = []
    contradictions: list[Contradiction] = []
    train, found_in = parts.train, {}
    for name, source in parts.named().items():
        part = found_in[name] = Part(len(source), [0] * len(source.classes), broken=source.broken)
        counts, number = np.zeros((3, 256), np.int64), 0
        seen: dict[bytes, tuple[int, int]] = trained if source is train else {}  # the same of this part
        for images, labels in source.chunks():
            for image, label in zip(images, labels.tolist(), strict=True):
                part.sizes[image.shape] += 1
                part.classes[label] += 1
                _count(counts, image)
                digest = hashlib.blake2b(
                    image.tobytes() + repr(image.shape).encode(), digest_size=16
                ).digest()
                first, as_class = seen.setdefault(digest, (number, label))
                if label != as_class:
                    named = source.called(number), source.classes[label]
                    before = source.called(first), source.classes[as_class]
                    contradictions.append(Contradiction(name, *named, *before))
                if source is not train and digest in trained:
                    first, as_class = trained[digest]
                    called = source.called(number), train.called(first)
                    duplicates.append(Duplicate(name, *called, label == as_class))
                number += 1
            done += len(labels)
            if progress is not None:
                progress(done, every)
        channels = max(shape[2] for shape in part.sizes)
        found = [moments(counts[channel]) for channel in range(channels)]
        part.mean, part.deviation = tuple(m for m, _ in found), tuple(d for _, d in found)
    return Report(train.name, train.classes, found_in, duplicates, contradictions, train.empty)


def _count(counts: Array, image: Array) -> None:
    """Add how often each of the 256 values occurs in each channel; grey counts in all three."""
    for channel in range(3):
        if channel < image.shape[2]:
            found = np.bincount(image[..., channel].ravel(), minlength=256)
        counts[channel] += found


def contact_sheet(source: Source, augmentation: Augmentation, seed: int = 0) -> Array:
    """`contact_sheets` side by side, as one picture."""
    grids = contact_sheets(source, augmentation, seed)
    between = np.full((len(grids[0]), 4 * GAP, 3), 255, np.uint8)
    return np.concatenate([part for grid in grids for part in (between, grid)][1:], 1)


def contact_sheets(source: Source, augmentation: Augmentation, seed: int = 0) -> list[Array]:
    """The first pictures of the first classes, a row a class: uint8 (H,W,3). With an augmentation a second
    sheet of what it makes of the same pictures in the first epoch."""
    numbers, depth, size = _chosen(source)
    side = (size[0], size[1], depth)
    plain = Preparation(side, size, (0.0,) * depth, (1 / 255,) * depth)  # prepares to 0 to 255
    shown = source.subset(np.array([number for row in numbers for number in row]))
    halves = []
    for each in (Augmentation(), augmentation)[: 1 + bool(augmentation.operations)]:
        loader = Loader(shown, plain, len(shown), seed, shuffle=False, augmentation=each)
        x, _ = next(loader.epoch(0))
        halves.append(np.clip(np.rint(x), 0, 255).astype(np.uint8))
    return [_grid(half, [len(row) for row in numbers]) for half in halves]


def _chosen(source: Source) -> tuple[list[list[int]], int, tuple[int, int]]:
    """Numbers of pictures for each class that is shown, their channels, and the size to show them in."""
    rows: dict[int, list[int]] = {i: [] for i in range(min(len(source.classes), SHOWN_CLASSES))}
    sizes, depth, number = set(), 1, 0
    for images, labels in source.chunks():
        for image, label in zip(images, labels.tolist(), strict=True):
            if label in rows and len(rows[label]) < SHOWN_EACH:
                rows[label].append(number)
                sizes.add(image.shape[:2])
                depth = max(depth, image.shape[2])
            number += 1
        if all(len(row) == SHOWN_EACH for row in rows.values()):
            break
    size = sizes.pop() if len(sizes) == 1 else (CELL, CELL)
    return [row for row in rows.values() if row], depth, size


def _grid(images: Array, rows: list[int]) -> Array:
    """Rows of so many pictures each, small ones enlarged, on white."""
    enlarged = max(1, -(-CELL // max(images.shape[1:3])))
    images = images.repeat(enlarged, 1).repeat(enlarged, 2)
    height, width = (n + GAP for n in images.shape[1:3])
    grid = np.full((len(rows) * height - GAP, SHOWN_EACH * width - GAP, 3), 255, np.uint8)
    number = 0
    for row, length in enumerate(rows):
        for column in range(length):
            y, x = row * height, column * width
            grid[y : y + height - GAP, x : x + width - GAP] = images[number]
            number += 1
    return grid
