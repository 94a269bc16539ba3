"""What an implementation of a layer is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kitnet.engine.builder import Builder
from kitnet.engine.setting import Lanes
from kitnet.layers import Layer


class Slower(str):
    """A reason to refuse what could be done: an option may force it."""


def _never(b: Builder, i: int) -> None:
    """Refuses nothing."""


def no_way_back(b: Builder, i: int, kept: Any) -> None:
    """The backward of an implementation that is for scores alone."""


@dataclass(frozen=True)
class Implementation:
    """One way to compute layers of some kinds, with a stable `id` and a sentence.

    `forward` writes the steps of node i through the builder and returns what `backward` needs, which is given
    to it. `refuses` gives the reason why not node i, if there is one. `lanes` is what lies in the vector
    lanes; `takes_dense`: its operands and its value may be dense; `aliases`: its value is its operand, in the
    same memory. `across`: some steps need all groups at once; `meets`: it exchanges what
    it knows of its own groups with other ranks.
    """

    id: str
    sentence: str
    words: tuple[str, ...]  # of the layers
    forward: Callable[[Builder, int], Any] = field(repr=False)
    backward: Callable[[Builder, int, Any], None] = field(repr=False)
    refuses: Callable[[Builder, int], str | None] = field(default=_never, repr=False)
    lanes: Lanes = "images"
    takes_dense: bool = False
    aliases: bool = False
    across: Callable[[Builder, int], bool] = field(default=lambda b, i: False, repr=False)
    meets: bool = False
    only: Callable[[Layer], bool] = field(default=lambda layer: True, repr=False)  # of these layers

    def is_for(self, layer: Layer | None) -> bool:
        """Whether it is a way to compute this layer, be it refused or not."""
        return layer is not None and layer.word in self.words and self.only(layer)

    @property
    def formula(self) -> bool:
        """Whether Python does it."""
        return self.id.startswith("formula.")

    @property
    def only_scores(self) -> bool:
        """Whether it has no way back."""
        return self.backward is no_way_back


@dataclass(frozen=True)
class Wishes:
    """Implementations that may not be used, and such as are used wherever they can, by words: an id such as
    `conv.winograd4.images`, or parts of it, where a number may be left out: `winograd`, `conv.winograd4`.
    """

    forbidden: frozenset[str] = frozenset()
    forced: frozenset[str] = frozenset()

    def forbid(self, one: Implementation) -> bool:
        return any(called(one.id, word) for word in self.forbidden)

    def force(self, one: Implementation) -> bool:
        return any(called(one.id, word) for word in self.forced)


NO_WISHES = Wishes()


def in_both_layouts(one: Implementation) -> tuple[Implementation, Implementation]:
    """The same for images and for channels in the lanes, `.images` and `.channels` behind its id."""
    images = replace(one, id=f"{one.id}.images", lanes="images")
    return images, replace(one, id=f"{one.id}.channels", lanes="channels")


def called(id: str, word: str) -> bool:
    """Whether a word means the implementation with this id."""
    parts = [{part, re.sub(r"\d+$", "", part)} for part in id.split(".")]
    words = word.split(".")
    return any(
        all(one in names for one, names in zip(words, parts[first:], strict=False))
        for first in range(len(parts) - len(words) + 1)
    )


@dataclass(frozen=True)
class Refusal:
    """Why an implementation was not taken."""

    id: str
    sentence: str
    reason: str
