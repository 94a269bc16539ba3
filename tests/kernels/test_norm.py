"""Batch normalisation with the batch in the lanes against its formula in float64, lanes beyond count full of
garbage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from guard import guarded
from volumes import Slab, fitting, run, volume

from kitnet.kernels import norm
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume
from kitnet.layers import LAYERS, BatchNorm, Context, Kept

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
LAYER = BatchNorm(0.75, 1e-3)


@dataclass(frozen=True)
class Trial:
    """A norm of `count` images, how it lies in memory, and what follows it."""

    x: Volume
    dy: Volume
    batch: Batch
    count: int
    blocks: int
    activation: str | None = None
    accumulate: bool = False
    offset: float = 0.0  # of the mean from 0, in deviations
    addend: Volume | None = None  # with an activation: d then takes dy's place

    @property
    def stored(self) -> tuple[Volume, Volume] | None:
        """y and d."""
        return (self.dy, self.dy) if self.addend and self.activation else None

    def shape(self) -> tuple[int, ...]:
        """With the batch and all three sizes."""
        return self.count, *self.x.sizes, self.x.channels

    def partials(self, rows: int) -> np.ndarray:
        return guarded((self.batch.groups * self.blocks, rows, self.x.channels))


def trials(cpu: Cpu) -> list[Trial]:
    lanes = cpu.lanes
    return [
        Trial(volume(5, 3, 3), volume(5, 3, 3), Batch(1, lanes), lanes, 1),
        Trial(volume(3, 4, 5, extra=2), volume(3, 4, 5), Batch(2, 2 * lanes), 2 * lanes + 1, 2, "relu"),
        Trial(
            volume(7, 2), volume(7, 2, extra=1), Batch(3, lanes), lanes + 3, 3, "silu", True
        ),  # one is empty
        Trial(volume(17), volume(17), Batch(2, 3 * lanes), 5 * lanes, 2),  # a block without positions
        Trial(volume(2, 3, 2, 1), volume(2, 3, 2, 1), Batch(1, 5 * lanes), 1, 4, "relu", True),
        Trial(volume(4, 4, 2), volume(4, 4, 2), Batch(2, lanes), 2 * lanes, 1, None, False, 1000.0),
        Trial(
            volume(3, 4, 5),
            volume(3, 4, 5, extra=1),
            Batch(2, lanes),
            2 * lanes - 3,
            2,
            "relu",
            False,
            0.0,
            volume(3, 4, 5, extra=2),
        ),
        Trial(volume(7, 2), volume(7, 2), Batch(1, 2 * lanes), lanes, 1, None, True, 0.0, volume(7, 2)),
    ]


def slab(t: Trial, of: Volume, values: np.ndarray, rng: np.random.Generator) -> Slab:
    """The values, and beyond count garbage of the worst kind."""
    made = Slab(of, t.batch).put(values.astype(np.float32))
    lanes = np.arange(t.batch.groups * t.batch.images).reshape(t.batch.groups, 1, 1, -1)
    garbage = rng.choice(np.float32([np.nan, np.inf, -1e30, 5.0]), made.lanes.shape)
    made.lanes[...] = np.where(lanes >= t.count, garbage, made.lanes)
    return made


def of_channels(values: np.ndarray) -> np.ndarray:
    return values.astype(float).reshape(-1, values.shape[-1])


@EACH_LEVEL
def test_training(cpu: Cpu) -> None:
    """Sums of m numbers, each half of them in some lane, lose at most m roundings of the sum of sizes; what
    follows a sum multiplies by it a handful of times. A mean far from 0 costs no more than its own rounding.
    """
    made = trials(cpu)
    kernels = []
    for t in made:
        chunks, channels, positions = t.batch.groups * t.blocks, t.x.channels, t.x.positions
        activation = t.activation and Activation(t.activation)
        how = {"activation": activation, "blocks": t.blocks}
        kernels += [
            norm.statistics("statistics", cpu, t.batch, t.x, t.blocks),
            norm.finish("finish", cpu, chunks, channels, LAYER.eps, LAYER.decay),
            norm.normalise("normalise", cpu, t.batch, t.x, t.dy, **how, addend=t.addend),
            norm.gradient_sums("sums", cpu, t.batch, t.x, t.dy, **how, stored=t.stored),
            norm.finish_gradient("finish_gradient", cpu, chunks, channels, positions),
            norm.input_gradient(
                "gradient",
                cpu,
                t.batch,
                t.x,
                t.dy,
                t.x,
                None if t.stored else activation,
                t.accumulate,
                t.blocks,
            ),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(1)
    for t in made:
        channels = (t.x.channels,)
        values = (rng.standard_normal(t.shape()) + t.offset).astype(np.float32)
        exact = values.astype(float)
        w = {name: rng.standard_normal(channels).astype(np.float32) for name in ("scale", "shift")}
        state = {name: rng.random(channels).astype(np.float32) for name in ("mean", "var")}
        want = LAYER.forward(w, state, Context(train=True), exact)
        m = exact.size // t.x.channels
        rounding = (m + 8) * EPS

        x, partial = slab(t, t.x, values, rng), t.partials(3)
        count = fitting(np.array([t.count], np.int64))
        run(next(codes), ("partial",), x=x, count=count, partial=partial)
        assert partial[:, 0].sum(0).tolist() == [m] * t.x.channels
        found = {name: guarded(channels) for name in ("mean", "inverse", "factor")}
        running = {f"running_{name}": fitting(array) for name, array in state.items()}
        results = {**found, **running}
        run(next(codes), tuple(results), partial=partial, scale=fitting(w["scale"]), **results)
        size = abs(of_channels(exact)).mean(0)
        off = (m + 4) * EPS * abs(of_channels(exact - t.offset)).mean(0) + 4 * EPS * size  # of the mean
        assert (abs(found["mean"] - want.extras["mean"]) <= off).all()
        assert (abs(found["inverse"] / want.extras["inverse"] - 1) <= rounding).all()
        np.testing.assert_allclose(found["factor"], w["scale"] * want.extras["inverse"], rtol=rounding)
        for name, array in want.state.items():
            assert (abs(running[f"running_{name}"] - array) <= rounding * abs(array) + off).all()

        shift, mean, factor = fitting(w["shift"]), found["mean"], found["factor"]
        y, total, added = Slab(t.dy, t.batch), want.y, {}
        if t.addend:
            other = rng.standard_normal(t.shape()).astype(np.float32)
            total, added = want.y + other, {"addend": slab(t, t.addend, other, rng)}
        run(next(codes), ("y",), x=x, mean=mean, factor=factor, shift=shift, **added, y=y)
        squash = LAYERS[t.activation]() if t.activation else None
        squashed = squash.forward({}, {}, Context(), total).y if squash else total
        far = abs(exact - want.extras["mean"]) * abs(w["scale"] * want.extras["inverse"])
        allowed = rounding * (far + abs(w["shift"])) + off * abs(factor) + (8 + 2 * abs(total)) * EPS
        assert (abs(y.get(t.count).reshape(t.shape()) - squashed) <= allowed).all()

        dy = rng.standard_normal(t.shape()).astype(np.float32)
        d = dy.astype(float)
        if squash:
            (d,) = squash.backward({}, Kept((d.shape,), x=(total,), y=squashed), d).dx
        back = LAYER.backward(w, Kept((d.shape,), x=(exact,), extras=want.extras), d)
        # what mean and inverse are off moves the normalised numbers, and these every sum
        normalised = far / abs(w["scale"])
        moved = 4 * rounding * (normalised + 1) + off * want.extras["inverse"]
        slab_dy, partial = slab(t, t.dy, dy, rng), t.partials(2)
        given = {"x": x, "mean": mean, "factor": factor, "shift": shift, "dy": slab_dy, "count": count}
        if t.stored:
            (back_d,) = squash.backward({}, Kept(dy.shape, y=y.get(t.count).reshape(t.shape())), dy).dx
            masked = Slab(t.dy, t.batch)
            code = next(codes)
            run(code, ("partial", "d"), **given, y=y, d=masked, partial=partial)
            np.testing.assert_array_equal(masked.get(t.count).reshape(t.shape()), back_d)
            apart = partial.copy()
            run(code, ("partial", "dy", "d"), **given, y=y, d=slab_dy, partial=partial)  # in place
            np.testing.assert_array_equal(slab_dy.lanes, masked.lanes)
            np.testing.assert_array_equal(partial, apart)
        else:
            run(next(codes), ("partial",), **given, partial=partial)
        dw = {name: guarded(channels) for name in ("dscale", "dshift", "slope", "level")}
        inverse = found["inverse"]
        run(next(codes), tuple(dw), partial=partial, inverse=inverse, factor=factor, count=count, **dw)
        of_scale, of_shift = (of_channels(abs(d) * each).sum(0) for each in (normalised + moved, moved + 1))
        off_scale = of_channels((abs(d) + EPS) * moved).sum(0) + rounding * of_scale
        off_shift = of_channels(abs(d) * moved).sum(0) + rounding * of_shift
        assert (abs(dw["dscale"] - back.dw["scale"]) <= off_scale).all()
        assert (abs(dw["dshift"] - back.dw["shift"]) <= off_shift).all()

        old = rng.standard_normal(t.shape()).astype(np.float32)
        dx = Slab(t.x, t.batch).put(old)
        moves = {name: dw[name] for name in ("slope", "level")}
        code = next(codes)
        run(code, ("dx",), **given, **moves, dx=dx)
        before = old if t.accumulate else 0.0
        size = abs(d) + (normalised * of_scale + of_shift) / m
        moved = abs(d) * moved + (normalised * off_scale + moved * of_scale + off_shift) / m
        allowed = abs(factor) * (rounding * size + moved)
        if t.x == t.dy and not t.accumulate:
            run(code, ("dx", "dy"), **given, **moves, dx=slab_dy)  # in place
            np.testing.assert_array_equal(slab_dy.lanes, dx.lanes)
        error = abs(dx.get(t.count).reshape(t.shape()) - (back.dx[0] + before))
        assert (error <= allowed + 4 * EPS * abs(before) + 8 * EPS).all()
        beyond = dx.get()[t.count :]
        assert not beyond.any()  # also where it is added to zeros


@EACH_LEVEL
@pytest.mark.parametrize("word", [None, "relu", "sigmoid", "silu"])
def test_evaluation(cpu: Cpu, word: str | None) -> None:
    """Four roundings make the factor, two follow; tanh and sigmoid have a few of their own."""
    batch, x, y = Batch(2, cpu.lanes), volume(3, 5, 7, extra=1), volume(3, 5, 7)
    fold, code = build(
        [
            norm.fold("fold", cpu, 7, LAYER.eps),
            norm.normalise("normalise", cpu, batch, x, y, word and Activation(word), blocks=2),
        ]
    )
    rng = np.random.default_rng(2)
    values = rng.standard_normal((2 * cpu.lanes, 3, 5, 7)).astype(np.float32)
    w = {name: rng.standard_normal(7).astype(np.float32) for name in ("scale", "shift")}
    state = {name: rng.random(7).astype(np.float32) for name in ("mean", "var")}
    factor, out = guarded(7), Slab(y, batch)
    run(fold, ("factor",), scale=fitting(w["scale"]), var=fitting(state["var"]), factor=factor)
    given = {"mean": fitting(state["mean"]), "factor": factor, "shift": fitting(w["shift"])}
    run(code, ("y",), x=Slab(x, batch).put(values), y=out, **given)
    want = LAYER.forward(w, state, Context(), values.astype(float)).y
    size = abs(values - state["mean"]) * abs(factor) + abs(w["shift"])
    if word:
        want = LAYERS[word]().forward({}, {}, Context(), want).y
    assert (abs(out.get().reshape(want.shape) - want) <= 8 * EPS * (size + 1)).all()


@EACH_LEVEL
@pytest.mark.parametrize("channels", [1, 5, 16, 37])
def test_folded_filters(cpu: Cpu, channels: int) -> None:
    rows, rng = 7, np.random.default_rng(4)
    weight, factor = (rng.standard_normal(shape, np.float32) for shape in ((rows, channels), channels))
    for tasks in (1, 3, 8):  # one of eight has no rows
        (code,) = build([norm.fold_filters("fold_filters", cpu, rows, channels, tasks)])
        filters = guarded((rows, channels))
        run(code, ("filters",), weight=fitting(weight), factor=fitting(factor), filters=filters)
        np.testing.assert_array_equal(filters, weight * factor)


@EACH_LEVEL
@pytest.mark.parametrize("channels", [1, 5, 16, 37])
@pytest.mark.parametrize("bias", [False, True])
def test_folded_bias(cpu: Cpu, channels: int, bias: bool) -> None:
    """Rounded as a sum, and as a multiplication and a sum at once."""
    rng, names = np.random.default_rng(4), ("mean", "factor", "shift", *(["bias"] if bias else []))
    values = {name: rng.standard_normal(channels, np.float32) for name in names}
    (code,) = build([norm.fold_bias("fold_bias", cpu, channels, bias)])
    level = guarded(channels)
    run(code, ("level",), **{name: fitting(array) for name, array in values.items()}, level=level)
    exact = {name: array.astype(float) for name, array in values.items()}
    far = exact.get("bias", 0.0) - exact["mean"]
    want = exact["shift"] + far * exact["factor"]
    assert (abs(level - want) <= 3 * EPS * (abs(exact["shift"]) + abs(far * exact["factor"]))).all()


def test_blocks_change_the_statistics_by_roundings_only() -> None:
    """The mean is 10,000 deviations, so that sums of unshifted squares would have no digit of the variance.
    The means of tasks are off by 0.0005 deviations in float32, beside which they differ by a tenth."""
    cpu = detect()
    batch, x = Batch(2, cpu.lanes), volume(8, 8, 3)
    rng = np.random.default_rng(3)
    values = (rng.standard_normal((2 * cpu.lanes, 8, 8, 3)) + 1e4).astype(np.float32)
    variance = values.astype(float).var((0, 1, 2))
    for blocks in (1, 2, 5, 64):
        statistics, finish = build(
            [
                norm.statistics("statistics", cpu, batch, x, blocks),
                norm.finish("finish", cpu, 2 * blocks, 3, 1e-5, 0.0),
            ]
        )
        partial = guarded((2 * blocks, 3, 3))
        count = np.array([2 * cpu.lanes], np.int64)
        statistics(x=Slab(x, batch).put(values).raw, count=count, partial=partial)
        found = {name: guarded(3) for name in ("mean", "inverse", "factor")}
        running = {f"running_{name}": np.zeros(3, np.float32) for name in ("mean", "var")}
        finish(partial=partial, scale=np.ones(3, np.float32), **found, **running)
        np.testing.assert_allclose(1 / found["inverse"].astype(float) ** 2, variance + 1e-5, rtol=1e-4)
