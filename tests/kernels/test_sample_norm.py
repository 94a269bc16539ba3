"""Layer, group and instance normalisation against their formulas in float64: statistics, what is made of
them, and the way back, each from the very numbers that the step before it made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from volumes import Slab, fitting, run, volume

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.sample_norm import sample_norm, sample_norm_gradient
from kitnet.kernels.sets import Sets
from kitnet.kernels.spec import Batch, Volume, whole_vectors
from kitnet.layers import LAYERS, Context, GroupNorm, Kept, LayerNorm, SampleNorm

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
OF_VAR = 1e-3


@dataclass(frozen=True)
class Trial:
    """A norm of `count` images, and how it lies in memory."""

    sets: Sets
    x: Volume
    y: Volume
    batch: Batch
    count: int
    blocks: int = 1
    activation: str | None = None
    accumulate: bool = False
    offset: float = 0.0  # of the mean from 0, in deviations

    @property
    def layer(self) -> SampleNorm:
        return layer_of(self.sets)

    @property
    def shape(self) -> tuple[int, ...]:
        """With the batch and all three sizes."""
        return self.count, *self.x.sizes, self.x.channels

    @property
    def kept(self) -> tuple[int, ...]:
        return self.batch.groups, self.sets.count(self.x), self.batch.images

    @property
    def chunks(self) -> int:
        return self.batch.groups * (self.blocks if self.sets.apart else 1)


def layer_of(sets: Sets) -> SampleNorm:
    affine = sets.affine is not None
    if sets.apart or sets.affine == "numbers":
        return LayerNorm("channels" if sets.apart else "sample", affine, OF_VAR)
    return GroupNorm(sets.groups, affine, OF_VAR)


def trials(cpu: Cpu) -> list[Trial]:
    lanes = cpu.lanes
    a, b = volume(5, 3, 6), volume(5, 3, 6, extra=2)
    return [
        Trial(Sets(2), a, a, Batch(1, lanes), lanes),
        Trial(Sets(3), b, a, Batch(2, 2 * lanes), 2 * lanes + 1, 2, "relu", offset=1000.0),
        Trial(Sets(6), a, b, Batch(2, lanes), lanes + 3, 4, None, True),
        Trial(Sets(1, affine="numbers"), a, a, Batch(3, lanes), 2 * lanes + 1, 1, "tanh"),
        Trial(
            Sets(1, affine="numbers"), volume(17), volume(17, extra=1), Batch(1, 3 * lanes), 5, 1, None, True
        ),
        Trial(Sets(1, True), b, b, Batch(2, 2 * lanes), 4 * lanes - 1, 3, None, False, 100.0),
        Trial(Sets(1, True), volume(2, 3, 2, 5), volume(2, 3, 2, 5), Batch(1, 5 * lanes), 2, 20, None, True),
        Trial(Sets(1, affine=None), volume(9, 1), volume(9, 1), Batch(2, lanes), 2 * lanes, 1, "silu"),
        Trial(Sets(2, affine=None), volume(2, 1, 4), volume(2, 1, 4), Batch(1, 2 * lanes), lanes),
    ]


def slab(t: Trial, of: Volume, values: NDArray, *, gradient: bool = False) -> Slab:
    """The values; lanes beyond the batch repeat the last image, or are 0 in gradients."""
    beyond = t.batch.groups * t.batch.images - t.count
    last = np.zeros_like(values[-1:]) if gradient else values[-1:]
    every = np.concatenate([values, *[last] * beyond]).astype(np.float32)
    return Slab(of, t.batch, at="start" if t.count % 2 else "end").put(every)


def by_image(t: Trial, kept: NDArray) -> NDArray:
    """(groups, sets, images) -> (count, places, sets of a place)"""
    each = kept.transpose(0, 2, 1).reshape(-1, t.sets.count(t.x))[: t.count].astype(float)
    places, _, groups, _ = t.layer.sets(t.shape[1:])
    return each.reshape(t.count, places, groups)


def spread(t: Trial, kept: NDArray) -> NDArray:
    """(count, places, groups) -> a number for every number of x."""
    split = t.layer.sets(t.shape[1:])
    return np.broadcast_to(kept[:, :, None, :, None], (t.count, *split)).reshape(t.shape)


@EACH_LEVEL
def test_images_in_the_lanes(cpu: Cpu) -> None:
    """The mean of m distances from a pivot among the numbers loses m roundings of their size, and a few of
    its own; the mean of their squares m roundings, times how much larger these squares are than the variance.
    What follows is a handful of roundings.
    """
    made, kernels = trials(cpu), []
    for t in made:
        activation = t.activation and Activation(t.activation)
        back = t.x, t.y, t.x, t.accumulate, t.blocks
        kernels += [
            sample_norm("norm", cpu, t.batch, t.sets, t.x, t.y, OF_VAR, activation, True, t.blocks),
            sample_norm("scores", cpu, t.batch, t.sets, t.x, t.y, OF_VAR, activation, False, t.blocks),
            sample_norm_gradient("back", cpu, t.batch, t.sets, *back),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(1)
    for t in made:
        weight_shape = t.layer.scale_shape(t.shape[1:])
        values = (rng.standard_normal(t.shape) + t.offset).astype(np.float32)
        w = {name: rng.standard_normal(weight_shape, np.float32) for name in ("scale", "shift")}
        w = w if t.sets.affine else {}
        given = {name: fitting(array) for name, array in w.items()}
        x, y, plain = slab(t, t.x, values), Slab(t.y, t.batch), Slab(t.y, t.batch)
        kept = {name: guarded(t.kept) for name in ("mean", "inverse")}
        run(next(codes), ("y", "mean", "inverse"), x=x, **given, y=y, **kept)
        run(next(codes), ("y",), x=x, **given, y=plain)
        np.testing.assert_array_equal(plain.lanes, y.lanes)
        assert np.isfinite(y.lanes).all()

        exact, m = values.astype(float), t.sets.size(t.x)
        want = t.layer.forward({k: a.astype(float) for k, a in w.items()}, {}, Context(), exact)
        mean, inverse = (by_image(t, kept[name]) for name in ("mean", "inverse"))
        split = exact.reshape(t.count, *t.layer.sets(t.shape[1:]))
        far = abs(split - split.mean((2, 4), keepdims=True)).max((2, 4))  # of a pivot from the mean, at most
        off = (m + 4) * EPS * 2 * far + 4 * EPS * abs(want.extras["mean"])
        assert (abs(mean - want.extras["mean"]) <= off).all()
        larger = 1 + (far * want.extras["inverse"]) ** 2
        assert (abs(inverse / want.extras["inverse"] - 1) <= (m + 8) * EPS * larger).all()

        normalised = (exact - spread(t, mean)) * spread(t, inverse)
        scaled = w["scale"] * normalised if w else normalised
        before = scaled + w["shift"] if w else scaled
        squash = LAYERS[t.activation]() if t.activation else None
        after = squash.forward({}, {}, Context(), before).y if squash else before
        size = abs(scaled) + abs(w["shift"]) if w else abs(scaled)
        assert (abs(y.get(t.count).reshape(t.shape) - after) <= 8 * EPS * (size + abs(after))).all()

        dy = rng.standard_normal(t.shape, np.float32)
        extras = {name: by_image(t, kept[name]) for name in kept}
        back, big = (
            t.layer.backward(
                {k: f(a.astype(float)) for k, a in w.items()},
                Kept((t.shape,), (exact,), extras=extras),
                f(dy.astype(float)),
            )
            for f in (np.array, abs)
        )
        old = rng.standard_normal(t.shape, np.float32) if t.accumulate else np.zeros(t.shape, np.float32)
        dx = slab(t, t.x, old, gradient=True) if t.accumulate else Slab(t.x, t.batch)
        partial = {f"d{name}": guarded((t.chunks, a.size)) for name, a in w.items()}
        scale = {name: a for name, a in given.items() if name == "scale"}
        slab_dy, code = slab(t, t.y, dy, gradient=True), next(codes)
        run(code, ("dx", *partial), x=x, **kept, **scale, dy=slab_dy, dx=dx, **partial)
        d = abs(dy * w["scale"]).astype(float) if w else abs(dy).astype(float)
        d_split = d.reshape(split.shape)
        through = d_split.mean((2, 4), keepdims=True) + abs(normalised.reshape(split.shape)) * (
            d_split * abs(normalised.reshape(split.shape))
        ).mean((2, 4), keepdims=True)
        allowed = (m + 8) * EPS * spread(t, inverse) * (d + through.reshape(t.shape)) + 2 * EPS * abs(old)
        assert (abs(dx.get(t.count).reshape(t.shape) - (back.dx[0] + old)) <= allowed).all()
        assert not dx.get()[t.count :].any()
        places = t.x.positions if t.sets.affine == "channels" else 1
        roundings = (places * t.batch.groups * t.batch.images + 8) * EPS
        of_scale = (abs(dy * normalised)).reshape(-1, *weight_shape).sum(0)
        for name, size in (("scale", of_scale), ("shift", big.dw.get("shift"))) if w else ():
            found = partial[f"d{name}"].astype(float).sum(0).reshape(weight_shape)
            assert (abs(found - back.dw[name]) <= roundings * size).all()


@EACH_LEVEL
def test_the_gradient_may_take_the_place_of_dy(cpu: Cpu) -> None:
    x, batch = volume(4, 3, 6), Batch(2, cpu.lanes)
    for sets in (Sets(3), Sets(1, True)):
        (code,) = build([sample_norm_gradient("back", cpu, batch, sets, x, x, x)])
        rng = np.random.default_rng(2)
        numbers = (2 * cpu.lanes, 4, 3, 6)
        given = {
            "x": Slab(x, batch).put(rng.standard_normal(numbers, np.float32)),
            "mean": fitting(rng.standard_normal((2, sets.count(x), cpu.lanes), np.float32)),
            "inverse": fitting(rng.random((2, sets.count(x), cpu.lanes), np.float32)),
            "scale": fitting(rng.standard_normal(6, np.float32)),
        }
        partial = {name: guarded((2, 6)) for name in ("dscale", "dshift")}
        dy, dx = Slab(x, batch).put(rng.standard_normal(numbers, np.float32)), Slab(x, batch)
        run(code, ("dx", *partial), **given, dy=dy, dx=dx, **partial)
        run(code, ("dx", "dy", *partial), **given, dy=dy, dx=dy, **partial)
        np.testing.assert_array_equal(dy.lanes, dx.lanes)


def test_blocks_change_no_bit() -> None:
    cpu = detect()
    x, batch, rng = volume(4, 5, 6), Batch(2, cpu.lanes), np.random.default_rng(3)
    values, gradient = (
        Slab(x, batch).put(rng.standard_normal((2 * cpu.lanes, 4, 5, 6), np.float32)) for _ in range(2)
    )
    scale = rng.standard_normal(6, np.float32)
    for sets in (Sets(6), Sets(2), Sets(1, True)):
        seen = set()
        for blocks in (1, 2, 5, 30):  # more than there are groups as well
            how = batch, sets, x, x
            codes = build(
                [
                    sample_norm("norm", cpu, *how, OF_VAR, None, True, blocks),
                    sample_norm_gradient("back", cpu, *how, x, False, blocks),
                ]
            )
            y, dx = Slab(x, batch), Slab(x, batch)
            kept = {name: guarded((2, sets.count(x), cpu.lanes)) for name in ("mean", "inverse")}
            chunks = 2 * blocks if sets.apart else 2
            partial = {name: guarded((chunks, 6)) for name in ("dscale", "dshift")}
            codes[0](x=values.raw, scale=scale, shift=scale, y=y.raw, **kept)
            codes[1](x=values.raw, **kept, scale=scale, dy=gradient.raw, dx=dx.raw, **partial)
            results = [y.raw, dx.raw, *kept.values(), *([] if sets.apart else partial.values())]
            seen.add(b"".join(each.tobytes() for each in results))
        assert len(seen) == 1


# Channels in the lanes


@EACH_LEVEL
@pytest.mark.parametrize("channels", [1, 6, 16, 37, 64])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_channels_in_the_lanes(cpu: Cpu, channels: int, offset: float) -> None:
    """What no channel fills is not read, and finite behind."""
    every = [
        Sets(1, affine="numbers"),
        Sets(channels),
        Sets(1, affine=None),
        *([Sets(1, True)] if channels > 1 else []),
        *([Sets(2)] if channels % 2 == 0 else []),
    ]
    pitch = whole_vectors(channels, cpu.lanes)
    x, y = (Volume((1, 4, 5), channels, p, lanes="channels") for p in (channels + 2, pitch))
    how = cpu, Batch(3, 1)
    codes = build(
        [sample_norm("norm", *how, sets, x, y, OF_VAR, Activation("relu"), blocks=3) for sets in every]
    )
    rng = np.random.default_rng(channels)
    values = (rng.standard_normal((3, 4, 5, channels)) + offset).astype(np.float32)
    given, exact = guarded((3, 4, 5, x.pitch), at="start"), values.astype(float)
    given[..., :channels] = values
    for sets, code in zip(every, codes, strict=True):
        layer, out = layer_of(sets), guarded((3, 4, 5, pitch))
        shape = layer.scale_shape((4, 5, channels))
        w = (
            {name: rng.standard_normal(shape, np.float32) for name in ("scale", "shift")}
            if sets.affine
            else {}
        )
        run(code, ("y",), x=given, **{name: fitting(a) for name, a in w.items()}, y=out)
        of_formula = {name: a.astype(float) for name, a in w.items()}
        before = layer.forward(of_formula, {}, Context(), exact)
        scale, shift = (abs(of_formula[name]) for name in ("scale", "shift")) if w else (1.0, 0.0)
        split = exact.reshape(3, *layer.sets((4, 5, channels)))
        inverse = before.extras["inverse"][:, :, None, :, None]
        far = abs(split - split.mean((2, 4), keepdims=True)) * inverse
        m = sets.size(x)
        roundings = (m + 16) * EPS * (1 + far.max((2, 4), keepdims=True) ** 2)
        off = np.broadcast_to((1 + far) * roundings + 4 * EPS * offset * inverse, split.shape)
        allowed = off.reshape(exact.shape) * scale + 4 * EPS * shift
        assert (abs(out[..., :channels] - np.maximum(before.y, 0)) <= allowed).all()
        assert np.isfinite(out).all()


def test_a_task_has_whole_sets_and_whole_vectors() -> None:
    """In steps of so many channels, where they come out even."""

    def steps(lanes: str, channels: int, groups: int) -> int:
        return Sets(groups).step(Volume((1, 2, 2), channels, channels, lanes=lanes), 8)  # type: ignore[arg-type]

    assert [steps("images", 48, groups) for groups in (1, 4, 48)] == [48, 12, 1]
    assert [steps("channels", 48, groups) for groups in (1, 2, 4, 16, 48)] == [48, 24, 24, 24, 8]
    assert [steps("channels", 36, groups) for groups in (1, 3, 36)] == [36, 36, 36]
    assert Sets(1, True).pieces(Volume((2, 3, 4), 48, 48, lanes="channels"), 8) == 24
