"""Oracle 1: the gradient that the formula gives against differences of the formula itself, in float64.

Along a direction v the derivative of L = sum(dy * y) is sum(dL/dx * v). Five points on the line give it as

    (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12h

with an error of h^4 L''''' / 30, about 1e-13, and of rounding, about eps |L| / h. Where h and h/2 do not
agree there is a kink between the points, and other operands are drawn. A number below 1 is moved in
proportion to itself, so that none crosses 0 and formulas such as 1/x and log x are as smooth as any. Formulas
that are linear around their operand must besides fulfil <A v, dy> = <v, A^T dy> up to rounding.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kitnet.base.random import stream
from kitnet.base.spec import Array
from kitnet.layers import Case, Loss
from kitnet.testing.closeness import sensitivity
from kitnet.testing.trial import STEP, Trial, Where, frozen, require, trials

ERROR = 1e-7  # relative
DIRECTIONS = 3  # for each operand and parameter
ATTEMPTS = 50  # draws before a formula counts as nowhere smooth


def check_gradient(case: Case, *, seed: int = 0) -> None:
    """The gradient of every operand and parameter, in evaluation and, where it differs, in training."""
    for trial in trials(case, seed):
        made = trial.forward()
        back = trial.backward(trial.kept(made), trial.dy(made))
        for i, dx in enumerate(back.dx):
            _check_operand(case, trial, i, dx is not None)
        for name in trial.w:
            _check(case, trial, name)


def _check_operand(case: Case, trial: Trial, i: int, has_gradient: bool) -> None:
    """None for a gradient says that there is none: nothing may move with the operand then, but for the target
    of a loss, whose gradient training does not read."""
    if has_gradient or not (isinstance(case.layer, Loss) and i == 1):
        _check(case, trial, i)
    if has_gradient:
        _check_adjoint(trial, i)


def _at(trial: Trial, where: Where) -> Array:
    return trial.w[where] if isinstance(where, str) else trial.x[where]


def _with(trial: Trial, where: Where, value: Array) -> Trial:
    value = frozen(value)
    if isinstance(where, str):
        return replace(trial, w={**trial.w, where: value})
    return replace(trial, x=(*trial.x[:where], value, *trial.x[where + 1 :]))


def _gradient(trial: Trial, where: Where, dy: Array) -> Array:
    back = trial.backward(trial.kept(trial.forward()), dy)
    found = back.dw[where] if isinstance(where, str) else back.dx[where]
    return np.zeros_like(_at(trial, where)) if found is None else found


def _check(case: Case, trial: Trial, where: Where) -> None:
    seed, train = trial.ctx.seed, trial.ctx.train
    random = stream(seed, f"testing/directions/{trial.layer}/{where}")
    attempt = 0
    for _ in range(DIRECTIONS):
        ways = random.uniform(-1, 1, _at(trial, where).shape)
        dy = trial.dy(trial.forward())
        while True:
            reach = _reach(_at(trial, where))
            v = ways * reach
            coarse, blur = _difference(trial, where, v, dy, STEP)
            fine, _ = _difference(trial, where, v, dy, STEP / 2)
            gradient = _gradient(trial, where, dy)
            size = max(abs(coarse), float(np.linalg.norm(gradient * reach)))
            if abs(coarse - fine) <= ERROR / 2 * size + 3 * blur:
                break
            attempt += 1
            require(
                attempt < ATTEMPTS, f"{trial}: forward is not smooth anywhere, so no gradient can be right"
            )
            trial = Trial.of(case, seed=seed, train=train, attempt=attempt)
        formula = math.fsum((gradient * v).flat)
        require(
            abs(formula - coarse) <= ERROR * size + blur,
            f"{trial}: the gradient of {_name(where)} is wrong: along a random direction the formula gives "
            f"{formula:.10g}, differences {coarse:.10g}",
        )


def _reach(x: Array) -> Array:
    """How far each number is moved, in steps: as far as itself below 1. Zeros are moved by whole steps."""
    return np.where(x == 0, 1, np.minimum(np.abs(x), 1))


def _name(where: Where) -> str:
    return where if isinstance(where, str) else f"operand {where}"


def _difference(trial: Trial, where: Where, v: Array, dy: Array, h: float) -> tuple[float, float]:
    """The derivative along v by five points, and how far rounding of y may blur it."""
    x = _at(trial, where)

    def loss(steps: int) -> Array:
        return (dy * _with(trial, where, x + steps * h * v).forward().y).ravel()

    near, far, middle = loss(1) - loss(-1), loss(2) - loss(-2), loss(0)
    blur = 4 * np.finfo(float).eps * float(np.abs(middle).sum()) / h
    return (8 * math.fsum(near) - math.fsum(far)) / (12 * h), blur


def _check_adjoint(trial: Trial, i: int) -> None:
    """<A v, dy> = <v, A^T dy> where y is A x + b around x: exact but for rounding, so far sharper than
    differences. The moves v are in proportion to x, so that a formula without a value at 0 is not asked for
    one."""
    x = trial.x[i]
    random = stream(trial.ctx.seed, f"testing/adjoint/{trial.layer}")
    v, u = (x * random.uniform(-0.5, 0.5, x.shape) for _ in range(2))

    def y(x: Array) -> Array:
        return _with(trial, i, x).forward().y

    with np.errstate(all="ignore"):  # what is not finite is not linear
        start, moved = y(x), y(x + v)
        both, other = y(x + v + u) - start, y(x + u) - start
    far = moved - start
    if not np.abs(both - far - other).max(initial=0) <= 1e-9 * np.abs(both).max(initial=0):
        return
    dy = trial.dy(trial.forward())
    scale = sum(sensitivity(lambda a: [y(a[0])], [x])[0] + np.abs(y(x)) for x in (x, x + v))
    allowed = 4 * float(np.finfo(float).eps) * float((np.abs(dy) * scale).sum())
    forward = math.fsum((far * dy).flat)
    backward = math.fsum((v * _gradient(trial, i, dy)).flat)
    require(
        abs(forward - backward) <= allowed,
        f"{trial}: forward and backward of operand {i} are not adjoint: <A v, dy> is {forward!r}, "
        f"<v, A^T dy> is {backward!r}, rounding explains {allowed:.3g}",
    )
