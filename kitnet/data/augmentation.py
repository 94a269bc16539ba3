"""Augmentations: what changes training pictures a little, anew in each epoch, and the language for them.

    flip,crop4,cutout8              words with commas between them, done in this order
    crop4 reflect                   a word's options behind a blank
    elastic34-4                     its numbers right behind it, with - between them

A word is a class derived from `Operation` (`distortion.py`, `mixing.py`): its fields are its numbers, and
after them its options, which are False unless they are named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from kitnet.base.error import DataError, nearest, shorten
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.data.distortion import ResizedCrop
from kitnet.data.draws import Draws
from kitnet.data.mixing import Mixing
from kitnet.data.operation import OPERATIONS, Operation
from kitnet.data.place import place

_WORD = re.compile(r"([a-z]+)((?:\d+(?:\.\d+)?(?:-\d+(?:\.\d+)?)*)?)((?: [a-z]+)*)")
LARGEST = 1000.0  # of the numbers behind a word


@dataclass(frozen=True)
class Augmentation:
    """Operations, done one after the other."""

    operations: tuple[Operation, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Augmentation:
        """The augmentation of a text such as `flip,crop4,cutout8`; an empty one, and `none`, change nothing.
        Raises DataError."""
        with place(f"augmentation {shorten(text)}"):
            found = (
                [_operation(word.strip()) for word in text.split(",")]
                if text.strip() not in ("", "none")
                else []
            )
            for i, operation in enumerate(found):
                if isinstance(operation, ResizedCrop) and i:
                    raise DataError(
                        f"{operation.word} must be the first, since it cuts out of the whole picture"
                    )
                if isinstance(operation, Mixing) and i < len(found) - 1:
                    raise DataError(
                        f"{operation.word} must be the last, since it mixes pictures that are done"
                    )
        return cls(tuple(found))

    def __str__(self) -> str:
        return ",".join(map(str, self.operations))

    @property
    def cut(self) -> ResizedCrop | None:
        """The operation that cuts parts out of whole pictures, or None."""
        return next((each for each in self.operations if isinstance(each, ResizedCrop)), None)

    @property
    def mix(self) -> Mixing | None:
        """The operation that mixes pictures and their classes, or None."""
        return next((each for each in self.operations if isinstance(each, Mixing)), None)

    def check(self, shape: Shape) -> None:
        """Raises DataError where pictures of this shape are too small for an operation."""
        for operation in self.operations:
            operation.check(shape)

    def change(self, images: Array, seed: int, epoch: int, samples: Array, size: int) -> Array:
        """What lies between cutting and mixing: uint8 (n,H,W,C) to the same. The samples (n,) are numbers in
        a set of `size`."""
        for i, operation in enumerate(self.operations):
            if not isinstance(operation, ResizedCrop | Mixing):
                images = operation.change(images, Draws(seed, f"augment/{i}", epoch, samples, size))
        return images


def _operation(text: str) -> Operation:
    found = _WORD.fullmatch(text)
    if found is None:
        raise DataError(f"{shorten(text)} is no word with numbers and options; write it like crop4 reflect")
    word, numbers, options = found[1], found[2], found[3].split()
    if word not in OPERATIONS:
        raise DataError(
            f"unknown {shorten(word)}{nearest(word, OPERATIONS)}; known: {', '.join(sorted(OPERATIONS))}"
        )
    kind = OPERATIONS[word]
    wanted = [field for field in fields(kind) if field.type != "bool"]
    known = [field.name for field in fields(kind) if field.type == "bool"]
    given = numbers.split("-") if numbers else []
    for option in options:
        if option not in known:
            raise DataError(f"{word} has no {shorten(option)}; known: {', '.join(known) or 'no options'}")
    if len(given) > len(wanted):
        raise DataError(f"{text} has {len(given)} numbers; {word} has at most {len(wanted)}")
    values: dict[str, Any] = {}
    for field, number in zip(wanted, given, strict=False):
        if float(number) > LARGEST or (field.type == "int" and "." in number):
            what = "a whole number" if field.type == "int" else "a number"
            raise DataError(f"{text}: {field.name} {number} is not possible; use {what} up to {LARGEST:g}")
        values[field.name] = int(number) if field.type == "int" else float(number)
    try:
        return kind(**values, **dict.fromkeys(options, True))
    except TypeError:
        raise DataError(f"{word} needs a number behind it, its {wanted[0].name}, as in {word}4") from None
