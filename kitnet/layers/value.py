"""How the fields of layers are written in the language: `argument(SIZES)` makes a dataclass field that reads
and prints itself."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from kitnet.base.shape import MISFITS, Pad, Sizes, say, say_pad
from kitnet.layers.contract import Value

DIGITS = 9  # of a number in the language; more would be a bomb, not a network


def whole(text: str) -> int:
    """'12' -> 12. Raises ValueError, also where the number is longer than any that makes sense."""
    if len(text) > DIGITS:
        raise ValueError(text)
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _sizes(text: str) -> Sizes:
    numbers = tuple(whole(part) for part in text.split("x"))
    return numbers[0] if len(numbers) == 1 else numbers


def _pad(text: str) -> Pad:
    if text in ("valid", "same", "full"):
        return text  # type: ignore[return-value]  # narrowed by the line above, which mypy does not see
    axes = []
    for part in text.split("x"):
        numbers = tuple(whole(number) for number in part.split(":"))
        if len(numbers) > 2:
            raise ValueError(text)
        axes.append(numbers[0] if len(numbers) == 1 else numbers)
    if len(axes) == 1 and isinstance(axes[0], int):
        return axes[0]
    return tuple(axes)  # type: ignore[arg-type]  # pairs of two, checked above


def _places(text: str) -> Pad:
    pad = _pad(text)
    if isinstance(pad, str):
        raise ValueError(text)
    return pad


def _switch(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


def choice(*names: str, bare: bool = False) -> Value:
    """One of some words; `bare` ones may stand without `name=`."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(text)
        return text

    return Value(read, str, " or ".join(names), frozenset(names) if bare else frozenset())


INTEGER = Value(whole, str, "a whole number")
REAL = Value(_real, lambda value: repr(float(value)).removesuffix(".0"), "a number")
SWITCH = Value(_switch, lambda value: "yes" if value else "no", "yes or no")
SIZES = Value(
    _sizes, lambda value: say((value,) if isinstance(value, int) else value), "a size such as 3 or 3x5"
)
PAD = Value(
    _pad,
    say_pad,
    "valid, same, full, a number, or one an axis such as 1x2 or 0:1x1:2",
    frozenset(("valid", "same", "full")),
)
REGIONS = Value(
    lambda text: 1 if text == "global" else _sizes(text),
    lambda value: "global" if value == 1 else SIZES.write(value),
    "global, or a number of regions such as 2 or 2x3",
    frozenset(("global",)),
)

PLACES = Value(_places, say_pad, "a number, or one an axis such as 1x2 or 0:1x1:2")
MISFIT = choice(*MISFITS, bare=True)

_BY_TYPE = {"int": INTEGER, "float": REAL, "bool": SWITCH}


def argument(value: Value, default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that is written as `value` says. Fields of type int, float and bool need none."""
    return dataclasses.field(default=default, metadata={"value": value})


def arguments(layer: type[Any]) -> dict[str, tuple[Value, Any]]:
    """The fields of a layer, or of a block written as one, by name: how each is written, and its default
    (dataclasses.MISSING where there is none)."""
    found = {}
    for one in dataclasses.fields(layer):
        kind = getattr(one.type, "__name__", str(one.type))  # a text under postponed annotations
        value = one.metadata.get("value") or _BY_TYPE.get(kind)
        if value is None:
            raise TypeError(f"{layer.__name__}.{one.name}: say how {kind} is written with argument(...)")
        found[one.name] = (value, one.default)
    return found
