"""The optimiser's pass, the sum of partial gradients, and the spreading of packed filters."""

import numpy as np
import pytest
from guard import guarded
from volumes import fitting, run

from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.update import LINE, gather, reduce, sgd
from kitnet.optim import Sgd

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
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


@EACH_LEVEL
def test_sgd(cpu):
    """v has 5 roundings and w 2 more, of the sizes of the terms; three steps carry them on."""
    rng = np.random.default_rng(1)
    codes = build([sgd("sgd", cpu, lines * LINE, tasks) for lines, tasks in SIZES])
    for i, ((lines, _), code) in enumerate(zip(SIZES, codes, strict=True)):
        size = lines * LINE
        rule = Sgd(rate=0.1, momentum=0.9 * (i % 3 > 0), decay=0.01 * (i % 2))
        at = ("end", "start")[i % 2]
        w, v = (fitting(rng.standard_normal(size).astype(np.float32), at) for _ in range(2))
        decayed = fitting(rng.integers(0, 2, lines).astype(np.float32), at)
        each = np.repeat(decayed, LINE)
        rates = fitting(np.array([rule.rate, rule.momentum, rule.decay], np.float32))
        exact, memory = w.astype(float), {"velocity": v.astype(float)}
        rule = Sgd(*map(float, rates))  # the float32 rates as they are
        sizes, biggest = abs(exact), abs(memory["velocity"])
        for step in range(1, 4):
            dw = fitting(rng.standard_normal(size).astype(np.float32), at)
            biggest = rule.momentum * biggest + abs(dw) + rule.decay * each * sizes
            sizes = sizes + rule.rate * biggest
            rule.update(exact, dw.astype(float), memory, each)
            run(code, ("w", "v"), w=w, dw=dw, v=v, decayed=decayed, rates=rates)
            assert (abs(v - memory["velocity"]) <= 5 * step * EPS * biggest).all()
            assert (abs(w - exact) <= 7 * step * EPS * sizes).all()


def test_sgd_does_not_depend_on_the_tasks():
    cpu = detect()
    rng = np.random.default_rng(2)
    start = {name: rng.standard_normal(320).astype(np.float32) for name in ("w", "dw", "v")}
    start["decayed"] = np.arange(20, dtype=np.float32) % 2
    rates = np.array([0.1, 0.9, 0.01], np.float32)
    seen = set()
    for code in build([sgd("sgd", cpu, 320, tasks) for tasks in (1, 2, 7, 40)]):
        here = {name: each.copy() for name, each in start.items()}
        code(**here, rates=rates)
        seen.add(here["w"].tobytes() + here["v"].tobytes())
    assert len(seen) == 1


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
