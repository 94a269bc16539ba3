"""What a line leaves open: numbers of repetitions, and layers by words in capitals.

    INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC

A word in capitals, with nothing behind it, stands for the layer that is given for it: `CONV="conv5-16 same"`.
Where none is given, CONV is `conv3-32 same`, POOL `maxpool2` and FC `fc128`, and any other word is the layer
of that name. The last FC outside brackets has as many units as there are `classes`, usually 10. The usual
numbers are 0 <= N <= 3, M >= 0 and 0 <= K < 3 (CS231n, "Layer Patterns").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kitnet.base.error import KitnetError, cut, shorten
from kitnet.layers import Layer, Linear, Loss
from kitnet.layers.value import DIGITS
from kitnet.net.notation import read_layer

USUAL = {"CONV": "conv3-32 same", "POOL": "maxpool2", "FC": "fc128"}
CLASSES, USUAL_CLASSES = "classes", 10
MOST_TIMES = 1000
_NAME = re.compile(r"[A-Za-z]\w{0,19}")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")


class NotOpenError(KitnetError):
    """Something is given that a network does not leave open: the `names`, and what it has instead."""

    def __init__(self, text: str, names: Sequence[str], places: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.names, self.places = names, places


class Template:
    """What is given for the open places of one line; it remembers which of them the line has."""

    def __init__(self, given: Mapping[str, int | str]) -> None:
        self._given, self._open = given, dict[str, None]()

    def times(self, text: str) -> int:
        """How often a part with `*text` is repeated. Raises KitnetError with the bare reason."""
        count: object
        if text.isdecimal():
            count = int(text) if len(text) <= DIGITS else MOST_TIMES + 1
            came = f", not {cut(text)}"
        elif not _NAME.fullmatch(text):
            raise KitnetError(f"expected a number of repetitions after *, not {shorten(text)}")
        else:
            self._open[text] = None
            if text not in self._given:
                raise KitnetError(
                    f"the number {text} of repetitions is not given; say {text}=2, on the command line "
                    f"--set {text}=2"
                )
            count, came = self._given[text], f", but {text} is {shorten(self._given[text])}"
        if count not in range(MOST_TIMES + 1):
            raise KitnetError(f"a part is repeated 0 to {MOST_TIMES} times{came}")
        return int(count)

    def layer(self, word: str, last: bool, on_misfit: str | None) -> Layer | None:
        """The layer that a word in capitals stands for, if it stands for one; `last` says that it is the
        line's last FC. Raises KitnetError for something that is given and no layer.
        """
        if not _CAPITALS.fullmatch(word):
            return None
        if last:
            self._open[CLASSES] = None
            return Linear(self._classes())
        self._open[word] = None
        text = self._given.get(word, USUAL.get(word))
        if text is None:
            return None
        if not isinstance(text, str):
            raise KitnetError(
                f"{word} stands for a layer, such as {USUAL.get(word, 'relu')!r}, not {shorten(text)}"
            )
        layer = read_layer(text, on_misfit)
        if layer.joins or isinstance(layer, Loss):
            raise KitnetError(f"{word} stands for a layer of one input, not {shorten(text)}")
        return layer

    def _classes(self) -> int:
        count = self._given.get(CLASSES, USUAL_CLASSES)
        if not isinstance(count, int) or not 1 <= count < 10**DIGITS:
            raise KitnetError(f"classes is a whole number of 1 or more, not {shorten(count)}")
        return count

    def check_used(self) -> None:
        """Raises NotOpenError where something is given that the line does not leave open."""
        names = [name for name in self._given if name not in self._open]
        if names:
            name = cut(names[0])
            places = f"; it leaves open {cut(', '.join(self._open))}" if self._open else ""
            raise NotOpenError(
                f"{name} is given, but the line has no {name}{places}", names, list(self._open)
            )
