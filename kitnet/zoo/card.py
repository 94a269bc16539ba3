"""What is said of a network beside its line: where it comes from, how it differs from there, how it is
trained."""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.net import Net, parse


@dataclass(frozen=True)
class Card:
    """A network of the zoo. `differences` tell what is not as in `source`, or in texts about it, and why."""

    name: str
    title: str
    source: str
    line: str
    year: int = 0  # of the publication; 0 for a line of one's own
    differences: tuple[str, ...] = ()
    rate: float = 0.05
    momentum: float = 0.9
    batch: int = 64
    epochs: int = 20

    def build(self) -> Net:
        return parse(self.line)
