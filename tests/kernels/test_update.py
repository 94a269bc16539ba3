"""The optimiser's pass, the sum of partial gradients, and the spreading of packed filters."""

import numpy as np
import pytest
from guard import guarded
from volumes import fitting, run

from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.update import LINE, follow, gather, length, reduce, squares, trouble
from kitnet.optim import Sgd

EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
SIZES = [
    (1, 1),
    (3, 2),
    (4, 4),
    (16, 3),
    (31, 2),
    (64, 5),
    (67, 4),
    (150, 1),
    (1000, 7),
    (5, 9),
]  # size, tasks


def following(rule: Sgd, cpu, size: int, tasks: int = 1):
    return follow("update", cpu, size, rule.memory, list(rule.scalars(0)), rule.update, tasks)


@EACH_LEVEL
def test_a_rule_gives_the_bits_of_its_formula(cpu):
    """The kernel is generated from the formula that NumPy computes: the same operations in the same order."""
    rng = np.random.default_rng(1)
    codes = build([following(Sgd(), cpu, lines * LINE, tasks) for lines, tasks in SIZES])
    for i, ((lines, _), code) in enumerate(zip(SIZES, codes, strict=True)):
        size, at = lines * LINE, ("end", "start")[i % 2]
        rule = Sgd(rate=0.1, momentum=0.9 * (i % 3 > 0), decay=0.01 * (i % 2))
        w, v = (fitting(rng.standard_normal(size).astype(np.float32), at) for _ in range(2))
        decays = fitting(rng.integers(0, 2, lines).astype(np.float32), at)
        rates = fitting(np.array(list(rule.scalars(0).values()), np.float32))
        want, memory = w.copy(), {"velocity": v.copy()}
        for step in range(3):
            dw = fitting(rng.standard_normal(size).astype(np.float32), at)
            rule.apply(want, dw, memory, np.repeat(decays, LINE), step)
            trouble = fitting(np.zeros(1, np.float32))
            run(code, ("w", "memory_velocity"), w=w, dw=dw, memory_velocity=v, decays=decays, rates=rates,
                trouble=trouble)  # fmt: skip
            np.testing.assert_array_equal(w, want)
            np.testing.assert_array_equal(v, memory["velocity"])


def test_an_update_does_not_depend_on_the_tasks_and_changes_nothing_in_trouble():
    cpu = detect()
    rng = np.random.default_rng(2)
    start = {name: rng.standard_normal(320).astype(np.float32) for name in ("w", "dw", "memory_velocity")}
    start["decays"] = np.arange(20, dtype=np.float32) % 2
    rates = np.array([0.1, 0.9, 0.01], np.float32)
    seen = set()
    for code in build([following(Sgd(), cpu, 320, tasks) for tasks in (1, 2, 7, 40)]):
        here = {name: each.copy() for name, each in start.items()}
        code(**here, rates=rates, trouble=np.full(1, np.nan, np.float32))
        assert all((here[name] == start[name]).all() for name in start)
        code(**here, rates=rates, trouble=np.zeros(1, np.float32))
        seen.add(here["w"].tobytes() + here["memory_velocity"].tobytes())
    assert len(seen) == 1


@EACH_LEVEL
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_trouble_is_a_number_that_is_not_finite(cpu, bad):
    rng = np.random.default_rng(5)
    codes = build([trouble("trouble", cpu, *case) for case in SIZES])
    for (size, tasks), code in zip(SIZES, codes, strict=True):
        x = fitting(rng.uniform(-3e38, 3e38, size).astype(np.float32))
        partial = guarded(tasks)
        run(code, ("partial",), x=x, partial=partial)
        np.testing.assert_array_equal(partial, 0)
        x[rng.integers(size)] = bad
        run(code, ("partial",), x=x, partial=partial)
        assert np.isnan(partial).sum() == 1


@EACH_LEVEL
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e18, 1e30])
def test_the_length_of_numbers_whose_squares_overflow(cpu, scale):
    rng = np.random.default_rng(6)
    sums = build([squares("squares", cpu, *case) for case in SIZES])
    lengths = build([length("length", cpu, tasks) for _, tasks in SIZES])
    for (size, tasks), summed, root in zip(SIZES, sums, lengths, strict=True):
        x = fitting((rng.standard_normal(size) * scale).astype(np.float32))
        partial, y = guarded(2 * tasks), guarded(1)
        run(summed, ("partial",), x=x, partial=partial)
        run(root, ("y",), partial=partial, y=y)
        np.testing.assert_allclose(y, np.sqrt((x.astype(np.float64) ** 2).sum()), rtol=size * 2**-24)
        for bad in (np.nan, np.inf):
            x[rng.integers(size)] = bad
            run(summed, ("partial",), x=x, partial=partial)
            run(root, ("y",), partial=partial, y=y)
            assert not np.isfinite(y).any()


@EACH_LEVEL
@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_reduce_adds_from_first_to_last(cpu, chunks):
    rng = np.random.default_rng(3)
    codes = build([reduce("reduce", cpu, chunks, *case) for case in SIZES])
    for (size, _), code in zip(SIZES, codes, strict=True):
        partial = fitting(rng.standard_normal((chunks, size)).astype(np.float32))
        y = guarded(size)
        run(code, ("y",), partial=partial, y=y)
        want = partial[0].copy()
        for chunk in partial[1:]:
            want += chunk
        np.testing.assert_array_equal(y, want)


@EACH_LEVEL
def test_gather(cpu):
    rng = np.random.default_rng(4)
    codes = build([gather("gather", cpu, *case) for case in SIZES])
    for (size, _), code in zip(SIZES, codes, strict=True):
        for at in ("end", "start"):
            x = fitting(rng.standard_normal(int(rng.integers(1, 40))).astype(np.float32), at)
            index = fitting(rng.integers(-1, len(x), size).astype(np.int32), at)
            y = guarded(size, at=at)
            run(code, ("y",), x=x, index=index, y=y)
            np.testing.assert_array_equal(y, np.where(index < 0, 0, x[index]))
