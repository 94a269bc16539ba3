"""How the fields of layers are written in the language: `argument(SIZES)` makes a dataclass field that reads
and prints itself, and takes in Python what it can print."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, shorten
from kitnet.base.shape import MISFITS, Pad, Shape, Sizes, say, say_pad

DIGITS = 9  # of a number in the language; more would be a bomb, not a network


@dataclass(frozen=True)
class Value:
    """How a field is written in the language. `bare` are texts that may stand without `name=`."""

    read: Callable[[str], Any]  # raises ValueError
    write: Callable[[Any], str]
    expected: str
    bare: frozenset[str] = field(default=frozenset())


class TooLongError(ValueError):
    """A whole number that is longer than any that makes sense."""

    remedy = f"numbers have {DIGITS} digits at most"


def whole(text: str) -> int:
    """'12' -> 12. Raises ValueError, and TooLongError for more digits than a number has."""
    number = int(text[: DIGITS + 2])  # a text that is no number is none, however long
    if len(text) > DIGITS:
        raise TooLongError(text)
    return number


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


def _integers(text: str) -> tuple[int, ...]:
    return tuple(-whole(part[1:]) if part[:1] == "-" else whole(part) for part in text.split(","))


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
INTEGERS = Value(
    _integers, lambda value: ",".join(map(str, value)), "whole numbers with commas between, such as 3,1,2"
)
REALS = Value(
    lambda text: tuple(_real(part) for part in text.split(",")),
    lambda value: ",".join(map(REAL.write, value)),
    "numbers with commas between, such as 0.5,2",
)
REGIONS = Value(
    lambda text: 1 if text == "global" else _sizes(text),
    lambda value: "global" if value == 1 else SIZES.write(value),
    "global, or a number of regions such as 2 or 2x3",
    frozenset(("global",)),
)

PLACES = Value(_places, say_pad, "a number, or one an axis such as 1x2 or 0:1x1:2")
MISFIT = choice(*MISFITS, bare=True)


def as_shape(sizes: Sizes) -> Shape:
    """Sizes of a volume, one an axis: 6 stands for (6,)."""
    return (sizes,) if isinstance(sizes, int) else sizes


_BY_TYPE = {"int": INTEGER, "float": REAL, "bool": SWITCH}


def argument(value: Value, default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that is written as `value` says. Fields of type int, float and bool need none."""
    return dataclasses.field(default=default, metadata={"value": value})


def arguments(layer: type[Any]) -> dict[str, tuple[Value, Any]]:
    """The fields of a layer, or of a block written as one, by name: how each is written, and its default
    (dataclasses.MISSING where there is none)."""
    found = {}
    for one in dataclasses.fields(layer):
        value = _value_of(one)
        if value is None:
            raise KitnetError(
                f"{layer.__name__}.{one.name}: say how {_kind(one)} is written with argument(...)"
            )
        found[one.name] = (value, one.default)
    return found


def _value_of(one: dataclasses.Field[Any]) -> Value | None:
    return one.metadata.get("value") or _BY_TYPE.get(_kind(one))


def _kind(one: dataclasses.Field[Any]) -> str:
    return getattr(one.type, "__name__", str(one.type))  # a text under postponed annotations


def settle(layer: Any) -> None:
    """Make each field of a new layer what reads back from its written form: of NumPy's numbers Python's, of 0
    where a real number is meant 0.0. Raises KitnetError for what cannot be read back.

    Fields of which nobody said how they are written stay as they are.
    """
    for one in dataclasses.fields(layer):
        given, value = getattr(layer, one.name), _value_of(one)
        if value is not None and given is not one.default:
            object.__setattr__(layer, one.name, _settled(type(layer).__name__, one.name, value, given))


def _settled(layer: str, name: str, value: Value, given: Any) -> Any:
    plain, remedy = _plain(given), ""
    try:
        again = value.read(value.write(plain))
        if plain in (again, (again,)):  # 3 stands for (3,)
            return again
        remedy = f"; write {name}={again!r}"
    except TooLongError as error:
        remedy = f"; {error.remedy}"
    except (ValueError, TypeError, AttributeError, LookupError):
        pass
    raise KitnetError(f"{layer}: {name} is {value.expected}, not {shorten(given)}{remedy}")


def _plain(given: Any) -> Any:
    """NumPy's numbers as Python's, and sequences as tuples."""
    if isinstance(given, np.generic):
        return given.item()
    if isinstance(given, tuple | list | np.ndarray):
        return tuple(map(_plain, given))
    return given
