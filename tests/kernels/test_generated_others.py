"""Generated volumes for the kernels beside convolution and pooling: the checks of their own files, on more
problems than those files list.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import test_norm
import test_pool
import test_winograd
from volumes import Slab, run, volume

from kitnet.kernels import elementwise
from kitnet.kernels.activation import RELU
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.softmax import softmax, softmax_gradient
from kitnet.kernels.spec import Batch
from kitnet.layers import Kept, Relu, Softmax

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
EACH = 12  # problems a level and kind


def drawn(kind: str, cpu: Cpu) -> tuple[Any, list[tuple[int, ...]], list[Batch]]:
    """A source of choices, and shapes with batches: odd sizes, one channel, prime numbers of them."""
    pick = random.Random(f"{kind} {cpu.level}").choice
    shapes = []
    while len(shapes) < EACH:
        sizes = tuple(pick([1, 2, 3, 5, 7]) for _ in range(pick([0, 1, 2, 2, 3])))
        shape = *sizes, pick([1, 1, 2, 3, 5, 7, 11, 17])
        if shape not in shapes:
            shapes.append(shape)
    return pick, shapes, [Batch(pick([1, 1, 2, 3]), cpu.lanes * pick([1, 2, 3])) for _ in shapes]


@EACH_LEVEL
def test_norms(cpu: Cpu, monkeypatch: pytest.MonkeyPatch) -> None:
    pick, shapes, batches = drawn("norm", cpu)
    made = []
    for shape, batch in zip(shapes, batches, strict=True):
        lanes = batch.groups * batch.images
        places = lanes * int(np.prod(shape[:-1], dtype=int))
        count = pick([lanes, lanes - 1, max(1, lanes // 2)] + [1] * (places > 8 * lanes))
        x, dy = (volume(*shape, extra=pick([0, 0, 1, 2])) for _ in range(2))
        how = pick([1, 2, 4]), pick([None, "relu", "tanh"]), pick([True, False]), pick([0.0, 0.0, 50.0])
        made.append(test_norm.Trial(x, dy, batch, count, *how))
    assert len({(t.x, t.batch, t.count) for t in made}) == EACH
    monkeypatch.setattr(test_norm, "trials", lambda _: made)
    test_norm.test_training(cpu)


@EACH_LEVEL
def test_subsampling(cpu: Cpu, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, many = test_pool.trials, EACH + len(test_pool.HARD)  # which are listed in the other file
    monkeypatch.setattr(
        test_pool, "trials", lambda family, cpu, seed, pools: usual(family, cpu, 100, pools, many)
    )
    test_pool.test_subsampling(cpu)


@EACH_LEVEL
def test_sums_and_copies(cpu: Cpu) -> None:
    """Of whole numbers, exactly."""
    pick, shapes, batches = drawn("sum", cpu)
    trials = []
    for shape, batch in zip(shapes, batches, strict=True):
        xs = [volume(*shape, extra=pick([0, 0, 1, 3])) for _ in range(pick([2, 2, 3, 4]))]
        y, blocks, relu, onto = (
            volume(*shape, extra=pick([0, 2])),
            pick([1, 2, 5]),
            pick([None, RELU]),
            pick([0, 1]),
        )
        add = elementwise.add("add", cpu, batch, xs, y, relu, blocks=blocks)
        copy = elementwise.copy("copy", cpu, batch, xs[0], y, accumulate=bool(onto), blocks=blocks)
        trials.append((xs, y, batch, relu, onto, add, copy))
    codes = iter(build([kernel for trial in trials for kernel in trial[-2:]]))
    rng = np.random.default_rng(1)
    for xs, y, batch, relu, onto, add, _ in trials:
        values = [Slab(x, batch) for x in xs]
        for value in values:
            value.lanes[...] = rng.integers(-9, 10, value.lanes.shape)
        out = Slab(y, batch)
        run(
            next(codes),
            ("y",),
            y=out,
            **dict(zip((n for n in add.arguments if n != "y"), values, strict=True)),
        )
        want = np.sum([value.get() for value in values], 0)
        np.testing.assert_array_equal(out.get(), np.maximum(want, 0) if relu else want, f"{xs} {batch}")
        out = Slab(y, batch)
        if onto:
            out.lanes[...] = 5
        run(next(codes), ("y",), x=values[0], y=out)
        np.testing.assert_array_equal(out.get(), values[0].get() + 5 * onto, f"{xs[0]} {batch}")


@EACH_LEVEL
def test_relus_and_their_gradients(cpu: Cpu) -> None:
    """Bit for bit."""
    pick, shapes, batches = drawn("relu", cpu)
    trials, kernels = [], []
    for shape, batch in zip(shapes, batches, strict=True):
        x, y, dx = (volume(*shape, extra=pick([0, 0, 2])) for _ in range(3))
        onto, blocks = pick([True, False]), pick([1, 3])
        kernels += [
            elementwise.activate("activate", cpu, batch, x, RELU, y, blocks),
            elementwise.activation_gradient("back", cpu, batch, y, RELU, x, dx, onto, blocks),
        ]
        trials.append((x, y, dx, batch, onto))
    codes = iter(build(kernels))
    rng = np.random.default_rng(2)
    for x, y, dx, batch, onto in trials:
        value, out, dy, back = Slab(x, batch), Slab(y, batch), Slab(x, batch), Slab(dx, batch)
        for slab in (value, dy, *[back] * onto):
            slab.lanes[...] = rng.integers(-3, 4, slab.lanes.shape)
        run(next(codes), ("y",), x=value, y=out)
        np.testing.assert_array_equal(out.get(), np.maximum(value.get(), 0), f"{x} {batch}")
        old = back.get() if onto else np.float32(0)
        run(next(codes), ("dx",), source=out, dy=dy, dx=back)
        (want,) = Relu().backward({}, Kept((value.get().shape,), y=out.get()), dy.get()).dx
        np.testing.assert_array_equal(back.get(), old + want, f"{x} {batch}")


@EACH_LEVEL
def test_softmax(cpu: Cpu) -> None:
    """An argument of up to 20 is wrong by 20 roundings at most, which exp makes relative."""
    pick, shapes, batches = drawn("softmax", cpu)
    trials, kernels = [], []
    for shape, batch in zip(shapes, batches, strict=True):
        x, y, dx = (volume(*shape, extra=pick([0, 0, 2])) for _ in range(3))
        onto, blocks = pick([True, False]), pick([1, 3])
        kernels += [
            softmax("softmax", cpu, batch, x, y, blocks),
            softmax_gradient("back", cpu, batch, y, x, dx, onto, blocks),
        ]
        trials.append((x, y, dx, batch, onto))
    codes = iter(build(kernels))
    rng = np.random.default_rng(3)
    for x, y, dx, batch, onto in trials:
        value, out, dy, back = Slab(x, batch), Slab(y, batch), Slab(x, batch), Slab(dx, batch)
        value.lanes[...] = rng.uniform(-10, 10, value.lanes.shape)
        run(next(codes), ("y",), x=value, y=out)
        want = Softmax().forward({}, {}, test_pool.Context(), value.get().astype(float)).y
        assert (abs(out.get() - want) <= (24 + x.channels) * EPS * want).all(), f"{x} {batch}"
        for slab in (dy, *[back] * onto):
            slab.lanes[...] = rng.standard_normal(slab.lanes.shape)
        old = back.get() if onto else np.float32(0)
        run(next(codes), ("dx",), y=out, dy=dy, dx=back)
        wide, size = out.get().astype(float), abs(dy.get()).max(-1, keepdims=True)
        (want,) = Softmax().backward({}, Kept((wide.shape,), y=wide), dy.get().astype(float)).dx
        bound = (x.channels + 3) * EPS * (2 * wide * size + abs(old))
        assert (abs(back.get() - (old + want)) <= bound).all(), f"{x} {batch}"


@pytest.mark.parametrize("seed", range(1000, 1020))
@pytest.mark.sample(8)
def test_winograd_problems(seed: int) -> None:
    test_winograd.check(test_winograd.drawn(seed), at="end" if seed % 2 else "start")
