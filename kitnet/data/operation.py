"""One change of training pictures: what each augmentation is derived from, and the words that they have."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.data.draws import Draws

OPERATIONS: dict[str, type[Operation]] = {}


@dataclass(frozen=True)
class Operation:
    """A change of pictures. `change` leaves its argument as it is."""

    word: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "word" in vars(cls):
            OPERATIONS[cls.word] = cls

    def check(self, shape: Shape) -> None:
        """Raises DataError where pictures of this shape are too small for it."""

    def change(self, images: Array, draws: Draws) -> Array:
        """uint8 (n,H,W,C) to the same, another for each of the draws' samples."""
        raise NotImplementedError

    def __str__(self) -> str:
        values = [(field.type, getattr(self, field.name), field.name) for field in fields(self)]
        numbers = "-".join(f"{value:g}" for kind, value, _ in values if kind != "bool")
        options = "".join(f" {name}" for kind, value, name in values if kind == "bool" and value)
        return f"{self.word}{numbers}{options}"
