"""Views of a picture that are judged together: the mean of their scores is the picture's.

    flip            the picture, and left and right exchanged
    shift1          the picture, for one half, and it moved by 1 pixel up and left, and down and right, for a
                    quarter each; what comes in from outside is the mirror image
    flip,shift1     six views, each of shift1 also exchanged

(Krizhevsky, Sutskever & Hinton 2012, section 4.1, average over ten; the six are those of Jordan, "94% on
CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.5.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import DataError, nearest, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array

WORDS = ("flip", "shift")


@dataclass(frozen=True)
class Views:
    """Whether a view is also mirrored, and by how many pixels it is moved."""

    flip: bool = False
    shift: int = 0

    @classmethod
    def parse(cls, text: str) -> Views:
        """The views of a text such as `flip,shift1`; an empty one, and `none`, are the picture alone. Raises
        DataError."""
        flip, shift = False, 0
        for word in text.split(",") if text.strip() not in ("", "none") else []:
            match re.fullmatch(r"([a-z]+)([0-9]{0,3})", word.strip()):
                case re.Match() as found if found.groups() == ("flip", "") and not flip:
                    flip = True
                case re.Match() as found if found[1] == "shift" and found[2] and int(found[2]) and not shift:
                    shift = int(found[2])
                case re.Match() as found if found[1] in WORDS and bool(found[2]) == (found[1] == "shift"):
                    told = "moves by 0 pixels" if found[2] and not int(found[2]) else "is there twice"
                    raise DataError(f"views {shorten(text)}: {found[1]} {told}; leave it out")
                case _:
                    hint = nearest(re.sub("[0-9]", "", word.strip()), WORDS)
                    raise DataError(
                        f"views {shorten(text)}: {shorten(word.strip())} is no view{hint}; write them like "
                        "flip,shift1"
                    )
        return cls(flip, shift)

    def __str__(self) -> str:
        return ",".join(["flip"] * self.flip + [f"shift{self.shift}"] * (self.shift > 0))

    def __bool__(self) -> bool:
        return self.flip or self.shift > 0

    def check(self, shape: Shape) -> None:
        """Raises DataError for an input (H, W, C) that has no such views."""
        if len(shape) != 3 and self:
            raise DataError(f"views {self} are of pictures, not of an input {say(shape)}; leave them out")
        if self and self.shift >= min(shape[:2]):
            raise DataError(
                f"views {self}: a shift by {self.shift} mirrors more than there is in {say(shape)}; use less"
            )

    def of(self, x: Array) -> Iterator[tuple[float, Array]]:
        """The views of prepared pictures (N, H, W, C), and the share of each in the mean."""
        mirrored = [x[:, :, ::-1]] if self.flip else []
        for share, moved in self._moved(x, mirrored):
            yield share / (1 + self.flip), np.ascontiguousarray(moved)

    def _moved(self, x: Array, mirrored: list[Array]) -> Iterator[tuple[float, Array]]:
        for picture in (x, *mirrored):
            if not self.shift:
                yield 1.0, picture
                continue
            n, (height, width) = self.shift, picture.shape[1:3]
            padded = np.pad(picture, ((0, 0), (n, n), (n, n), (0, 0)), "reflect")
            yield 0.5, picture
            yield 0.25, padded[:, :height, :width]
            yield 0.25, padded[:, 2 * n :, 2 * n :]
