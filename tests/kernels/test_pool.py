"""Pools and trainable subsampling against their formulas, over generated windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from guard import guarded
from volumes import Slab, fitting, run, volume

from kitnet.base.error import ShapeError
from kitnet.engine.lower.window import kernel_window
from kitnet.kernels import pool
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.subsample import subsample, subsample_gradient
from kitnet.kernels.sum_pool import sum_pool, sum_pool_gradient
from kitnet.kernels.update import reduce
from kitnet.layers import L2Pool, MaxPool, MeanPool, Relu, SquarePool, Subsampling, SumPool, Tanh
from kitnet.layers.contract import Context, Kept

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
CASES = 12  # a level and test


@dataclass(frozen=True)
class Trial:
    """A window over a volume, and how the work lies in memory."""

    layer: Any
    window: Window
    x: Volume
    y: Volume
    dx: Volume
    batch: Batch
    blocks: int
    accumulate: bool
    shape: tuple[int, ...]  # of x, with its batch, without sizes of 1 in front

    @property
    def count(self) -> int:
        return self.shape[0]


# Windows that go wrong easily: places behind the last of windows side by side, an axis each of its own,
# padding behind only, taps apart from each other and in padding, regions that share places.
HARD: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((5, 7), {"window": (2, 3)}),
    ((4, 6, 5), {"window": (2, 3, 2), "stride": (1, 2, 3)}),
]
HARD_POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((5, 5), {"window": (2, 2), "pad": ((0, 1), (0, 1))}),
    ((7, 9), {"window": (3, 2), "stride": (2, 1), "pad": ((3, 0), (0, 2)), "dilation": (2, 3)}),
    ((6, 7), {"window": (2, 2), "dilation": (1, 2)}),  # side by side but for the dilation
    ((5, 7), {"regions": (2, 5)}),
]


def windows(rng: np.random.Generator, pools: bool) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
    """Sizes, and the windows that slide over them: the hard ones, and others drawn at random."""
    yield from HARD
    yield from HARD_POOLS if pools else []
    while True:
        rank = int(rng.choice([1, 2, 2, 2, 3]))
        sizes = tuple(int(n) for n in rng.integers(1, 9 if rank < 3 else 5, rank))
        window = tuple(int(rng.integers(1, min(n, 4) + 1)) for n in sizes)
        side_by_side = rng.random() < 0.35
        stride = window if side_by_side else tuple(int(s) for s in rng.integers(1, 4, rank))
        if side_by_side and rng.random() < 0.8:
            sizes = tuple(f * int(rng.integers(1, 5)) for f in window)
        options: dict[str, Any] = {"window": window, "stride": stride}
        if pools and rng.random() < 0.5:
            options["pad"] = tuple((int(rng.integers(0, f)), int(rng.integers(0, f))) for f in window)
        if pools and rng.random() < 0.3:
            options["dilation"] = tuple(int(d) for d in rng.integers(1, 4, rank))
        if pools and rng.random() < 0.1:
            options = {"regions": tuple(int(rng.integers(1, n + 2)) for n in sizes)}
        yield sizes, options


def trials(family: Any, cpu: Cpu, seed: int, pools: bool = True, count: int = CASES) -> list[Trial]:
    """Each level's own."""
    rng = np.random.default_rng([seed, levels().index(cpu.level)])
    found: list[Trial] = []
    for sizes, options in windows(rng, pools):
        shape = (*sizes, int(rng.integers(1, 7)))
        layer = family(**options, on_misfit="floor")
        try:
            output = layer.output_shape(shape)
        except ShapeError:  # a window wholly in padding, or none that fits
            continue
        slides = kernel_window(layer.axes(shape))
        if slides.taps > 255:  # which need larger switches
            continue
        batch = Batch(int(rng.integers(1, 4)), cpu.lanes * int(rng.choice([1, 2, 3, 5])))
        found.append(
            Trial(
                layer,
                slides,
                volume(*shape, extra=int(rng.choice([0, 0, 1, 3]))),
                volume(*output, extra=int(rng.choice([0, 2]))),
                volume(*shape, extra=int(rng.choice([0, 2]))),
                batch,
                int(rng.integers(1, 4)),
                bool(rng.random() < 0.4),
                (int(rng.integers(1, batch.groups * batch.images + 1)), *shape),
            )
        )
        if len(found) == count:
            return found
    raise AssertionError("windows never end")


def slab(volume: Volume, trial: Trial, values: np.ndarray | None = None, dtype: Any = np.float32) -> Slab:
    made = Slab(volume, trial.batch, dtype, at="start" if trial.count % 2 else "end")
    return made if values is None else made.put(values.astype(dtype))


def dense(volume: Volume) -> Volume:
    return Volume(volume.sizes, volume.channels, volume.channels)


def target(trial: Trial, rng: np.random.Generator) -> tuple[Slab, np.ndarray | float]:
    """A place for dx, and what is in it where the gradient is added to it."""
    if not trial.accumulate:
        return slab(trial.dx, trial), 0.0
    old = rng.standard_normal(trial.shape).astype(np.float32)
    return slab(trial.dx, trial, old), old


@EACH_LEVEL
def test_max_pool_is_the_formula_bit_for_bit(cpu):
    made = trials(MaxPool, cpu, 1)
    kernels = []
    for t in made:
        kernels += [
            pool.max_pool("max_pool", cpu, t.batch, t.window, t.x, t.y, blocks=t.blocks),
            pool.max_pool("max_pool", cpu, t.batch, t.window, t.x, t.y, switches=False, blocks=t.blocks),
            pool.max_pool_gradient(
                "back", cpu, t.batch, t.window, t.y, t.dx, accumulate=t.accumulate, blocks=t.blocks
            ),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(2)
    for i, t in enumerate(made):
        values = rng.integers(-3, 4, t.shape).astype(np.float32)  # with many that are equal
        if i % 3 == 0:
            values[rng.random(t.shape) < 0.1] = np.nan
        forward = t.layer.forward({}, {}, Context(), values)
        x, y, switches = slab(t.x, t, values), slab(t.y, t), slab(dense(t.y), t, dtype=np.uint8)
        run(next(codes), ("y", "switches"), x=x, y=y, switches=switches)
        winners = forward.extras["indices"]
        np.testing.assert_array_equal(y.get(t.count).reshape(forward.y.shape), forward.y)
        np.testing.assert_array_equal(switches.get(t.count).reshape(winners.shape), winners)
        y = slab(t.y, t)
        run(next(codes), ("y",), x=x, y=y)
        np.testing.assert_array_equal(y.get(t.count).reshape(forward.y.shape), forward.y)

        dy = rng.standard_normal(forward.y.shape).astype(np.float32)
        if t.layer.regions:  # whose gradients the formula adds up axis by axis
            dy = np.round(8 * dy) / 8
        (want,) = t.layer.backward({}, Kept((t.shape,), extras=forward.extras), dy).dx
        dx, old = target(t, rng)
        run(next(codes), ("dx",), switches=switches, dy=slab(t.y, t, dy), dx=dx)
        np.testing.assert_array_equal(dx.get(t.count).reshape(t.shape), old + want)


@EACH_LEVEL
def test_max_pool_of_rectified_values_goes_back_through_the_relu(cpu):
    """As the formulas of both do, one after the other."""
    made = trials(MaxPool, cpu, 9)
    kernels = []
    for t in made:
        options = {"blocks": t.blocks}
        kernels += [
            pool.max_pool("max_pool", cpu, t.batch, t.window, t.x, t.y, rectified=True, **options),
            pool.max_pool_gradient("back", cpu, t.batch, t.window, t.y, t.dx, t.accumulate, **options),
        ]
    codes = iter(build(kernels))
    rng, silent = np.random.default_rng(10), 0
    for t in made:
        values = rng.integers(-4, 3, t.shape).astype(np.float32)
        rectified = Relu().forward({}, {}, Context(), values).y
        forward = t.layer.forward({}, {}, Context(), rectified)
        silent += int((forward.y == 0).sum())
        y, switches = slab(t.y, t), slab(dense(t.y), t, dtype=np.uint8)
        run(next(codes), ("y", "switches"), x=slab(t.x, t, rectified), y=y, switches=switches)
        np.testing.assert_array_equal(y.get(t.count).reshape(forward.y.shape), forward.y)

        dy = rng.integers(-9, 9, forward.y.shape).astype(np.float32)
        (of_pool,) = t.layer.backward({}, Kept((t.shape,), extras=forward.extras), dy).dx
        (want,) = Relu().backward({}, Kept((t.shape,), x=(values,), y=rectified), of_pool).dx
        dx, old = target(t, rng)
        run(next(codes), ("dx",), switches=switches, dy=slab(t.y, t, dy), dx=dx)
        np.testing.assert_array_equal(dx.get(t.count).reshape(t.shape), old + want)
    assert silent > 100


def test_max_pool_of_minus_infinity_has_a_winner_on_the_input():
    """In padding there is nothing to win, so the gradient is never lost."""
    cpu = detect()
    x, y, window = volume(2, 2, 1), volume(3, 3, 1), Window((1, 2, 2), before=(0, 1, 1))
    batch = Batch(1, cpu.lanes)
    (code,) = build([pool.max_pool("max_pool", cpu, batch, window, x, y)])
    value = Slab(x, batch).put(np.full((cpu.lanes, 4), -np.inf, np.float32))
    out, switches = Slab(y, batch), Slab(y, batch, np.uint8)
    run(code, ("y", "switches"), x=value, y=out, switches=switches)
    assert (out.raw == -np.inf).all()
    assert switches.get(1).ravel().tolist() == [3, 2, 2, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(("size", "dtype"), [((15, 17), np.uint8), ((16, 16), np.int32)])
def test_more_taps_than_a_byte_counts(size, dtype):
    """One number more than there are taps is for none: the first image is nowhere above zero."""
    cpu = detect()
    x, y, window = volume(*size, 2), volume(1, 1, 2), Window((1, *size), (1, *size))
    batch = Batch(1, cpu.lanes)
    forward, back = build(
        [
            pool.max_pool("max_pool", cpu, batch, window, x, y, rectified=True),
            pool.max_pool_gradient("back", cpu, batch, window, y, x),
        ]
    )
    taps = window.taps
    values = np.random.default_rng(3).permuted(
        np.tile(np.arange(taps * 2, dtype=np.float32), (cpu.lanes, 1)), axis=1
    )
    values = values.reshape(cpu.lanes, *size, 2)
    values[0] = 0
    out, switches, dx = Slab(y, batch), Slab(y, batch, dtype), Slab(x, batch)
    run(forward, ("y", "switches"), x=Slab(x, batch).put(values), y=out, switches=switches)
    layer = MaxPool(size)
    want = layer.forward({}, {}, Context(), values)
    found = switches.get().reshape(-1, 1, 1, 2)
    assert (found[0] == taps).all()
    np.testing.assert_array_equal(found[1:], want.extras["indices"][1:])
    run(back, ("dx",), switches=switches, dy=Slab(y, batch).put(want.y + 1), dx=dx)
    (gradient,) = layer.backward({}, Kept((values.shape,), extras=want.extras), want.y + 1).dx
    gradient[0] = 0
    np.testing.assert_array_equal(dx.get().reshape(values.shape), gradient)


SUMS: dict[str, Any] = {
    "sum": SumPool,
    "mean": MeanPool,
    "padded_mean": partial(MeanPool, count_pad=True),
    "square": SquarePool,
    "l2": L2Pool,
}


@EACH_LEVEL
@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.sample(12)
def test_pools_of_sums(cpu, kind):
    """n additions, and what is done with each number and with the sum, round once each: n + 4 roundings of
    the pool of |x|, whose squares are rounded with the sum. Gradients come from n windows at most."""
    made = trials(SUMS[kind], cpu, 4, count=8)
    kernels = []
    for t in made:
        read = {name: getattr(t, name) for name in t.layer.keeps}
        kernels += [
            sum_pool("there", cpu, t.batch, t.window, t.x, t.y, t.blocks, kind=kind),
            sum_pool_gradient(
                "back", cpu, t.batch, t.window, t.y, t.dx, t.accumulate, t.blocks, kind=kind, **read
            ),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(5)
    for t in made:
        check_sums(t, next(codes), next(codes), rng)


def check_sums(t: Trial, there: Any, back: Any, rng: np.random.Generator, where: str = "") -> None:
    """A pool that is made of sums, both ways, against its formula."""
    values = rng.standard_normal(t.shape).astype(np.float32)
    values[rng.random(t.shape) < 0.2] = 0  # windows of zeros, too, which have no slope
    y = slab(t.y, t)
    run(there, ("y",), x=slab(t.x, t, values), y=y)
    want, size = (t.layer.forward({}, {}, Context(), each.astype(float)).y for each in (values, abs(values)))
    error = abs(y.get(t.count).reshape(want.shape) - want)
    assert (error <= (t.window.taps + 4) * EPS * size).all(), where

    dy = rng.standard_normal(want.shape).astype(np.float32)
    arrays = {"x": values, "y": want.astype(np.float32)}
    slabs = {"x": slab(t.x, t, arrays["x"]), "y": slab(t.y, t, arrays["y"])}
    (want,), (size,) = (
        t.layer.backward({}, Kept((t.shape,), (f(values.astype(float)),), f(want)), f(dy.astype(float))).dx
        for f in (np.array, abs)
    )
    dx, old = target(t, rng)
    read = {name: each for name, each in slabs.items() if name in t.layer.keeps}
    run(back, ("dx",), dy=slab(t.y, t, dy), dx=dx, **read)
    error = abs(dx.get(t.count).reshape(t.shape) - (want + old))
    assert (error <= (t.window.taps + 6) * EPS * (size + abs(old))).all(), where


@EACH_LEVEL
def test_subsampling(cpu):
    made = trials(Subsampling, cpu, 6, pools=False)
    kernels = []
    for t in made:
        kernels += [
            subsample("subsample", cpu, t.batch, t.window, t.x, t.y, blocks=t.blocks),
            subsample_gradient(
                "back", cpu, t.batch, t.window, t.x, t.y, t.dx, accumulate=t.accumulate, blocks=t.blocks
            ),
            reduce("reduce", cpu, t.batch.groups * t.blocks, 2 * t.x.channels),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(7)
    for t in made:
        taps = t.window.taps
        values = rng.standard_normal(t.shape).astype(np.float32)
        w = {name: rng.standard_normal(t.x.channels).astype(np.float32) for name in ("coefficient", "bias")}
        exact, sizes = ({name: f(each.astype(float)) for name, each in w.items()} for f in (np.array, abs))
        y = slab(t.y, t)
        run(next(codes), ("y",), x=slab(t.x, t, values), y=y, **{n: fitting(each) for n, each in w.items()})
        want = t.layer.forward(exact, {}, Context(), values.astype(float)).y
        size = t.layer.forward(sizes, {}, Context(), abs(values).astype(float)).y
        assert (abs(y.get(t.count).reshape(want.shape) - want) <= (taps + 2) * EPS * size).all()

        dy = rng.standard_normal(want.shape).astype(np.float32)
        back, big = (
            t.layer.backward(v, Kept((t.shape,), x=(f(values.astype(float)),)), f(dy.astype(float)))
            for v, f in ((exact, np.array), (sizes, abs))
        )
        dx, old = target(t, rng)
        partial = guarded((t.batch.groups * t.blocks, 2, t.x.channels))
        run(
            next(codes), ("dx", "partial"), x=slab(t.x, t, values), dy=slab(t.y, t, dy), dx=dx,
            coefficient=fitting(w["coefficient"]), partial=partial,
        )  # fmt: skip
        error = abs(dx.get(t.count).reshape(t.shape) - (back.dx[0] + old))
        assert (error <= (taps + 3) * EPS * (big.dx[0] + abs(old))).all()
        dw = guarded((2, t.x.channels))
        run(next(codes), ("y",), partial=partial, y=dw)
        terms = taps + t.y.positions * t.batch.images // cpu.lanes + cpu.lanes + t.batch.groups * t.blocks
        for name, got in zip(("coefficient", "bias"), dw, strict=True):
            assert (abs(got - back.dw[name]) <= (terms + 2) * EPS * big.dw[name]).all()


@pytest.mark.parametrize("layer", [Relu(), Tanh()])
def test_subsampling_with_an_activation_behind(layer):
    cpu = detect()
    batch, x, y, window = Batch(2, cpu.lanes), volume(4, 6, 3), volume(2, 3, 3), Window((1, 2, 2), (1, 2, 2))
    plain, squashed = build(
        [
            subsample("subsample", cpu, batch, window, x, y, activation)
            for activation in (None, Activation(layer.word))
        ]
    )
    rng = np.random.default_rng(8)
    values = Slab(x, batch).put(rng.standard_normal((2 * cpu.lanes, 4, 6, 3)).astype(np.float32))
    w = {name: rng.standard_normal(3).astype(np.float32) for name in ("coefficient", "bias")}
    before, after = Slab(y, batch), Slab(y, batch)
    run(plain, ("y",), x=values, y=before, **w)
    run(squashed, ("y",), x=values, y=after, **w)
    want = layer.forward({}, {}, Context(), before.get().astype(float)).y
    np.testing.assert_allclose(after.get(), want, rtol=8 * EPS, atol=8 * EPS)


def test_blocks_change_no_bit():
    cpu = detect()
    batch, x, y = Batch(2, cpu.lanes), volume(2, 7, 6, 3), volume(2, 4, 3, 3)
    window = Window((1, 3, 3), (1, 2, 2), before=(0, 1, 1))
    rng = np.random.default_rng(9)
    values = Slab(x, batch).put(rng.standard_normal((2 * cpu.lanes, 2, 7, 6, 3)).astype(np.float32))
    gradient = Slab(y, batch).put(rng.standard_normal((2 * cpu.lanes, 2, 4, 3, 3)).astype(np.float32))
    seen = set()
    for blocks in (1, 2, 3, 20):  # more than there are rows as well
        forward, back, mean, mean_back = build(
            [
                pool.max_pool("max_pool", cpu, batch, window, x, y, blocks=blocks),
                pool.max_pool_gradient("back", cpu, batch, window, y, x, blocks=blocks),
                sum_pool("mean", cpu, batch, window, x, y, blocks, kind="mean"),
                sum_pool_gradient("mean_back", cpu, batch, window, y, x, blocks=blocks, kind="mean"),
            ]
        )
        assert forward.tasks == 2 * blocks
        out, switches, dx = Slab(y, batch), Slab(y, batch, np.uint8), Slab(x, batch)
        mean_out, mean_dx = Slab(y, batch), Slab(x, batch)
        forward(x=values.raw, y=out.raw, switches=switches.raw)
        back(switches=switches.raw, dy=gradient.raw, dx=dx.raw)
        mean(x=values.raw, y=mean_out.raw)
        mean_back(dy=gradient.raw, dx=mean_dx.raw)
        seen.add(b"".join(each.raw.tobytes() for each in (out, switches, dx, mean_out, mean_dx)))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("window", "y", "message"),
    [
        (Window((1, 2, 2), (1, 2, 2), (1, 3, 1)), volume(5, 3, 2), "windows of 4 with 0 and 6 places"),
        (Window((1, 2, 2), (1, 2, 2)), volume(3, 3, 1), "keeps the channels, but 2 become 1"),
        (Window((1, 2, 2), (1, 2, 2), before=(0, 2, 0)), volume(4, 3, 2), "windows of 2 with 2 and 0 places"),
        (Window((1, 2, 2), (1, 2, 2)), volume(4, 3, 2), "windows of 2 with 0 and 2 places of padding"),
    ],
)
def test_windows_that_cannot_be(window, y, message):
    with pytest.raises(ValueError) as caught:
        sum_pool("mean", detect(), Batch(1, 64), window, volume(6, 6, 2), y, kind="mean")
    assert message in str(caught.value)
