"""What an update rule is: memory by name, scalars for each step, and one formula."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array, Matrix
from kitnet.optim.scalar import check_scalars, form_of

ACCUMULATED = "accumulated"  # the memory of a step that adds gradients up: their mean so far
Numbers = Any  # an array of NumPy, or a vector of a kernel: both have +, -, * and /


@dataclass(frozen=True)
class Member:
    """A rule within a rule, the paths of the parameters that follow it, and which of all scalars is the first
    of its own."""

    rule: Rule
    paths: tuple[str, ...]
    first: int


class Rule(ABC):
    """How weights follow their gradient. A rule is a frozen dataclass; what it remembers lies outside.

    `update` is written once: NumPy computes it on arrays, and the kernel of compiled plans is generated from
    it. So it may use arithmetic, `** 2`, `** 0.5`, `abs`, and NumPy's `sqrt`, `square`, `absolute`,
    `maximum` and `minimum`; it cannot branch on numbers. The learning rate of kitnet's own rules is a number
    or a `Schedule`.
    """

    memory: ClassVar[tuple[str, ...]] = ()  # arrays of the weights' layout that it carries from step to step
    reads_norm: ClassVar[bool] = False  # whether `update` reads scalars["norm"], the length of the gradient
    orthogonal_steps: int = 0  # of what makes scalars["orthogonal"] of `heading`; 0: it is not read
    renorms: bool = False  # whether filters get a fixed length before `update`, as `optim/muon.py` says

    def __post_init__(self) -> None:
        """Raises KitnetError for a `scalar` field outside its range."""
        if dataclasses.is_dataclass(self):
            check_scalars(self)

    @abstractmethod
    def scalars(self, step: int) -> dict[str, float]:
        """The numbers of this step (from 0) by their names, always the same names. `decay`, if there is one,
        reaches `update` as 0 for parameters that do not decay."""

    @property
    def form(self) -> Hashable:
        """What the formula depends on besides its scalars: rules of one form share a kernel."""
        return form_of(self) if dataclasses.is_dataclass(self) else self

    @abstractmethod
    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        """The new weights and the new memory."""

    def heading(self, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]) -> Numbers:
        """What scalars["orthogonal"] is made of, as `optim/muon.py` says, where the rule reads it."""
        raise NotImplementedError(type(self).__name__)

    def members(self, paths: Collection[str]) -> Sequence[Member]:
        """Which rule the parameters at these paths follow: this one."""
        return [Member(self, tuple(paths), 0)]

    def decaying(self, paths: Collection[str]) -> Collection[str]:
        """Those of these paths whose parameters decay although they are biases or of norms: none."""
        return ()

    def check_memory(self, changed: Mapping[str, Numbers]) -> None:
        """Raises KitnetError where `update` gave other memory than the rule declares."""
        for name in sorted(set(self.memory) ^ set(changed)):
            what = "is not declared in memory" if name in changed else "is missing in what update returns"
            raise KitnetError(f"{type(self).__name__}: the memory {name!r} {what}")

    def apply(
        self,
        w: Array,
        dw: Array,
        memory: Mapping[str, Array],
        decays: Array,
        step: int,
        filters: Sequence[Matrix] = (),
        length: Numbers | None = None,
    ) -> None:
        """One step by NumPy, in place on w (P,) and the arrays of `memory` (P,).

        `decays` (P,) is 1 where weight decay applies, else 0; `filters` are those of convolutions; `length`
        is that of the whole gradient, where dw is a part of it. The gradient must be finite, and its `norm`
        too where the rule reads it.
        """
        scalars: dict[str, Numbers] = {name: w.dtype.type(x) for name, x in self.scalars(step).items()}
        if "decay" in scalars:
            scalars["decay"] = scalars["decay"] * decays
        if self.reads_norm:
            scalars["norm"] = norm(dw) if length is None else length
        if self.orthogonal_steps or self.renorms:
            from kitnet.optim.muon import renormed, with_orthogonal  # a rule, of which this is the contract

            heading = self.heading(dw, memory, scalars)
            scalars["orthogonal"] = with_orthogonal(heading, filters, self.orthogonal_steps)
            w[...] = renormed(w, filters) if self.renorms else w
        new, changed = self.update(w, dw, memory, scalars)
        self.check_memory(changed)
        for name, array in changed.items():
            memory[name][...] = array
        w[...] = new


def shares(before: int, samples: int) -> tuple[float, float]:
    """The shares of the mean over so many samples before, and of that over these, in the mean over all."""
    return before / (before + samples), samples / (before + samples)


def norm(dw: Array) -> Numbers:
    """The length of a gradient (P,), in its own precision; infinite where it is too large for that."""
    largest = np.abs(dw).max(initial=0)
    if not 0 < largest < np.inf:
        return largest
    with np.errstate(over="ignore"):  # in units of the largest, whose square may overflow
        return largest * np.sqrt(np.square(dw / largest).sum())
