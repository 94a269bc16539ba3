"""What an implementation of a layer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kitnet.engine.builder import Builder
from kitnet.layers import Layer


class Slower(str):
    """A reason to refuse what could be done: an option may force it."""


@dataclass(frozen=True)
class Implementation:
    """One way to compute layers of some kinds. `forward` and `backward` write the steps of node i through the
    builder; `across`: some of them need all groups at once. `refuses` gives the reason why not node i, if
    there is one.
    """

    name: str
    layers: tuple[type[Layer], ...]
    forward: Callable[[Builder, int], None]
    backward: Callable[[Builder, int], None]
    refuses: Callable[[Builder, int], str | None] = lambda builder, i: None
    across: bool = False


@dataclass(frozen=True)
class Wishes:
    """Implementations that may not be used, and such as are used wherever they can: by their names, or the
    first words of these.
    """

    forbidden: frozenset[str] = frozenset()
    forced: frozenset[str] = frozenset()

    def forbid(self, one: Implementation) -> bool:
        return any(called(one.name, word) for word in self.forbidden)

    def force(self, one: Implementation) -> bool:
        return any(called(one.name, word) for word in self.forced)


NO_WISHES = Wishes()


def called(name: str, word: str) -> bool:
    """Whether an implementation of this name is meant by a word."""
    return name == word or name.startswith((f"{word} ", f"{word},"))


@dataclass(frozen=True)
class Refusal:
    """Why an implementation was not taken."""

    name: str
    reason: str


def only_forward(b: Builder, i: int) -> None:
    """The backward of what is used in plans for scores alone."""
