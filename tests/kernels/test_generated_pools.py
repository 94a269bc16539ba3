"""Generated pooling windows: max pooling bit for bit, sums within their rounding, both ways.

Buffers, poison and second runs as in `test_generated_convolutions.py`.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from test_pool import SUMS, Trial, check_sums, dense, slab, target
from volumes import run, volume

from kitnet.base.error import ShapeError
from kitnet.engine.lower.window import kernel_window
from kitnet.kernels import pool
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch
from kitnet.kernels.sum_pool import sum_pool, sum_pool_gradient
from kitnet.layers import MaxPool
from kitnet.layers.contract import Context, Kept

PROBLEMS, TOGETHER = 700, 25  # in CI, and compiled at once; the kinds in turn, every other one a max pool
FEW = 50  # by default


KINDS: dict[str, Any] = {"max": MaxPool, **SUMS}


def kind_of(seed: int) -> str:
    return "max" if seed % 2 else [*SUMS][seed // 2 % len(SUMS)]


def drawn(seed: int) -> tuple[Trial, Cpu]:
    """One of endlessly many small windows, the awkward ones preferred."""
    pick = random.Random(f"pooling {seed}").choice
    cpu = detect(pick(levels()) if seed % 5 == 0 else None)
    while True:
        rank = pick([1, 1, 2, 2, 2, 3])
        sizes = tuple(pick([1, 2, 3, 4, 5, 7, 9]) for _ in range(rank))
        window = tuple(pick([1, 2, 2, 3, 3, 5]) for _ in range(rank))
        stride = pick([window, tuple(pick([1, 1, 2, 3, f + 1]) for f in window)])
        pad = tuple(pick([(0, 0), (0, 0), (1, 1), (0, f - 1), (f - 1, 0), (f - 1, f - 1)]) for f in window)
        dilation = tuple(pick([1, 1, 1, 2, 3]) for _ in sizes)
        how: dict[str, Any] = {"window": window, "stride": stride, "pad": pad, "dilation": dilation}
        if pick(range(8)) == 0:
            how = {"regions": tuple(pick(range(1, n + 2)) for n in sizes)}
        layer = KINDS[kind_of(seed)](**how, on_misfit="floor")
        shape = *sizes, pick([1, 1, 2, 3, 5, 7, 11])
        try:
            output = layer.output_shape(shape)
        except ShapeError:  # the window does not fit, or one lies wholly in padding
            continue
        slides = kernel_window(layer.axes(shape))
        if slides.taps > 255:  # which need larger switches
            continue
        batch = Batch(pick([1, 1, 2, 3]), cpu.lanes * pick([1, 1, 2, 3, 5]))
        x, y, dx = (volume(*s, extra=pick([0, 0, 1, 3])) for s in (shape, output, shape))
        count = pick([1, 1, 2, batch.groups * batch.images - 1, batch.groups * batch.images])
        return Trial(
            layer, slides, x, y, dx, batch, pick([1, 2, 3]), pick([True, False]), (count, *shape)
        ), cpu


def kernels(seed: int) -> list[Kernel]:
    t, cpu = drawn(seed)
    there, kind = t.batch, kind_of(seed)
    back: dict[str, Any] = {"accumulate": t.accumulate, "blocks": t.blocks}
    if kind != "max":
        read = {name: getattr(t, name) for name in t.layer.keeps}
        return [
            sum_pool(f"{kind}_{seed}", cpu, there, t.window, t.x, t.y, t.blocks, kind=kind),
            sum_pool_gradient(f"back_{seed}", cpu, there, t.window, t.y, t.dx, kind=kind, **read, **back),
        ]
    return [
        pool.max_pool(f"max_pool_{seed}", cpu, there, t.window, t.x, t.y, blocks=t.blocks),
        pool.max_pool_gradient(f"max_pool_gradient_{seed}", cpu, there, t.window, t.y, t.dx, **back),
    ]


def check(seeds: range) -> None:
    codes = iter(build([kernel for seed in seeds for kernel in kernels(seed)]))
    for seed in seeds:
        trial, _ = drawn(seed)
        rng = np.random.default_rng(seed)
        way = _max if kind_of(seed) == "max" else check_sums
        way(trial, next(codes), next(codes), rng, f"problem {seed}: {trial}")


def _max(t: Trial, there: Any, back: Any, rng: np.random.Generator, where: str) -> None:
    """With many equal values, some without any number."""
    values = rng.integers(-2, 3, t.shape).astype(np.float32)
    values[rng.random(t.shape) < 0.1] = rng.choice(np.float32([np.nan, -np.inf, np.inf]))
    forward = t.layer.forward({}, {}, Context(), values)
    y, switches, winners = slab(t.y, t), slab(dense(t.y), t, dtype=np.uint8), forward.extras["indices"]
    run(there, ("y", "switches"), x=slab(t.x, t, values), y=y, switches=switches)
    np.testing.assert_array_equal(y.get(t.count).reshape(forward.y.shape), forward.y, where)
    np.testing.assert_array_equal(switches.get(t.count).reshape(winners.shape), winners, where)

    dy = rng.integers(-8, 9, forward.y.shape).astype(np.float32)
    (want,) = t.layer.backward({}, Kept((t.shape,), extras=forward.extras), dy).dx
    dx, old = target(t, rng)
    run(back, ("dx",), switches=switches, dy=slab(t.y, t, dy), dx=dx)
    np.testing.assert_array_equal(dx.get(t.count).reshape(t.shape), old + want, where)


def test_what_is_generated() -> None:
    trials = [drawn(seed)[0] for seed in range(PROBLEMS)]
    shapes = {(type(t.layer), t.window, t.x.sizes, t.x.channels, t.batch, t.shape[0]) for t in trials}
    assert len(shapes) == PROBLEMS == 700
    windows = [t.layer.axes(t.shape[1:]) for t in trials if t.layer.regions is None]
    found = {
        "odd sizes": [all(n % 2 for n in t.shape[1:-1]) for t in trials],
        "strides above the window": [any(a.stride > a.window for a in axes) for axes in windows],
        "overlapping windows": [any(a.stride < a.window for a in axes) for axes in windows],
        "padding": [any(a.before or a.after > 0 for a in axes) for axes in windows],
        "taps apart": [any(a.dilation > 1 for a in axes) for axes in windows],
        "regions": [t.layer.regions is not None for t in trials],
        "one channel": [t.x.channels == 1 for t in trials],
        "a batch of one": [t.count == 1 for t in trials],
        "added to what is there": [t.accumulate for t in trials],
        **{f"{rank} axes": [len(axes) == rank for axes in windows] for rank in (1, 2, 3)},
    }
    counts = {what: sum(each) for what, each in found.items()}
    assert min(counts.values()) >= 50, counts


@pytest.mark.parametrize("first", range(0, FEW, TOGETHER))
@pytest.mark.sample(3)
def test_generated_pools(first: int) -> None:
    check(range(first, first + TOGETHER))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, PROBLEMS, 100))
def test_more_generated_pools(first: int) -> None:
    check(range(first, min(first + 100, PROBLEMS)))


@pytest.mark.long
@pytest.mark.parametrize("first", range(PROBLEMS, 5 * PROBLEMS, 100))
def test_many_generated_pools(first: int) -> None:
    check(range(first, first + 100))
