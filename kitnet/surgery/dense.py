"""Dense evaluation: a network slides over images larger than its own input and gives a map of scores.

A network for 224x224 with 32 places of the image between two positions gives 6x6 scores on 384x384, those of
the 36 crops that lie 32 places apart, at little more than the price of one large image, since neighbouring
crops share most of what is computed (Sermanet et al. 2014; CS231n, "Converting FC layers to CONV layers").
For scores half as far apart the image is shifted by half the distance, along each axis and along both, and
the maps of the four passes are put between each other.

Where the network pads, the scores are not those of the crops: around a crop stands padding where the larger
image goes on. `Scan.compare` measures by how much.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.argument import real_array, whole
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.shape import Shape, Sizes, per_axis, say
from kitnet.base.spec import Array
from kitnet.net import Net
from kitnet.surgery.borders import reaches
from kitnet.surgery.parts import cut
from kitnet.surgery.sliding import convolve, resizing

ENGINES = ("compiled", "formula")
MOST_CROPS = 64  # that a plan evaluates at once


@dataclass(frozen=True)
class Differences:
    """Scores by sliding against scores of crops. `largest` (*positions) is the largest difference at each
    position, over images and classes; `score` the largest score of a crop, by its size."""

    largest: Array
    score: float

    @property
    def relative(self) -> float:
        """The largest difference in parts of the largest score."""
        return float(self.largest.max()) / self.score if self.score else float(self.largest.max())


@dataclass(frozen=True)
class _Along:
    """One axis: places of the image and of the crop, places between two positions of a pass and of the
    map."""

    size: int
    crop: int
    jump: int
    stride: int

    @property
    def positions(self) -> int:
        return (self.size - self.crop) // self.stride + 1

    def passes(self) -> list[tuple[int, int]]:
        """The first place of each pass, and its positions."""
        starts = range(0, min(self.jump, self.size - self.crop + 1), self.stride)
        return [(start, (self.size - start - self.crop) // self.jump + 1) for start in starts]


class Scan:
    """A network made ready to slide over images of these sizes (without the depth), larger than its own
    input.

    `stride` are the places of the image between two scores, by default those that the network's own strides
    leave. `engine` is "compiled" or "formula". Raises KitnetError for a network that does not slide, and for
    a stride that is no divisor of its own.
    """

    def __init__(
        self,
        net: Net,
        sizes: Shape,
        *,
        stride: Sizes | None = None,
        engine: str = "compiled",
        threads: int | None = None,
    ) -> None:
        if engine not in ENGINES:
            raise KitnetError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")
        if len(net.outputs) > 1:
            net = cut(net, net.graph.nodes[net.graph.main].path)
        self._net, self._engine, self._threads = net, engine, threads
        self._slid = convolve(net)
        reach, self.causes = reaches(self._slid.graph)
        if any(len(r.before) > 1 for r in reach):
            raise KitnetError(
                f"the network gives {say(self._slid.output_shape)} outputs for its own "
                f"{say(net.input_shape)} input; give it the input of a single one"
            )
        self.crop = net.input_shape[:-1]
        self.jump = tuple(r.jump for r in reach)
        self._axes = self._checked(tuple(sizes), stride)
        self._padded = [(r.before[0], r.behind[0]) for r in reach]
        self._passes: dict[Shape, Any] = {}
        self._crops: Any = None

    def _checked(self, sizes: Shape, stride: Sizes | None) -> list[_Along]:
        if len(sizes) != len(self.crop) or any(n < c for n, c in zip(sizes, self.crop, strict=True)):
            raise ShapeError(
                f"images of {say(sizes)} are smaller than the network's own input {say(self.crop)}",
                "enlarge them",
            )
        strides = self.jump if stride is None else per_axis(stride, len(sizes), "stride")
        for s, jump in zip(strides, self.jump, strict=True):
            if whole("stride", s, 1) and jump % s:
                able = [n for n in range(1, jump + 1) if jump % n == 0]
                raise KitnetError(
                    f"a stride of {s} does not divide the {jump} places between two positions; use "
                    f"{', '.join(map(str, able))}"
                )
        return [_Along(*one) for one in zip(sizes, self.crop, self.jump, strides, strict=True)]

    @property
    def stride(self) -> Shape:
        """Places of the image between two scores."""
        return tuple(a.stride for a in self._axes)

    @property
    def positions(self) -> Shape:
        """Of the map of scores."""
        return tuple(a.positions for a in self._axes)

    @property
    def passes(self) -> int:
        """How often the network runs over shifted images."""
        return math.prod(len(a.passes()) for a in self._axes)

    @property
    def affected(self) -> Array:
        """(*positions): where the network's padding stands in a crop and the larger image goes on."""
        found = np.zeros(self.positions, bool)
        for i, (axis, (before, behind)) in enumerate(zip(self._axes, self._padded, strict=True)):
            along = np.zeros(axis.positions, bool)
            step = axis.jump // axis.stride
            for first, (_, count) in enumerate(axis.passes()):
                at = np.arange(count)
                along[first::step] = (before & (at > 0)) | (behind & (at < count - 1))
            found |= np.expand_dims(along, [j for j in range(len(self._axes)) if j != i])
        return found

    def __call__(self, images: Array) -> Array:
        """Prepared images (N, *sizes, C) -> scores (N, *positions, K)."""
        x = self._images(images)
        filters = self._slid.output_shape[-1]
        scores = np.empty((len(x), *self.positions, filters), self._net.weights.dtype)
        steps = [a.jump // a.stride for a in self._axes]
        for number in itertools.product(*(range(len(a.passes())) for a in self._axes)):
            starts, counts = zip(
                *(a.passes()[n] for a, n in zip(self._axes, number, strict=True)), strict=True
            )
            seen = [
                slice(start, start + a.crop + (count - 1) * a.jump)
                for a, start, count in zip(self._axes, starts, counts, strict=True)
            ]
            part = np.ascontiguousarray(x[:, *seen])
            between = (slice(n, None, step) for n, step in zip(number, steps, strict=True))
            scores[:, *between] = self._sliding(part.shape[1:])(part)
        return scores

    def crops(self, images: Array) -> Iterator[Array]:
        """The crop at each position in turn: (N, *crop, C)."""
        x = self._images(images)
        for position in np.ndindex(*self.positions):
            seen = (
                slice(p * a.stride, p * a.stride + a.crop) for p, a in zip(position, self._axes, strict=True)
            )
            yield x[:, *seen]

    def of_crops(self, images: Array) -> Array:
        """The same scores (N, *positions, K) by the network as it was, on every crop: all crops of an image
        at once, up to 64 of them."""
        crops = np.stack(list(self.crops(images)), 1)
        if self._crops is None:
            self._crops = self._runs(self._net, min(MOST_CROPS, crops.shape[1]))
        scores = self._crops(crops.reshape(-1, *crops.shape[2:]))
        return scores.reshape(len(crops), *self.positions, -1)

    def compare(self, images: Array) -> Differences:
        """Scores by sliding and of crops, on prepared images (N, *sizes, C)."""
        slid, cropped = self(images), self.of_crops(images)
        return Differences(abs(slid - cropped).max((0, -1)), float(abs(cropped).max()))

    def _images(self, given: Array) -> Array:
        x = real_array("images", given)
        shape = *(a.size for a in self._axes), self._net.input_shape[-1]
        if x.ndim != len(shape) + 1 or x.shape[1:] != shape:
            raise ShapeError(f"images: expected (N, {', '.join(map(str, shape))}), but got {x.shape}")
        return x.astype(self._net.weights.dtype, copy=False)

    def _sliding(self, volume: Shape) -> Any:
        """The network for a part of an image, made once."""
        if volume not in self._passes:
            wide = Net(resizing(self._slid.graph, volume).graph).share(self._slid)
            self._passes[volume] = self._runs(wide, 1)
        return self._passes[volume]

    def _runs(self, net: Net, batch: int) -> Any:
        """A function of images that gives the output."""
        return net if self._engine == "formula" else net.compile(batch, threads=self._threads)


def dense(
    net: Net,
    images: Array,
    *,
    stride: Sizes | None = None,
    engine: str = "compiled",
    threads: int | None = None,
) -> Array:
    """Scores (N, *positions, K) of a network that slides over prepared images (N, *sizes, C), larger than its
    own input: those of the crops that lie `stride` places apart, where no padding reaches in.

    Their mean over positions is a score of the whole image. See `Scan`, which keeps what is made for a size.
    """
    x = real_array("images", images)
    return Scan(net, x.shape[1:-1], stride=stride, engine=engine, threads=threads)(x)
