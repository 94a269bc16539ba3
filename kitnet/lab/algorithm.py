"""What an algorithm of the laboratory is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kitnet.base.spec import Array
from kitnet.lab.problem import Pass, Problem


@dataclass(frozen=True)
class Ready:
    """An algorithm ready for one pass of one problem: `run()` gives the result, shaped as y, x or w.

    `held` are bytes that were made before of the filters and the sizes. `workspace` are bytes that a run
    takes beyond operands and result; None says that they are to be measured. Where only a part of the result
    is computed, `sampled` are the places of the numbers in the flat result that `run()` gives. `kernels` are
    the generated ones that run.
    """

    run: Callable[[], Array] = field(repr=False)
    held: int = 0
    workspace: int | None = None
    sampled: Array | None = field(default=None, repr=False)
    kernels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Algorithm:
    """`prepare(problem, pass)` makes it ready. Raises InapplicableError."""

    name: str
    sentence: str
    prepare: Callable[[Problem, Pass], Ready] = field(repr=False)
