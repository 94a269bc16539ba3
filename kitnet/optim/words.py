"""Rules and schedules as texts: `adam beta1=0.95`, `cosine warmup=5`.

    text   = word (name "=" number)*
    number = a decimal number; drops take several with commas, at=30,60

A rule's names are its numbers. A schedule's text counts in epochs and leaves out the learning rate: `Course`
makes a schedule of it when the rate and the steps of an epoch are known. Groups have a rule for each pattern
of paths, as `optim/groups.py` says; `epochs` tells when the schedule of a group ends before the others.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.optim.rate import Rate, Schedule
from kitnet.optim.rule import Rule
from kitnet.optim.rules import rule_by_name
from kitnet.optim.schedule import Cosine, Drops, Linear, OneCycle

COURSES: dict[str, tuple[type[Schedule], tuple[str, ...]]] = {  # and the names that a text may give
    "constant": (Drops, ("warmup",)),
    "linear": (Linear, ("warmup", "final")),
    "cosine": (Cosine, ("warmup", "final")),
    "onecycle": (OneCycle, ("rise", "first", "final", "warmup")),
    "drops": (Drops, ("at", "factor", "warmup")),
}
MOST_EPOCHS = 1 << 20
HOLD = "hold"  # in the place of a rule, for parameters that stay
IN_EPOCHS = {"warmup": "warmup", "at": "at_steps"}  # and what schedules call them, in steps


def read_rule(text: str) -> tuple[type[Rule], dict[str, float]]:
    """'adam beta1=0.95' -> Adam, {'beta1': 0.95}. Raises KitnetError naming the nearest word or name."""
    word = _word(text)
    kind = rule_by_name(word)
    return kind, _numbers(text, word, numbers_of(kind), ())


def read_groups(text: str) -> list[tuple[str, type[Rule] | None, dict[str, float]]]:
    """'conv1.*: hold; *.shift: sgd rate=0.1 epochs=3' -> patterns, their rules, None for `hold`, and numbers,
    `epochs` among them. Raises KitnetError."""
    found: list[tuple[str, type[Rule] | None, dict[str, float]]] = []
    for part in filter(None, map(str.strip, text.split(";"))):
        pattern, colon, said = map(str.strip, part.partition(":"))
        if not (pattern and colon and said):
            raise KitnetError(
                f"groups: {shorten(part)} is no pattern with a rule; write it like fc1.*: sgd rate=0.5"
            )
        if pattern in (before for before, *_ in found):
            raise KitnetError(f"groups: {shorten(pattern)} has two rules; leave one out")
        word = _word(said)
        try:
            kind = None if word == HOLD else rule_by_name(word)
            known = () if kind is None else (*numbers_of(kind), "epochs")
            numbers = _numbers(said, word, known, ())
            if numbers.get("epochs", 1) not in range(1, MOST_EPOCHS):
                raise KitnetError(f"epochs={numbers['epochs']:g} is no whole number of 1 or more")
            found.append((pattern, kind, numbers))
        except KitnetError as error:
            raise KitnetError(f"groups: {shorten(pattern)}: {error}") from None
    return found


def numbers_of(kind: type[Rule]) -> list[str]:
    """The names of a rule's numbers: rate, momentum, decay."""
    return [field.name for field in dataclasses.fields(kind) if field.metadata]  # type: ignore[arg-type]


def usual_rate(kind: type[Rule]) -> Rate:
    """The learning rate of a rule that is not given one."""
    usual: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    rate: Rate = usual["rate"]
    return rate


@dataclass(frozen=True)
class Course:
    """How the learning rate changes while a run lasts. Raises KitnetError for a text that is none."""

    text: str = "constant"

    def __post_init__(self) -> None:
        self._read()

    def _read(self) -> tuple[type[Schedule], dict[str, Any]]:
        """The schedule's class, and the numbers that are given."""
        word = _word(self.text)
        if word not in COURSES:
            known = ", ".join(COURSES)
            raise KitnetError(f"unknown schedule {shorten(word)}{nearest(word, COURSES)}; known: {known}")
        kind, names = COURSES[word]
        given = _numbers(self.text, word, names, ("at",))
        if word == "drops" and "at" not in given:
            raise KitnetError("drops needs the epochs after which the rate drops, such as at=30,60")
        return kind, given

    def schedule(self, rate: float, steps: int, epochs: int) -> Rate:
        """The learning rate of each step, in a run of so many epochs of so many steps; a number where it does
        not change. Raises KitnetError where the schedule does not fit into the run."""
        kind, given = self._read()
        if kind is Drops and not any(given.values()):
            return rate
        length: dict[str, Any] = {} if kind is Drops else {"steps": steps * epochs}
        values = {IN_EPOCHS.get(name, name): _in_steps(name, x, steps) for name, x in given.items()}
        try:
            return kind(rate=rate, **length, **values)  # type: ignore[call-arg]  # all of COURSES have one
        except KitnetError as error:
            raise KitnetError(f"schedule {shorten(self.text)}, {steps} steps an epoch: {error}") from None


def _in_steps(name: str, value: Any, steps: int) -> Any:
    if name not in IN_EPOCHS:
        return value
    if isinstance(value, tuple):
        return tuple(round(epochs * steps) for epochs in value)
    return round(value * steps)


def _word(text: str) -> str:
    if not isinstance(text, str):
        raise KitnetError(
            f"a rule or a schedule is a text here, such as 'adam beta1=0.95', not {shorten(text)}"
        )
    return "".join(text.split()[:1])


def _numbers(text: str, word: str, known: Collection[str], several: Collection[str]) -> dict[str, Any]:
    """The numbers behind the word, by name; tuples for those that may be `several`."""
    found: dict[str, Any] = {}
    for part in text.split()[1:]:
        name, equals, value = part.partition("=")
        if name not in known:
            hint = nearest(name, known) or f"; it has {', '.join(known)}"
            raise KitnetError(f"{word} has no {shorten(name)}{hint}")
        if name in found:
            raise KitnetError(f"{word} has two values for {name}; leave one out")
        if not equals:
            raise KitnetError(f"{name} of {word} needs a number, such as {name}=0.1")
        numbers = tuple(_number(word, name, one) for one in value.split(","))
        if name not in several and len(numbers) > 1:
            raise KitnetError(f"{name} of {word} is one number, not {shorten(value)}")
        found[name] = numbers if name in several else numbers[0]
    return found


def _number(word: str, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise KitnetError(f"{name} of {word} is a number, not {shorten(text)}")
    return number
