"""Rules by group: a parameter follows the first rule whose pattern fits its path, all others the usual one.

    conv1.weight: hold; *.shift: nesterov rate=0.1; fc1.*: sgd rate=0.5 epochs=3

`hold` leaves parameters as they are. Patterns have the wildcards * and ?, as those of files. The weight decay
of a group is for all its parameters, biases and those of norms too, which the usual rule spares.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kitnet.base.error import KitnetError, cut, shorten
from kitnet.optim.rule import Member, Numbers, Rule
from kitnet.optim.sgd import Sgd


@dataclass(frozen=True)
class Hold(Rule):
    """Parameters stay as they are."""

    def scalars(self, step: int) -> dict[str, float]:
        return {}

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        return w, {}


@dataclass(frozen=True)
class Groups(Rule):
    """`rest`, but for parameters whose paths fit a pattern of `groups`: these follow the rule beside it."""

    rest: Rule = Sgd()
    groups: tuple[tuple[str, Rule], ...] = ()

    def __post_init__(self) -> None:
        for rule in self._rules:
            if not isinstance(rule, Rule) or isinstance(rule, Groups):
                got = shorten(rule)
                raise KitnetError(f"groups: expected update rules such as Sgd(0.05), but got {got}")
        memory = dict.fromkeys(name for rule in self._rules for name in rule.memory)
        object.__setattr__(self, "memory", tuple(memory))
        object.__setattr__(self, "reads_norm", any(rule.reads_norm for rule in self._rules))

    @property
    def _rules(self) -> list[Rule]:
        return [self.rest, *(rule for _, rule in self.groups)]

    @property
    def form(self) -> Hashable:
        return type(self), *((pattern, rule.form) for pattern, rule in [("", self.rest), *self.groups])

    def scalars(self, step: int) -> dict[str, float]:
        """Those of the rest by their names, those of a group behind its pattern."""
        of_groups = {
            f"{pattern} {name}": x for pattern, rule in self.groups for name, x in rule.scalars(step).items()
        }
        return {**self.rest.scalars(step), **of_groups}

    def members(self, paths: Collection[str]) -> list[Member]:
        """Raises KitnetError for a pattern that fits no parameter."""
        left, first, found = list(paths), len(self.rest.scalars(0)), []
        for pattern, rule in self.groups:
            here = tuple(path for path in left if fnmatchcase(path, pattern))
            if not here:
                some = "is left for it" if any(fnmatchcase(path, pattern) for path in paths) else "is there"
                raise KitnetError(
                    f"groups: no parameter {some} by the pattern {shorten(pattern)}; the paths are "
                    f"{cut(', '.join(paths))}"
                )
            found.append(Member(rule, here, first))
            first += len(rule.scalars(0))
            left = [path for path in left if path not in here]
        return [Member(self.rest, tuple(left), 0), *found] if left else found

    def decaying(self, paths: Collection[str]) -> set[str]:
        """All of the groups': the weight decay of a group is for its parameters, biases too."""
        return {path for path in paths if any(fnmatchcase(path, pattern) for pattern, _ in self.groups)}

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        raise NotImplementedError("groups are updated by their own rules, which `members` tells")
