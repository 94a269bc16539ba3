"""What kernels know of a problem: how values lie in memory, and how a window slides over them.

The batch lies innermost: a value is (groups, depth, height, width, pitch, images) float32, `images` pictures
side by side in the vector lanes. Whatever the number of channels, no lane is wasted, nothing is packed, a row
of taps is one run of memory, and everything around the products is plain vector code. Ranks below three have
sizes of 1 in front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Triple = tuple[int, int, int]  # depth, height, width


@dataclass(frozen=True)
class Batch:
    """`groups` of `images` pictures; `images` is a multiple of the processor's lanes. Unused places hold
    zeros.
    """

    groups: int
    images: int


@dataclass(frozen=True)
class Volume:
    """One value: `channels` of the `pitch` channels that a position has in memory, so that a slice is a
    volume too.

    A pointer to it points to its first channel of the first position of the first group. An `own` volume
    holds one group, the one that a thread is at: it lies in the thread's own memory, where the next group
    takes its place.
    """

    sizes: Triple
    channels: int
    pitch: int
    own: bool = False

    @property
    def positions(self) -> int:
        return math.prod(self.sizes)

    def group_stride(self, batch: Batch) -> int:
        """Elements from one group to the next."""
        return 0 if self.own else self.positions * self.pitch * batch.images


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
