"""Dropout by kernels against its formula: the same bits, to the last."""

from __future__ import annotations

import math

import numpy as np
import pytest
from volumes import Slab, fitting, run, volume

from kitnet.base.random import key
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.dropout import dropout, dropout_factors, dropout_gradient
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume
from kitnet.layers import Context, Dropout, Kept

EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())


def trials(cpu: Cpu) -> list[tuple[float, Volume, Volume, Batch, int, bool]]:
    """drop, x and its gradient, y and its gradient, batch, blocks, whether the gradient is added."""
    lanes = cpu.lanes
    return [
        (0.5, volume(3, 2, 4), volume(3, 2, 4), Batch(1, lanes), 1, False),
        (0.2, volume(3, 5, 3, extra=2), volume(3, 5, 3, extra=1), Batch(2, 2 * lanes), 2, True),
        (0.9, volume(1), volume(1), Batch(3, lanes), 1, False),
        (0.0, volume(17), volume(17, extra=1), Batch(2, lanes), 3, True),
        (0.75, volume(2, 3, 2, 1), volume(2, 3, 2, 1), Batch(1, 3 * lanes), 5, False),  # more than counters
    ]


@EACH_LEVEL
def test_the_bits_are_those_of_the_formula(cpu: Cpu) -> None:
    made = trials(cpu)
    codes = build([dropout("dropout", cpu, batch, p, x, y, n) for p, x, y, batch, n, _ in made])
    backs = build(
        [dropout_gradient("back", cpu, batch, p, y, x, adds, n) for p, x, y, batch, n, adds in made]
    )
    rng = np.random.default_rng(1)
    for seed, ((p, x, y, batch, _, adds), code, back) in enumerate(zip(made, codes, backs, strict=True)):
        ctx = Context(True, seed, step=2**40 + seed, first_sample=seed * 10**9, path=f"drop{seed}")
        layer, count = Dropout(p), batch.groups * batch.images
        values, grown = (
            rng.standard_normal((count, *x.sizes, x.channels)).astype(np.float32) for _ in range(2)
        )
        want = layer.forward({}, {}, ctx, values)
        out, kept = Slab(y, batch), Slab(Volume(y.sizes, y.channels, y.channels), batch, np.uint8)
        random = np.array([*key(ctx.seed, ctx.path), ctx.first_sample, ctx.step], np.uint64)
        run(code, ("y", "kept"), x=Slab(x, batch).put(values), random=fitting(random), y=out, kept=kept)
        np.testing.assert_array_equal(out.get().view(np.uint32), want.y.view(np.uint32))
        np.testing.assert_array_equal(kept.get(), want.extras["factor"] != 0)

        (dx,) = layer.backward({}, Kept((values.shape,), extras=want.extras), grown).dx
        old = rng.standard_normal(values.shape).astype(np.float32)
        target = Slab(x, batch).put(old)
        run(back, ("dx",), kept=kept, dy=Slab(y, batch).put(grown), dx=target)
        np.testing.assert_array_equal(target.get(), old + dx if adds else dx)


def test_a_batch_in_two_shards_draws_what_one_does() -> None:
    cpu, x = detect(), volume(5, 3)
    batch = Batch(2, cpu.lanes)
    whole, half = build([dropout("dropout", cpu, each, 0.4, x, x) for each in (batch, Batch(1, cpu.lanes))])
    values = np.ones((2 * cpu.lanes, 5, 3), np.float32)
    seen = []
    for code, first, count in ((whole, 0, 2), (half, 0, 1), (half, cpu.lanes, 1)):
        part = Batch(count, cpu.lanes)
        out, kept = Slab(x, part), Slab(x, part, np.uint8)
        random = np.array([*key(0, "drop"), first, 7], np.uint64)
        run(
            code,
            ("y", "kept"),
            x=Slab(x, part).put(values[: count * cpu.lanes]),
            random=random,
            y=out,
            kept=kept,
        )
        seen.append(out.get())
    np.testing.assert_array_equal(seen[0], np.concatenate(seen[1:]))


def test_as_many_are_dropped_as_shall_be() -> None:
    cpu, x = detect(), volume(40, 40, 8)
    batch = Batch(1, 2 * cpu.lanes)
    (code,) = build([dropout("dropout", cpu, batch, 0.3, x, x)])
    out, kept = Slab(x, batch), Slab(x, batch, np.uint8)
    values = Slab(x, batch).put(np.ones((batch.images, 40, 40, 8), np.float32))
    code(x=values.raw, random=np.array([1, 2, 3, 4], np.uint64), y=out.raw, kept=kept.raw)
    total = kept.get().size
    assert abs(kept.get().mean() - 0.7) < 5 * math.sqrt(0.3 * 0.7 / total)


@EACH_LEVEL
@pytest.mark.parametrize("of", ["maps", "samples"])
def test_the_factors_of_maps_and_samples_are_those_of_the_formula(cpu: Cpu, of: str) -> None:
    layer = Dropout(0.4, of)  # type: ignore[arg-type]  # one of the three
    made = [(volume(channels, extra=1), Batch(n, cpu.lanes), n) for n, channels in ((1, 1), (2, 7), (3, 8))]
    codes = build([dropout_factors("f", cpu, b, 0.4, f, of == "samples", n) for f, b, n in made])
    for seed, ((factor, batch, _), code) in enumerate(zip(made, codes, strict=True)):
        ctx = Context(True, seed, step=seed, first_sample=3 * seed, path="drop")
        ones = np.ones((batch.groups * batch.images, 2, factor.channels), np.float32)
        want = layer.forward({}, {}, ctx, ones).y[:, 0]
        out = Slab(factor, batch)
        random = np.array([*key(ctx.seed, ctx.path), ctx.first_sample, ctx.step], np.uint64)
        run(code, ("factor",), random=fitting(random), factor=out)
        np.testing.assert_array_equal(out.get().reshape(want.shape), want)
