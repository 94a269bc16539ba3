"""The contract of a layer, clause by clause (`kitnet/layers/contract.py` says it in words)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import say
from kitnet.base.spec import Array, Buffer
from kitnet.layers import Backward, Case, Forward, Kept, Layer, Loss
from kitnet.net import parse
from kitnet.net.language import write
from kitnet.testing.closeness import assert_equal, assert_rounding
from kitnet.testing.definition import forward_scale
from kitnet.testing.trial import Trial, require, trials


def check_contract(case: Case, *, seed: int = 0) -> None:
    """Every clause, in float64 and float32, in evaluation and, where it differs, in training."""
    check_description(case.layer)
    check_counts(case)
    check_operands(case)
    check_names(case)
    if len(case.shapes) == 1 and not isinstance(case.layer, Loss):
        check_language(case)
    for exact in _first_run(case, seed):
        for dtype in (np.float64, np.float32):
            trial = exact.astype(dtype)
            made = _forward(trial)
            check_forward(trial, made)
            check_backward(trial, made)
        check_batch(exact)


def check_description(layer: Layer) -> None:
    """A frozen dataclass without arrays, that can be a key of a dictionary."""
    kind = type(layer)
    parameters = getattr(kind, "__dataclass_params__", None)
    require(
        "__dataclass_params__" in vars(kind) and parameters is not None and parameters.frozen,
        f"{kind.__name__} is no frozen dataclass",
    )
    for one in dataclasses.fields(layer):  # type: ignore[arg-type]  # made sure above
        require(
            not isinstance(getattr(layer, one.name), np.ndarray),
            f"{layer}: the field {one.name} holds an array; a layer is a description without arrays",
        )
    try:
        hash(layer)
    except TypeError as error:
        raise AssertionError(f"{layer} cannot be hashed: {error}") from None
    unknown = set(layer.keeps) - {"x", "y"}
    require(not unknown, f"{layer}: keeps may name x and y, not {', '.join(sorted(unknown))}")


def check_counts(case: Case) -> None:
    """The ledger's numbers are whole and not negative, and the least batch is 1 or more."""
    for name, least in (("connections", 0), ("multiply_adds", 0), ("multiplications", 0), ("least_batch", 1)):
        count = getattr(case.layer, name)(*case.shapes)
        require(
            type(count) is int and count >= least,
            f"{case.layer}: {name} is {count!r}, not a whole number >= {least}",
        )


def check_operands(case: Case) -> None:
    """A layer of several operands says that it joins, and a loss what its target may be."""
    layer, operands = case.layer, len(case.shapes)
    if not isinstance(layer, Loss):
        many = f"{operands} operand{'s' if operands > 1 else ''}"
        right = layer.joins == (operands > 1)
        require(right, f"{layer}: joins is {layer.joins}, but the case has {many}")
        return
    require(
        bool(layer.targets) and set(layer.targets) <= {"classes", "values"},
        f"{layer}: targets may name classes and values, not {', '.join(layer.targets) or 'nothing'}",
    )
    if "classes" in layer.targets:
        expected, scores = layer.target_shape(case.shapes[0]), case.shapes[0]
        require(
            expected == scores,
            f"{layer}: classes are spread over the scores of {say(scores)}, but target_shape gives "
            f"{say(expected)}; leave classes out of targets",
        )
        require(
            type(layer).probabilities is not Loss.probabilities,
            f"{layer}: targets may be classes, but probabilities is not defined; define it, or leave classes "
            "out of targets",
        )


def check_names(case: Case) -> None:
    """Operands, output, parameters, extras and gradients have different names, by which they are traced."""
    params, extras = case.layer.params(*case.shapes), case.layer.extras(*case.shapes)
    given = ["y", *(f"x{i}" for i in range(len(case.shapes))), *params]
    names = Counter([*given, *(f"d{name}" for name in given), *extras])
    twice = [name for name, count in names.items() if count > 1]
    require(not twice, f"{case.layer}: two arrays are called {' and '.join(twice)}; rename one of them")


def check_language(case: Case) -> None:
    """A line with the layer in it is read back as an equal layer."""
    line = f"{say(case.shapes[0])} -> {write(case.layer)}"
    try:
        net = parse(line)
    except KitnetError as error:
        raise AssertionError(f"{case.layer} prints as {line!r}, which cannot be read: {error}") from None
    read = net.graph.nodes[net.graph.main].layer
    require(read == case.layer, f"{case.layer} prints as {line!r}, which is read as {read}")
    require(str(net) == line, f"{line!r} prints as {str(net)!r}")


def check_forward(trial: Trial, made: Forward) -> None:
    """Shapes, precision, declarations, and a second run that is equal bit for bit."""
    layer, shapes = trial.layer, trial.shapes
    _expect(trial, "y", made.y, (trial.samples, *layer.output_shape(*shapes)), trial.x[0].dtype)
    declared = layer.extras(*shapes)
    _same_names(trial, "forward saves", made.extras, "extras declares", declared)
    for name, buffer in declared.items():
        _expect_buffer(trial, f"the extra {name}", made.extras[name], buffer)
    buffers = layer.state(*shapes)
    undeclared = set(made.state) - set(buffers)
    require(not undeclared, f"{trial}: forward returns state that is not declared: {', '.join(undeclared)}")
    for name, array in made.state.items():
        _expect_buffer(trial, f"the state {name}", array, buffers[name])
    again = _forward(trial)
    assert_equal(again.y, made.y, f"{trial}: a second run of forward gives another y")
    for kind, old, new in (("extra", made.extras, again.extras), ("state", made.state, again.state)):
        for name in old:
            assert_equal(
                new[name], old[name], f"{trial}: a second run of forward gives another {kind} {name}"
            )


def check_backward(trial: Trial, made: Forward) -> None:
    """From what was declared alone; shapes, precision, `wants`, and a second run that is equal bit for
    bit."""
    dtype, dy = trial.x[0].dtype, trial.dy(made)
    kept = trial.kept(made)
    back = _backward(trial, kept, dy)
    require(
        isinstance(back.dx, tuple) and len(back.dx) == len(trial.x),
        f"{trial}: backward gives {len(back.dx)} gradients for {len(trial.x)} operands",
    )
    for i, (dx, x) in enumerate(zip(back.dx, trial.x, strict=True)):
        if dx is not None:
            _expect(trial, f"dx of operand {i}", dx, x.shape, dtype)
    params = trial.layer.params(*trial.shapes)
    _same_names(trial, "backward gives gradients of", back.dw, "params declares", params)
    for name, param in params.items():
        _expect(trial, f"dw of {name}", back.dw[name], param.shape, dtype)
    again = _backward(trial, kept, dy)
    unread = _backward(trial, dataclasses.replace(kept, wants=(False,) * len(trial.x)), dy)
    require(
        len(unread.dx) == len(trial.x),
        f"{trial}: backward gives {len(unread.dx)} gradients for {len(trial.x)} operands where none is read",
    )
    for i, (dx, other) in enumerate(zip(back.dx, again.dx, strict=True)):
        require(
            (dx is None) == (other is None),
            f"{trial}: a second run of backward gives another dx of operand {i}",
        )
        if dx is not None:
            assert_equal(other, dx, f"{trial}: a second run of backward gives another dx of operand {i}")
    for name, dw in back.dw.items():
        assert_equal(again.dw[name], dw, f"{trial}: a second run of backward gives another dw of {name}")
        require(name in unread.dw, f"{trial}: dw of {name} is missing where no dx is read")
        assert_equal(unread.dw[name], dw, f"{trial}: dw of {name} changes where no dx is read")


def check_batch(trial: Trial) -> None:
    """y of a sample does not depend on the samples beside it, and an empty batch is a batch.

    A layer that says that it mixes samples is exempt.
    """
    if trial.layer.mixes_samples(trial.ctx.train):
        return
    whole, scale = trial.forward().y, forward_scale(trial)
    for first in range(trial.samples):
        for last in {first + 1, trial.samples}:
            assert_rounding(
                trial.shard(first, last).forward().y,
                whole[first:last],
                scale[first:last],
                f"{trial}: y of the samples {first} to {last - 1} alone",
            )
    empty = trial.shard(0, 0)
    made = _forward(empty)
    check_forward(empty, made)
    check_backward(empty, made)
    back = _backward(empty, empty.kept(made), empty.dy(made))
    for name, dw in back.dw.items():
        require(not dw.any(), f"{empty}: dw of {name} of an empty batch is not 0")


def _first_run(case: Case, seed: int) -> list[Trial]:
    """The trials. Raises AssertionError where forward fails on them or gives no finite numbers."""
    try:
        with np.errstate(all="ignore"):
            found = list(trials(case, seed))
            made = [trial.forward().y for trial in found]
    except Exception as error:
        raise AssertionError(f"{case.layer}: {_accuse('forward', error)}") from error
    for trial, y in zip(found, made, strict=True):
        require(
            bool(np.isfinite(y).all()),
            f"{trial}: forward gives numbers that are not finite; give the case a `draw` with operands "
            "that the layer has a value for",
        )
    return found


def _forward(trial: Trial) -> Forward:
    try:
        return trial.forward()
    except Exception as error:
        raise AssertionError(f"{_with_batch(trial)}: {_accuse('forward', error)}") from error


def _backward(trial: Trial, kept: Kept, dy: Array) -> Backward:
    try:
        return trial.backward(kept, dy)
    except Exception as error:
        given = ", ".join([*sorted(trial.layer.keeps), *kept.extras]) or "nothing"
        text = _accuse("backward", error)
        raise AssertionError(
            f"{_with_batch(trial)}: {text} (it was given what is declared: {given})"
        ) from error


def _with_batch(trial: Trial) -> str:
    return str(trial) if trial.samples else f"{trial} with an empty batch"


def _accuse(who: str, error: Exception) -> str:
    if isinstance(error, ValueError) and "read-only" in str(error):
        return f"{who} changes its arguments"
    return f"{who} fails with {type(error).__name__}: {error}"


def _expect(trial: Trial, what: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    number = isinstance(array, np.generic) and not shape  # what a sum over all of an array gives
    require(
        number or isinstance(array, np.ndarray), f"{trial}: {what} is no array but {type(array).__name__}"
    )
    require(array.shape == shape, f"{trial}: {what} has shape {array.shape}, not {shape}")
    require(array.dtype == dtype, f"{trial}: {what} is {array.dtype}, not {np.dtype(dtype)}")


def _expect_buffer(trial: Trial, what: str, array: Any, buffer: Buffer) -> None:
    shape = (trial.samples, *buffer.shape) if buffer.per_sample else buffer.shape
    _expect(trial, what, array, shape, buffer.dtype or trial.x[0].dtype)


def _same_names(
    trial: Trial, gives: str, given: Mapping[str, Any], declares: str, declared: Mapping[str, Any]
) -> None:
    def names(of: Mapping[str, Any]) -> str:
        return ", ".join(sorted(of)) or "nothing"

    require(set(given) == set(declared), f"{trial}: {gives} {names(given)} but {declares} {names(declared)}")
