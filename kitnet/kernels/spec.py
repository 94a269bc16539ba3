"""What kernels know of a problem: how values lie in memory, and how a window slides over them.

There are two layouts. With the images in the lanes a value is (groups, depth, height, width, pitch, images),
`images` pictures side by side in the vector lanes: whatever the number of channels, no lane is wasted,
nothing is packed, a row of taps is one run of memory, and everything around the products is plain vector
code. Where images are too few, the channels lie in the lanes: a value is (samples, depth, height, width,
pitch), which is a batch of groups of one image. Ranks below three have sizes of 1 in front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from kitnet.kernels.types import F32, Type

Triple = tuple[int, int, int]  # depth, height, width


@dataclass(frozen=True)
class Batch:
    """`groups` of `images` pictures; `images` is a multiple of the processor's lanes, or 1 where channels lie
    in the lanes. Places beyond the pictures that there are hold what the last picture has there, and 0 in
    gradients.
    """

    groups: int
    images: int


@dataclass(frozen=True)
class Volume:
    """One value: `channels` of the `pitch` channels that a position has in memory, so that a slice is a
    volume too, numbers stored as a `type`, and what lies in the lanes.

    A pointer to it points to its first channel of the first position of the first group. An `own` volume
    holds one group, the one that a thread is at: it lies in the thread's own memory, where the next group
    takes its place. With channels in the lanes the pitch inside a network is the channels rounded up to whole
    vectors, and the lanes that no channel fills hold finite numbers that count for nothing; a network's input
    has as much room as channels.
    """

    sizes: Triple
    channels: int
    pitch: int
    own: bool = False
    type: Type = F32
    lanes: Literal["images", "channels"] = "images"

    @property
    def positions(self) -> int:
        return math.prod(self.sizes)

    @property
    def rows(self) -> int:
        """Of all planes: what the work on a group is cut into."""
        return self.sizes[0] * self.sizes[1]

    @property
    def dense(self) -> Volume:
        """The same without the channels of others between."""
        return replace(self, pitch=self.channels)

    def group_stride(self, batch: Batch) -> int:
        """Elements from one group to the next."""
        return 0 if self.own else self.positions * self.pitch * batch.images

    @property
    def strides(self) -> tuple[int, int, int, int]:
        """Elements from one sample, plane, line and place to the next, with channels in the lanes."""
        _, height, width = self.sizes
        line = width * self.pitch
        return self.positions * self.pitch, height * line, line, self.pitch

    def fills(self, lanes: int) -> bool:
        """Whether every position is whole vectors of its own channels, so that none needs a mask when
        written.
        """
        return self.pitch == whole_vectors(self.channels, lanes)


def whole_vectors(channels: int, lanes: int) -> int:
    """Channels rounded up to whole vectors."""
    return -(-channels // lanes) * lanes


def lanewise(batch: Batch, *volumes: Volume) -> tuple[Batch, tuple[Volume, ...]]:
    """The batch and volumes as a kernel sees them that treats all lanes alike, in either layout: a position's
    channels are to it what a channel's images are in the other layout.
    """
    first = volumes[0]
    if first.lanes == "images":
        return batch, volumes
    if any((each.lanes, each.pitch) != (first.lanes, first.pitch) for each in volumes):
        pitches = " and ".join(f"{each.pitch} ({each.lanes} in the lanes)" for each in volumes)
        raise ValueError(f"values of the pitches {pitches} cannot be treated lane by lane")
    return Batch(batch.groups, first.pitch), tuple(Volume(v.sizes, 1, 1, v.own, v.type) for v in volumes)


def samples_of(batch: Batch, *volumes: Volume) -> int:
    """How many samples a batch of volumes with channels in the lanes has."""
    if batch.images != 1 or any(each.lanes != "channels" for each in volumes):
        raise ValueError("this kernel is for volumes with channels in the lanes, and groups of one image")
    return batch.groups


@dataclass(frozen=True)
class Window:
    """A window along each axis, and the places of padding before the input (those behind follow from the
    output).
    """

    size: Triple
    stride: Triple = (1, 1, 1)
    dilation: Triple = (1, 1, 1)
    before: Triple = (0, 0, 0)

    @property
    def taps(self) -> int:
        return math.prod(self.size)
