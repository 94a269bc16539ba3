"""What layer, group and instance normalisation take statistics of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from kitnet.kernels.spec import Volume
from kitnet.kernels.types import F32, Type

Affine = Literal["channels", "numbers"]


@dataclass(frozen=True)
class Sets:
    """The numbers of a sample in sets: each of the `groups` of its channels at all positions or, `apart`, at
    each. `affine`: a scale and a shift follow, with one number a channel or one for each number of a sample.
    """

    groups: int = 1
    apart: bool = False
    affine: Affine | None = "channels"

    def width(self, x: Volume) -> int:
        """Channels of a set."""
        return x.channels // self.groups

    def size(self, x: Volume) -> int:
        """Numbers of a set."""
        return self.width(x) * (1 if self.apart else x.positions)

    def step(self, x: Volume, lanes: int) -> int:
        """Channels of the least piece that is a task's own: whole sets, and whole vectors where channels lie
        in the lanes.
        """
        width = self.width(x)
        step = width if x.lanes == "images" else math.lcm(width, lanes)
        return x.channels if self.apart or x.channels % step else step

    def pieces(self, x: Volume, lanes: int) -> int:
        """What may be cut into blocks: positions, or channels by steps."""
        return x.positions if self.apart else x.channels // self.step(x, lanes)

    def count(self, x: Volume) -> int:
        """Sets of a sample."""
        return x.positions * x.channels // self.size(x)

    def weights(self, x: Volume) -> int:
        """Numbers of a scale."""
        return {"channels": x.channels, "numbers": math.prod(x.sizes) * x.channels, None: 0}[self.affine]

    def named(self, *names: str) -> dict[str, Type]:
        """Arguments that there are with a scale and a shift only."""
        return dict.fromkeys(names if self.affine else (), F32)
