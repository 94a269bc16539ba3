"""How a value of few images lies in memory: the channels innermost, in the vector lanes.

A value is (samples, depth, height, width, pitch) float32. A position has room for `pitch` numbers, of which
the first are its channels. Inside a network the pitch is the channels rounded up to whole vectors, and the
lanes that no channel fills hold finite numbers that count for nothing; a network's input has as much room
as channels. Ranks below three have sizes of 1 in front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kitnet.kernels.spec import Triple


def whole_vectors(channels: int, lanes: int) -> int:
    """Channels rounded up to whole vectors."""
    return -(-channels // lanes) * lanes


@dataclass(frozen=True)
class Value:
    """`channels` of the `pitch` numbers of every position, so that a slice of the channels is a value too.

    A pointer to it points to its first channel of the first position of the first sample.
    """

    samples: int
    sizes: Triple
    channels: int
    pitch: int

    @property
    def positions(self) -> int:
        """Of one sample."""
        return math.prod(self.sizes)

    @property
    def strides(self) -> tuple[int, int, int, int]:
        """Elements from one sample, depth, line and place to the next."""
        _, height, width = self.sizes
        line = width * self.pitch
        return self.positions * self.pitch, height * line, line, self.pitch

    def fills(self, lanes: int) -> bool:
        """Whether every position is whole vectors of its own, so that none needs a mask when written."""
        return self.pitch == whole_vectors(self.channels, lanes)
