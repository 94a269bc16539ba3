"""Every number can be traced: the terms that a layer gives for it, closed, come to the number."""

from __future__ import annotations

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.random import stream
from kitnet.layers import At, Case, Pass
from kitnet.testing.trial import require, trials

PLACES = 3  # of each array


def check_terms(case: Case, *, seed: int = 0) -> None:
    """Random places of y and of every gradient, in evaluation and, where it differs, in training."""
    for trial in trials(case, seed):
        dy = trial.dy(trial.forward())
        run = Pass(trial.layer, trial.w, trial.state, trial.ctx, trial.x, dy)
        random = stream(seed, f"testing/terms/{trial.layer}")
        for path in run.traced:
            array = run.array(path)
            for _ in range(PLACES if array.size else 0):
                index = tuple(int(random.integers(size)) for size in array.shape)
                _check(f"{trial}: the terms of {path}{list(index)}", run, At(path, index))


def _check(what: str, run: Pass, at: At) -> None:
    exact = run.number(at.of, at.index).value
    try:
        found = run.terms(at)
    except Exception as error:
        raise AssertionError(f"{what} fail with {type(error).__name__}: {error}") from error
    for factor in (factor for term in found.terms for factor in term.factors):
        if factor.path in run.arrays:
            try:
                there = run.number(factor.path, factor.index).value
            except KitnetError as error:
                raise AssertionError(f"{what} name a number that is not there: {error}") from None
            text = f"{factor.path}{list(factor.index)} is {there!r}, not {factor.value!r}"
            require(there == factor.value, f"{what} hold a wrong number: {text}")
    close, total, value = found.close.function, found.total, found.value
    eps = 4 * float(np.finfo(run.made.y.dtype).eps)
    far = eps * sum(abs(term.value) for term in found.terms)
    spread = max(abs(close(total + sign * far) - value) for sign in (-1, 1))
    allowed = eps * abs(exact) + 2 * spread  # the formula rounds as the terms do
    require(
        abs(value - exact) <= allowed,
        f"{what} come to {value!r}, not {exact!r}: off by {abs(value - exact):.3g}, "
        f"rounding explains {allowed:.3g}",
    )
