"""What an implementation of a layer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kitnet.engine.builder import Builder
from kitnet.layers import Layer


@dataclass(frozen=True)
class Implementation:
    """One way to compute layers of some kinds. `forward` and `backward` write the steps of node i through the
    builder; `across`: some of them need all groups at once.
    """

    name: str
    layers: tuple[type[Layer], ...]
    forward: Callable[[Builder, int], None]
    backward: Callable[[Builder, int], None]
    refuses: Callable[[Builder, int], str | None] = lambda builder, i: None
    across: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why an implementation was not taken."""

    name: str
    reason: str
