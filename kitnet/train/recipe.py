"""How a network is trained: what the settings leave open is as its card says, or as usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.optim import Averaged, Clipped, Course, Rate, Rule, read_rule
from kitnet.optim.words import numbers_of, usual_rate
from kitnet.train.settings import Settings
from kitnet.zoo import Card

FLAGS = {"rate": "lr", "momentum": "momentum", "decay": "decay"}  # settings that are numbers of a rule


def complete(settings: Settings, card: Card) -> Settings:
    """The settings with optimizer, its rate, momentum and decay, schedule, augmentation, batch and epochs
    filled in. The numbers of a card are for its own optimizer, and for those with the same numbers and the
    same usual rate.

    Raises KitnetError for what the optimizer or the schedule does not take.
    """
    text, course = settings.optimizer or card.optimizer, Course(settings.schedule or card.schedule)
    rule = _rule(text, settings, card)
    numbers: dict[str, Any] = {flag: getattr(rule, name, None) for name, flag in FLAGS.items()}
    return replace(
        settings,
        optimizer=" ".join(text.split()),
        schedule=" ".join(course.text.split()),
        augment=settings.augment or card.augment or None,
        batch=settings.batch or card.batch,
        epochs=settings.epochs or card.epochs,
        **numbers,
    )


def rule_of(settings: Settings, steps: int, rate: Rate | None = None) -> Rule:
    """The update rule of complete settings, for epochs of so many steps; `rate` takes the place of theirs.
    Raises KitnetError."""
    kind, numbers = read_rule(settings.optimizer or "")
    numbers |= {name: getattr(settings, flag) for name, flag in FLAGS.items() if name in numbers_of(kind)}
    course = Course(settings.schedule or "").schedule(numbers.pop("rate"), steps, settings.epochs or 1)
    rule: Rule = kind(rate=course if rate is None else rate, **numbers)  # type: ignore[call-arg]  # a rule's numbers are its fields
    if settings.clip is not None:
        rule = Clipped(rule, settings.clip)
    return rule if settings.average is None else Averaged(rule, settings.average)


def _rule(text: str, settings: Settings, card: Card) -> Rule:
    """The rule with its first learning rate, as the text, the settings and the card say together."""
    kind, said = read_rule(text)
    names = numbers_of(kind)
    numbers: dict[str, Any] = {}
    own = read_rule(card.optimizer)[0]
    if names == numbers_of(own) and usual_rate(kind) == usual_rate(own):
        usual = {name: getattr(card, name) for name in FLAGS if name in names}
        numbers |= {name: value for name, value in usual.items() if value is not None}
    numbers |= said
    for name, flag in FLAGS.items():
        value = getattr(settings, flag)
        if value is None:
            continue
        if name not in names:
            raise KitnetError(
                f"{text.split(maxsplit=1)[0]} has no {name}; leave out --{flag}; it has {', '.join(names)}"
            )
        if name in said and said[name] != value:
            raise KitnetError(
                f"--optimizer says {name}={said[name]:g} and --{flag} {value:g}; leave out one of them"
            )
        numbers[name] = value
    return kind(**numbers)
