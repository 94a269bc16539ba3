"""What losses on a target share: terms that a target of 0 leaves out, and targets for their cases."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array


def weighted(t: Array, cost: Array) -> Array:
    """t * cost, and 0 where t is 0, whatever the cost: 0 log 0 = 0 (Cover & Thomas 2006, section 2.1)."""
    with np.errstate(invalid="ignore"):  # 0 * inf, which is not taken
        return np.where(t == 0, 0, t * cost)


def one_hot_targets(random: np.random.Generator, shapes: tuple[tuple[int, ...], ...]) -> tuple[Array, ...]:
    """Normal scores (N, K) and a target that is 1 at one class of each sample."""
    samples, classes = shapes[0]
    return random.standard_normal(shapes[0]), np.eye(classes)[random.integers(0, classes, samples)]
