"""How long the layers of a network take, forward and backward, in one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FORWARD, BACKWARD, UPDATE = WAYS = "forward", "backward", "update"


@dataclass(frozen=True)
class Times:
    """Seconds of one run on so many samples: by way, and by the layer's path and way, where that is known.
    Layers that another one does in passing are in its time; "" has what belongs to no layer, such as
    conversions between layouts."""

    samples: int
    ways: Mapping[str, float]
    layers: Mapping[tuple[str, str], float]
