"""Oracle 2: forward against the layer's own independent definition, in both precisions, and the float32
gradients against the float64 ones.

What a result may be off is said in `closeness.py`. One kind of formula needs more than the sensitivity to its
operands: a loss is a sum of target times a logarithm of probability, and a logarithm log(sum e^z) - z is as
exact as z, even where the two nearly cancel and nothing moves with z any more. For a loss sum |a||b| is
therefore at least sum |t| max |z|, and for its gradients |dy| max |t| and |dy| max |z|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Case, Forward, Kept, Loss
from kitnet.testing.closeness import assert_rounding, sensitivity
from kitnet.testing.trial import Trial, frozen, trials


def check_definition(case: Case, *, seed: int = 0) -> None:
    """float64 and float32, in evaluation and, where it differs, in training."""
    for exact in trials(case, seed):
        assert_rounding(exact.forward().y, exact.definition(), forward_scale(exact), f"{exact}: y in float64")
        single = exact.astype(np.float32)
        check_single(single, single.forward(), single.astype(np.float64))


def check_single(single: Trial, made: Forward, rounded: Trial) -> None:
    """What float32 makes of a trial against float64 on the same, rounded numbers."""
    assert_rounding(made.y, rounded.definition(), forward_scale(rounded), f"{single}: y in float32")
    dy = single.dy(made)
    back = single.backward(single.kept(made), dy)
    truth = rounded.forward()
    dy64 = frozen(dy.astype(np.float64))
    reference = rounded.backward(rounded.kept(truth), dy64)
    scales = iter(backward_scale(rounded, truth, dy64))
    for i, (dx, expected) in enumerate(zip(back.dx, reference.dx, strict=True)):
        if dx is not None and expected is not None:
            assert_rounding(dx, expected, next(scales), f"{single}: dx of operand {i} in float32")
    for name, expected in reference.dw.items():
        assert_rounding(back.dw[name], expected, next(scales), f"{single}: dw of {name} in float32")


def forward_scale(trial: Trial) -> Array:
    """sum |a||b| of every number of y."""
    (scale,) = sensitivity(lambda x: [replace(trial, x=tuple(x)).forward().y], trial.x)
    if isinstance(trial.layer, Loss):
        z, t = (np.abs(one).reshape(trial.samples, -1) for one in trial.x)
        scale = np.maximum(scale, t.sum(1) * z.max(1))
    return scale


def backward_scale(trial: Trial, made: Forward, dy: Array) -> list[Array]:
    """sum |a||b| of every gradient: by what moves with the operands and dy, and, as what forward hands on is
    rounded too, with y and the extras that backward reads."""
    kept = trial.kept(made)
    floats = [name for name, a in kept.extras.items() if a.dtype.kind == "f"]

    def whole(given: Sequence[Array]) -> list[Array]:
        moved = replace(trial, x=tuple(given[:-1]))
        return _gradients(moved, moved.kept(moved.forward()), given[-1])

    def second_half(given: Sequence[Array]) -> list[Array]:
        extras = {**kept.extras, **dict(zip(floats, given[1:], strict=True))}
        return _gradients(trial, replace(kept, y=given[0], extras=extras), dy)

    ends = sensitivity(whole, [*trial.x, dy])
    middle = sensitivity(second_half, [kept.y, *(kept.extras[name] for name in floats)])
    scales = [np.maximum(a, b) for a, b in zip(ends, middle, strict=True)]
    if isinstance(trial.layer, Loss):
        each = np.abs(dy).reshape(-1, *(1,) * (trial.x[0].ndim - 1))
        z, t = (np.abs(one).max() for one in trial.x)
        scales = [np.maximum(scales[0], each * t), np.maximum(scales[1], each * z)]
    return scales


def _gradients(trial: Trial, kept: Kept, dy: Array) -> list[Array]:
    back = trial.backward(kept, dy)
    return [dx for dx in back.dx if dx is not None] + list(back.dw.values())
