"""Layers of many units against their formula: the same bits as the convolution that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from volumes import Slab, fitting, run, volume

from kitnet.kernels import convolution, linear
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume, Window

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
# sizes..., channels; units; groups, images; blocks
CASES = {
    "one input, one unit": ((1,), 1, Batch(1, 16), 1),
    "primes": ((37,), 23, Batch(2, 16), 5),
    "a window of the whole input": ((3, 5, 7), 41, Batch(1, 32), 3),
    "fewer inputs than go together": ((3,), 70, Batch(3, 32), 100),
    "whole steps": ((2, 2, 16), 64, Batch(1, 64), 8),
}


def arrays(x: Volume, units: int, batch: Batch) -> tuple[Array, Array, Array]:
    """The samples leave some lanes of the last group empty."""
    random, inputs = np.random.default_rng(units), x.positions * x.channels
    samples = batch.groups * batch.images - 3
    shapes = (samples, inputs), (inputs, units), (units,)
    one, two, three = (random.standard_normal(shape, np.float32) for shape in shapes)
    return one, two, three


def results(x: Volume, batch: Batch, kernel: Kernel, at: str, *given: Array) -> Array:
    """The kernel's y for (x, weight, bias), (samples, units)."""
    values, weight, bias = given
    (code,) = build([kernel])
    y = Slab(volume(weight.shape[1]), batch, at=at)
    slab = Slab(x, batch, at=at).put(values)
    run(code, ("y",), x=slab, weight=fitting(weight, at), bias=fitting(bias, at), y=y)
    return y.get(len(values)).reshape(len(values), -1)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_formula_and_the_convolution_bit_by_bit(case: str, level: str) -> None:
    sizes, units, batch, blocks = CASES[case]
    x, y, cpu, at = volume(*sizes), volume(units), detect(level), "end" if units % 2 else "start"
    one, w, b = arrays(x, units, batch)
    kernel = linear.forward("linear", cpu, batch, x, y, blocks=blocks)
    assert batch.groups <= kernel.tasks <= batch.groups * blocks
    got = results(x, batch, kernel, at, one, w, b)
    exact = [a.astype(np.float64) for a in (one, w, b)]
    size = np.abs(exact[0]) @ np.abs(exact[1]) + np.abs(exact[2])
    assert (np.abs(got - (exact[0] @ exact[1] + exact[2])) <= 4 * EPS * size).all()
    same = convolution.forward("convolution", cpu, batch, x, y, Window(x.sizes))
    assert got.tobytes() == results(x, batch, same, at, one, w, b).tobytes()


@pytest.mark.parametrize("word", ["relu", "tanh", "lecuntanh", "sigmoid"])
def test_activations_and_no_bias(word: str) -> None:
    sizes, units, batch, blocks = CASES["primes"]
    x, y = volume(*sizes), volume(units)
    one, w, b = arrays(x, units, batch)
    formula: dict[str, Callable[[Array], Array]] = {
        "relu": lambda v: np.maximum(v, 0),
        "tanh": np.tanh,
        "lecuntanh": lambda v: 1.7159 * np.tanh(v * 2 / 3),
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    }
    kernel = linear.forward(
        "linear", detect(), batch, x, y, bias=False, activation=Activation(word), blocks=blocks
    )
    got = results(x, batch, kernel, "end", one, w, np.full_like(b, np.nan))
    want = formula[word](one.astype(np.float64) @ w)
    size = np.abs(one.astype(np.float64)) @ np.abs(w)  # no curve is steeper than 1.15
    assert (np.abs(got - want) <= 5 * EPS * size + 4 * EPS * np.abs(want)).all()


def test_what_cannot_be_is_refused() -> None:
    cpu, batch = detect(), Batch(1, 16)
    with pytest.raises(ValueError, match="one run of inputs"):
        linear.forward("linear", cpu, batch, volume(2, 2, 3, extra=1), volume(5))
    with pytest.raises(ValueError, match="one run of inputs"):
        linear.forward("linear", cpu, batch, volume(2, 2, 3), volume(2, 5))
