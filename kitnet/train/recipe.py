"""How a network is trained: what the settings leave open is as the recipe on its card says, or as usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kitnet.base.error import KitnetError, shorten
from kitnet.optim import Averaged, Clipped, Course, Groups, Hold, Rate, Rule, read_rule
from kitnet.optim.rate import Schedule
from kitnet.optim.schedule import Shifted
from kitnet.optim.words import numbers_of, read_groups, usual_rate
from kitnet.train.settings import Settings
from kitnet.zoo import Card, Recipe

USUAL_DATA = "digits"
OWN_DATA = "folder"  # the data set of recipes for pictures of one's own
FLAGS = {"rate": "lr", "momentum": "momentum", "decay": "decay"}  # settings that are numbers of a rule


def usual(settings: Settings, card: Card, data: str | None) -> tuple[Settings, Recipe]:
    """The settings with the data set filled in, and the recipe that fills in the rest. `data` is the data set
    of a recipe that the settings name, such as lenet5.mnist.

    Raises KitnetError for a recipe that is for data of one's own, where none are given.
    """
    if data == OWN_DATA and settings.data is None:
        raise KitnetError(f"{settings.model} is for pictures of your own; say where they are with --data")
    settings = replace(settings, data=settings.data or data or USUAL_DATA)
    return settings, card.recipe_for(data or settings.data or USUAL_DATA)


def complete(settings: Settings, recipe: Recipe) -> Settings:
    """The settings with optimizer, its rate, momentum and decay, schedule, augmentation, target, loss,
    averaging, groups, whitening, views, batch and epochs filled in. The numbers of a recipe are for its own
    optimizer, and for those with the same numbers and the same usual rate.

    Raises KitnetError for what the optimizer or the schedule does not take.
    """
    text, course = settings.optimizer or recipe.optimizer, Course(settings.schedule or recipe.schedule)
    rule = _rule(text, settings, recipe)
    numbers: dict[str, Any] = {flag: getattr(rule, name, None) for name, flag in FLAGS.items()}
    return replace(
        settings,
        optimizer=" ".join(text.split()),
        schedule=" ".join(course.text.split()),
        augment=settings.augment or recipe.augment or None,
        target=settings.target or recipe.target or None,
        loss=settings.loss or recipe.loss or None,
        groups=recipe.groups or None if settings.groups is None else settings.groups,
        whiten=recipe.whiten or None if settings.whiten is None else settings.whiten,
        views=recipe.views or None if settings.views is None else settings.views,
        average=recipe.average if settings.average is None else settings.average,
        batch=settings.batch or recipe.batch,
        epochs=settings.epochs or recipe.epochs,
        **numbers,
    )


def rule_of(settings: Settings, steps: int, rate: Rate | None = None, shift: int = 0) -> Rule:
    """The update rule of complete settings, for epochs of so many steps; `rate` takes the place of theirs.
    Its schedule is at step t + shift where the run is at step t. Raises KitnetError."""
    kind, numbers = read_rule(settings.optimizer or "")
    numbers |= {name: getattr(settings, flag) for name, flag in FLAGS.items() if name in numbers_of(kind)}
    rest = _scheduled(settings, kind, numbers, steps, rate, shift)
    if settings.groups in (None, "none"):
        return rest
    groups = []
    for pattern, own, given in read_groups(settings.groups or ""):
        try:
            if own is None:
                rule = _wrapped(settings, Hold())
            else:
                rule = _scheduled(settings, own, given, steps, shift=shift)
        except KitnetError as error:
            raise KitnetError(f"groups: {shorten(pattern)}: {error}") from None
        groups.append((pattern, rule))
    return Groups(rest, tuple(groups))


def _scheduled(
    settings: Settings,
    kind: type[Rule],
    numbers: dict[str, Any],
    steps: int,
    rate: Rate | None = None,
    shift: int = 0,
) -> Rule:
    """A rule with schedule, clip and average of the settings; `rate` takes the place of its own."""
    own = numbers.get("rate", usual_rate(kind))
    epochs = round(numbers.get("epochs", settings.epochs or 1))
    course = Course(settings.schedule or "").schedule(own, steps, epochs) if rate is None else rate
    if shift and isinstance(course, Schedule):
        course = Shifted(course, shift)
    numbers = {name: x for name, x in numbers.items() if name not in ("rate", "epochs")}
    return _wrapped(settings, kind(rate=course, **numbers))  # type: ignore[call-arg]  # a rule's numbers are its fields


def _wrapped(settings: Settings, rule: Rule) -> Rule:
    if settings.clip is not None:
        rule = Clipped(rule, settings.clip)
    return rule if settings.average is None else Averaged(rule, settings.average)


def stretched(old: Settings, new: Settings, steps: int, step: int) -> str:
    """What becomes of the learning rate where a run goes on at `step` (from 0) to another number of epochs of
    so many steps; nothing where it does not depend on their number."""
    before, after = (rule_of(settings, steps).scalars(step).get("rate", 0.0) for settings in (old, new))
    if not step or before == after:
        return ""
    return (
        f"the schedule {new.schedule} is now one of {new.epochs} epochs, not of {old.epochs}: the learning "
        f"rate of the next step is {after:.4g} in the place of {before:.4g}"
    )


def _rule(text: str, settings: Settings, recipe: Recipe) -> Rule:
    """The rule with its first learning rate, as the text, the settings and the recipe say together."""
    kind, said = read_rule(text)
    names = numbers_of(kind)
    numbers: dict[str, Any] = {}
    own = read_rule(recipe.optimizer)[0]
    if names == numbers_of(own) and usual_rate(kind) == usual_rate(own):
        usual = {name: getattr(recipe, name) for name in FLAGS if name in names}
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
