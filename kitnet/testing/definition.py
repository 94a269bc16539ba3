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
from kitnet.layers import Case, Forward, Kept, Layer, Loss
from kitnet.testing.closeness import assert_rounding, sensitivity
from kitnet.testing.trial import Trial, Where, frozen, require, trials


def check_definition(case: Case, *, seed: int = 0) -> None:
    """float64 and float32, in evaluation and, where it differs, in training."""
    kind = type(case.layer)
    require(
        kind.definition is not Layer.definition,
        f"{kind.__name__} has no definition; write y once more in it, independently of forward, for example "
        "with loops",
    )
    for exact in trials(case, seed):
        assert_rounding(exact.forward().y, exact.definition(), forward_scale(exact), f"{exact}: y in float64")
        single = exact.astype(np.float32)
        check_single(single, single.forward(), single.astype(np.float64))


def check_single(single: Trial, made: Forward, rounded: Trial) -> None:
    """What float32 makes of a trial against float64 on the same, rounded numbers."""
    assert_rounding(made.y, rounded.definition(), forward_scale(rounded), f"{single}: y in float32")
    dy = single.dy(made)
    truth = rounded.forward()
    dy64 = frozen(dy.astype(np.float64))
    expected = gradients(rounded, rounded.kept(truth), dy64)
    scales = backward_scale(rounded, truth, dy64)
    for where, found in gradients(single, single.kept(made), dy).items():
        what = f"dw of {where}" if isinstance(where, str) else f"dx of operand {where}"
        assert_rounding(found, expected[where], scales[where], f"{single}: {what} in float32")


def forward_scale(trial: Trial) -> Array:
    """sum |a||b| of every number of y."""
    (scale,) = sensitivity(lambda x: [replace(trial, x=tuple(x)).forward().y], trial.x)
    if isinstance(trial.layer, Loss):
        z, t = (np.abs(one).reshape(trial.samples, -1) for one in trial.x)
        scale = np.maximum(scale, t.sum(1) * z.max(1))
    return scale


def backward_scale(trial: Trial, made: Forward, dy: Array) -> dict[Where, Array]:
    """sum |a||b| of every gradient: by what moves with the operands and dy, and, as what forward hands on is
    rounded too, with y and the extras that backward reads."""
    kept = trial.kept(made)
    floats = [name for name, a in kept.extras.items() if a.dtype.kind == "f"]

    def whole(given: Sequence[Array]) -> list[Array]:
        moved = replace(trial, x=tuple(given[:-1]))
        return list(gradients(moved, moved.kept(moved.forward()), given[-1]).values())

    def second_half(given: Sequence[Array]) -> list[Array]:
        extras = {**kept.extras, **dict(zip(floats, given[1:], strict=True))}
        return list(gradients(trial, replace(kept, y=given[0], extras=extras), dy).values())

    ends = sensitivity(whole, [*trial.x, dy])
    middle = sensitivity(second_half, [kept.y, *(kept.extras[name] for name in floats)])
    names = gradients(trial, kept, dy)
    scales = {where: np.maximum(a, b) for where, a, b in zip(names, ends, middle, strict=True)}
    if isinstance(trial.layer, Loss):
        for i in {0, 1} & set(scales):  # a loss may give no gradient of its target
            each = np.abs(dy).reshape(-1, *(1,) * (trial.x[i].ndim - 1))
            scales[i] = np.maximum(scales[i], each * np.abs(trial.x[1 - i]).max())
    return scales


def gradients(trial: Trial, kept: Kept, dy: Array) -> dict[Where, Array]:
    """What backward gives, by the number of the operand or the name of the parameter; None is left out."""
    back = trial.backward(kept, dy)
    dx: dict[Where, Array] = {i: one for i, one in enumerate(back.dx) if one is not None}
    return dx | dict(back.dw)
