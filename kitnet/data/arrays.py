"""Arrays of real numbers with labels, and how they become a network's input.

Pictures of unsigned bytes are for `Dataset` and `Preparation`; these here are for all other numbers: pictures
as floats, volumes of any depth and number of axes, rows of features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.data.check import check_classes, check_labels
from kitnet.data.lists import from_lists, to_lists
from kitnet.data.place import place
from kitnet.data.preparation import Preparation, is_number
from kitnet.data.source import CHUNK, Images, Source

EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False, repr=False)
class Arrays(Source):
    """N labelled arrays of one shape: `values` floats (N, ...), `labels` (N,) the index of each one's class
    in `classes`. Raises DataError for arrays that are not that."""

    name: str
    values: Array
    labels: Array
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        with place(self.name):
            check_classes(self.classes)
            check_values(self.values)
            check_labels(self.labels, len(self.values), len(self.classes))
        object.__setattr__(self, "labels", self.labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.values)

    def read(self, samples: Array) -> tuple[Array, Array]:
        return self.values[samples], self.labels[samples]

    def labels_of(self, samples: Array) -> Array:
        return self.labels[samples]

    def subset(self, samples: slice | Array) -> Arrays:
        return replace(self, values=self.values[samples], labels=self.labels[samples])


@dataclass(frozen=True)
class Standardisation:
    """(x - mean) / std, each one number a channel, for arrays that have the shape of the network's input;
    computed in float64, rounded to float32 once."""

    input: Shape
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        with place("preparation"):
            for name, values in (("mean", self.mean), ("std", self.std)):
                if len(values) != self.input[-1] or not all(map(is_number, values)):
                    raise DataError(
                        f"{name!r} is {shorten(values)}; expected {self.input[-1]} numbers, -1e12 to 1e12"
                    )
            if min(self.std) <= 0:
                raise DataError(f"'std' is {shorten(self.std)}; expected numbers above 0")

    @classmethod
    def fitted(cls, source: Source, input_shape: Shape) -> Self:
        """With mean and deviation of all samples, channel by channel; a constant channel gets std 1. Raises
        DataError for arrays of another shape than the input."""
        depth = input_shape[-1]
        plain = cls(input_shape, (0.0,) * depth, (1.0,) * depth)

        def rows() -> Iterator[Array]:
            for values, _ in source.chunks():  # a row a sample: over channels alone NumPy is slow
                yield plain.placed(values).reshape(len(values), -1).astype(np.float64)

        def channels(row: Array) -> Array:
            return row.reshape(-1, depth)

        count, total, largest = 0, np.zeros(depth), np.zeros(depth)
        for each in rows():
            count, total = count + each.size // depth, total + channels(each.sum(0)).sum(0)
            largest = np.maximum(largest, channels(np.abs(each).max(0)).max(0))
        mean = total / count
        means = np.tile(mean, math.prod(input_shape[:-1]))
        std = np.sqrt(sum(channels(np.square(each - means).sum(0)).sum(0) for each in rows()) / count)
        # the deviation of numbers that are all alike is their rounding, and nothing to divide by
        std[std <= EPSILON * largest] = 1
        return cls(input_shape, tuple(mean.tolist()), tuple(std.tolist()))

    def enlarged(self, input_shape: Shape) -> Self:
        """The same for another size of the input. Raises DataError for another depth."""
        with place("preparation"):
            if input_shape[-1] != self.input[-1]:
                raise DataError(f"it is for inputs of depth {self.input[-1]}, not {input_shape[-1]}")
        return replace(self, input=input_shape)

    def prepare(self, values: Images) -> Array:
        """Floats (N, *input) to float32 of the same shape. Raises DataError for what is not that."""
        return self.standardise(self.placed(values))

    def prepare_all(self, source: Source) -> tuple[Array, Array]:
        """All samples of a source, float32 (N, *input), and their classes, int64 (N,)."""
        x, y = np.empty((len(source), *self.input), np.float32), np.empty(len(source), np.int64)
        start = 0
        for values, labels in source.chunks():
            some = slice(start, start + len(labels))
            x[some], y[some] = self.prepare(values), labels
            start += len(labels)
        return x, y

    def first(self, source: Source, count: int) -> Array:
        """The first samples of a source, float32 as files hold them."""
        values = source.read(np.arange(min(count, len(source))))[0]
        return self.placed(values).astype(np.float32)

    def placed(self, values: Images) -> Array:
        """The same arrays, checked. Raises DataError."""
        found = np.asarray(values)
        with place("x"):
            if found.dtype.kind != "f":
                raise DataError(
                    f"numbers of type {found.dtype}, but the model learned from floats; give floats, of the "
                    "range that it learned from"
                )
            if found.shape[1:] != self.input:
                raise DataError(
                    f"samples of {say(found.shape[1:])}; expected {say(self.input)}, as the network reads"
                )
            check_values(found)
        return found

    def standardise(self, placed: Array, out: Array | None = None) -> Array:
        """What `placed` gives to float32, in `out` where it is given."""
        out = np.empty(placed.shape, np.float32) if out is None else out
        places = math.prod(self.input[:-1])
        mean, std = np.tile(self.mean, places), np.tile(self.std, places)
        for start in range(0, len(placed), CHUNK):
            some = placed[start : start + CHUNK]
            rows = (some.reshape(len(some), -1) - mean) / std
            out[start : start + CHUNK] = rows.reshape(some.shape)
        return out

    def to_json(self) -> dict[str, Any]:
        """As a dict of lists of numbers, from which `preparation_of` makes the very same."""
        return to_lists(self)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The inverse of `to_json`. Raises DataError for anything else."""
        return from_lists(cls, data)


Prepared = Preparation | Standardisation


def preparation_of(data: object) -> Prepared:
    """The preparation that a model file describes: of pictures, which are resized, or of arrays. Raises
    DataError."""
    if isinstance(data, Mapping) and data.keys() == {field.name for field in fields(Standardisation)}:
        return Standardisation.from_json(data)
    return Preparation.from_json(data)


def fitted(source: Source, input_shape: Shape) -> Prepared:
    """The preparation for a network of that input, learned from its training set. Raises DataError."""
    first = source.read(np.arange(1))[0][0]
    if first.dtype.kind == "f":
        return Standardisation.fitted(source, input_shape)
    return Preparation.fitted(source, input_shape)


def check_values(values: Array) -> None:
    """Raises DataError unless these are floats, at least one, and all of them finite."""
    if values.dtype.kind != "f" or values.ndim < 2:
        raise DataError(f"{values.dtype} of shape {say(values.shape)}; expected floats, samples first")
    if values.size == 0:
        raise DataError(f"it is empty ({say(values.shape)}); expected at least one sample")
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(map(int, np.argwhere(~finite)[0]))
        raise DataError(
            f"{values[place]} in sample {place[0]}; leave such samples out, or put numbers in their place"
        )
