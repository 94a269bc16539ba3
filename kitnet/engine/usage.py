"""The memory that a compiled network takes, measured on one that has run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.engine.run import Scores, TrainingStep
from kitnet.net.network import Net
from kitnet.net.objective import Goal
from kitnet.optim import Rule

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Usage:
    """Bytes by what takes them.

    parameters, gradients, optimiser, state   as the ledger counts them, with room up to whole cache lines
    arena       the values and their gradients between the stages of the plan, and what is made of the weights
    workspace   the own memory of `threads` threads: values that stay in one stage, and what kernels need
    in_flight   the batch that is given, and what is read out
    constants, code
    """

    parameters: int
    gradients: int
    optimiser: int
    state: int
    arena: int
    workspace: int
    in_flight: int
    constants: int
    code: int
    threads: int

    @property
    def total(self) -> int:
        return sum(vars(self).values()) - self.threads

    def to_json(self) -> dict[str, int]:
        return {**vars(self), "total": self.total}


def tried(
    net: Net,
    batch: int,
    rule: Rule | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Usage:
    """The memory of the scores of `batch` random samples, or with a `rule` of a training step on them, which
    changes the weights. Raises KitnetError.
    """
    random = np.random.default_rng(0)
    x = {p: random.standard_normal((batch, *shape), np.float32) for p, shape in net.operands.items()}
    given: dict[str, Array] = dict(x)
    compiled: Scores | TrainingStep
    if rule is None:
        compiled = Scores(net, None, batch, threads=threads, progress=progress)
        compiled(x)
        gradients = optimiser = 0
    else:
        compiled = TrainingStep(net, None, batch, rule, threads=threads, progress=progress)
        targets = {goal.output: _target(goal, batch, random) for goal in compiled.goals}
        given |= {goal.target: targets[goal.output] for goal in compiled.goals}
        compiled(x, targets)
        gradients = compiled.gradient.flat.nbytes
        optimiser = sum(held.flat.nbytes for held in compiled.memory.values())
    held = compiled.held()
    return Usage(
        parameters=net.weights.flat.nbytes,
        gradients=gradients,
        optimiser=optimiser,
        state=sum(array.nbytes for arrays in net.state.values() for array in arrays.values()),
        arena=held["arena"],
        workspace=held["workspace"],
        in_flight=sum(array.nbytes for array in given.values()) + held["read out"],
        constants=held["constants"],
        code=held["code"],
        threads=held["threads"],
    )


def _target(goal: Goal, batch: int, random: np.random.Generator) -> Array:
    if goal.form == "values":
        return random.standard_normal((batch, *goal.loss.target_shape(goal.scores)), np.float32)
    return random.integers(0, goal.scores[-1], (batch, *goal.scores[:-1]))
