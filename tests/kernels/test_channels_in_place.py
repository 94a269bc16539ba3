"""Convolution whose filters are read where they lie, against the formula: exactly for whole numbers, within
the rounding of a sum for others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from test_channels_convolution import BEYOND, EPS, FORMULAS, Problem, axis, laid_out, twice, want
from volumes import fitting

from kitnet.kernels import jit
from kitnet.kernels.activation import Activation
from kitnet.kernels.channels import in_place
from kitnet.kernels.cpu import Cpu, detect, levels

Array = NDArray[Any]

# 64 filters are whole vectors on every level.
CASES = {
    "one tap": Problem((axis(5, 1),) * 2, 24, 64, samples=1),
    "one tap, several blocks of terms": Problem((axis(7, 1),) * 2, 384, 128, samples=1),
    "one tap, terms that do not divide": Problem((axis(4, 1),) * 2, 257, 64, samples=1),
    "one tap, all samples in a column": Problem((axis(3, 1),) * 2, 130, 192, samples=3),
    "one tap, strided": Problem((axis(9, 1, 2),) * 2, 150, 64),
    "same": Problem((axis(7, 3, 1, 1, 1),) * 2, 96, 128),
    "same, strided": Problem((axis(8, 3, 2, 1, 1), axis(9, 3, 2, 1, 1)), 70, 448),
    "dilated": Problem((axis(9, 3, 1, 0, 0, 2),) * 2, 140, 64),
    "slices of pitch": Problem((axis(6, 3, 1, 1, 1),) * 2, 50, 64, whole=(False, False), more=(3, 2)),
    "windows wholly in padding": Problem((axis(3, 1, 1, 3, 2), axis(2, 2, 2, 5, 4)), 20, 64),
    "one axis": Problem((axis(9, 4, 1, 2, 1),), 70, 64),
    "three axes": Problem((axis(4, 3, 1, 1, 1), axis(5, 2, 2), axis(6, 3, 1, 2, 0)), 33, 64),
    "one channel, one filter row": Problem((axis(6, 3),) * 2, 1, 320),
}


def run(
    p: Problem, x: Array, w: Array, b: Array, addend: Array | None = None, factor: Array | None = None,
    cpu: Cpu | None = None, at: str = "end", over: bool = False, **options: Any,
) -> Array:  # fmt: skip
    """y, which lies over the addend if told so."""
    cpu = cpu or detect()
    vx, vy, blocks = p.x(cpu), p.y(cpu), options.pop("blocks", p.blocks)
    k = in_place.forward(
        "in_place", cpu, p.batch, vx, vy, p.window,
        addend=addend is not None, scaled=factor is not None, blocks=blocks, **options,
    )  # fmt: skip
    assert k.tasks <= blocks
    inputs = {"x": laid_out(x, vx, at, BEYOND), "weight": fitting(w.astype(np.float32), at)}
    inputs["bias"] = fitting(b.astype(np.float32), at)
    if factor is not None:
        inputs["factor"] = fitting(factor.astype(np.float32), at)
    y = guarded((p.samples, *vy.sizes, vy.pitch), at=at)
    if addend is not None:
        inputs["addend"] = laid_out(addend, vy, at, 0.0)
    if over:
        y = inputs["addend"]
        (code,) = jit.build([k])
        code(**inputs, y=y)
    else:
        twice(k, "y", y, **inputs)
        others = y[..., vy.channels :]
        assert np.isfinite(others).all() if vy.fills(cpu.lanes) else np.isnan(others).all()
    return y[..., : vy.channels].reshape(p.samples, *(a.output for a in p.axes), p.filters)


def check_exactly(p: Problem, cpu: Cpu | None = None, at: str = "end") -> None:
    x, w, b, addend = p.arrays()
    factor = np.random.default_rng(0).integers(-3, 4, p.filters).astype(np.float64)
    sums = want(p, x, w, 0 * b)
    np.testing.assert_array_equal(run(p, x, w, b, None, None, cpu, at), sums + b)
    np.testing.assert_array_equal(run(p, x, w, b, addend, factor, cpu, at), factor * sums + b + addend)


@pytest.mark.parametrize("at", ["start", "end"])
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
@pytest.mark.sample(7)
def test_hard_cases(p: Problem, at: str) -> None:
    check_exactly(p, at=at)


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_lesser_instruction_sets(p: Problem, level: str) -> None:
    check_exactly(p, detect(level))


@pytest.mark.parametrize("case", ["same", "one tap, several blocks of terms", "dilated"])
def test_sums_are_within_their_rounding(case: str) -> None:
    p = CASES[case]
    x, w, b, addend = p.arrays(whole=False)
    size = want(p, *(np.abs(a) for a in (x, w, b))) + np.abs(addend)
    got = run(p, x, w, b, addend)
    assert (np.abs(got - want(p, x, w, b) - addend) <= 4 * EPS * size).all()


@pytest.mark.parametrize("case", ["same, strided", "one tap, all samples in a column"])
def test_cutting_changes_no_bit(case: str) -> None:
    p = CASES[case]
    x, w, b, _ = p.arrays(whole=False)
    y = run(p, x, w, b, blocks=1)
    for blocks in (2, 3, 1000):
        assert run(p, x, w, b, blocks=blocks).tobytes() == y.tobytes()


def test_a_sample_alone_gives_the_same_bits() -> None:
    p = CASES["same"]
    x, w, b, _ = p.arrays(whole=False)
    alone = run(replace(p, samples=1), x[:1], w, b)
    assert alone.tobytes() == run(p, x, w, b)[:1].tobytes()


def test_without_bias_its_pointer_is_left_alone() -> None:
    p = CASES["same"]
    x, w, b, _ = p.arrays()
    np.testing.assert_array_equal(run(p, x, w, np.full_like(b, np.nan), bias=False), want(p, x, w, 0 * b))


@pytest.mark.parametrize("case", ["same", "one tap, several blocks of terms"])
@pytest.mark.parametrize("word", FORMULAS)
def test_activations_and_an_addend_that_is_the_target(word: str, case: str) -> None:
    """Whole 64ths add up exactly, and only a curve is rounded."""
    p = CASES[case]
    x, w, b, addend = (a / share for a, share in zip(p.arrays(), (64, 1, 64, 64), strict=True))
    expected = FORMULAS[word](want(p, x, w, b) + addend)
    most = 0 if word == "relu" else 4 * EPS
    for over in (False, True):
        got = run(p, x, w, b, addend, activation=word and Activation(word), over=over)
        assert (np.abs(got - expected) <= most * np.abs(expected)).all()


def test_blocks_divide_runs_into_whole_lines_where_they_can() -> None:
    assert [in_place.block_of(run) for run in (512, 960, 192, 96, 150)] == [128, 64, 64, 96, 75]


def test_tasks_have_long_runs_of_filters() -> None:
    cpu = detect()
    for filters, tasks in ((64, 1), (192, 1), (256, 2), (448, 4), (1008, 8), (1024, 8), (2048, 8)):
        p = Problem((axis(4, 1),) * 2, 8, filters, samples=1)
        assert in_place.forward("some", cpu, p.batch, p.x(cpu), p.y(cpu), p.window, blocks=8).tasks == tasks


def test_filters_that_are_no_whole_vectors_are_refused() -> None:
    p, cpu = Problem((axis(4, 1),) * 2, 8, 63), detect()
    with pytest.raises(ValueError, match="63 filters are not whole vectors"):
        in_place.forward("refused", cpu, p.batch, p.x(cpu), p.y(cpu), p.window)
    assert in_place.suits(cpu, 512, 64, 49)
    assert not in_place.suits(cpu, 512, 63, 49)
    assert not in_place.suits(cpu, 448, 64, 49)
    assert not in_place.suits(cpu, 544, 64, 49)  # blocks of 32 terms
    assert not in_place.suits(cpu, 512, 64, 257)
