"""Activations, sums and copies against their formulas, between volumes of every pitch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from volumes import Slab, run, volume

from kitnet.engine.activation import activation_of
from kitnet.kernels import elementwise
from kitnet.kernels.activation import KINDS, RELU, Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import F64
from kitnet.layers import (
    AbsoluteValue,
    Elu,
    Gaussian,
    Gelu,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Layer,
    LeakyRelu,
    LecunTanh,
    Relu,
    Scale,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Softsign,
    Square,
    SquareRoot,
    Tanh,
)
from kitnet.layers.contract import Context, Kept

LAYERS = (
    Relu(), Relu(0.75), LeakyRelu(0.1), LeakyRelu(-0.5), Elu(0.7), Tanh(), LecunTanh(), Sigmoid(), Silu(),
    Gelu(), Gelu("tanh"), HardTanh(-0.5, 1.5), HardSigmoid(), HardSwish(), Softplus(), Softsign(), Gaussian(),
    AbsoluteValue(), Square(), SquareRoot(), Scale(2.5, -0.5),
)  # fmt: skip
EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
EACH_LAYER = pytest.mark.parametrize("layer", LAYERS, ids=str)
# y's error in roundings, the polynomial's own and those around it (the argument of lecuntanh is rounded too,
# and tanh carries that on at most as it is)
ROUNDINGS = {
    "relu": 0, "leakyrelu": 2, "elu": 6, "tanh": 3, "lecuntanh": 6, "sigmoid": 5, "silu": 6, "gelu": 8,
    "hardtanh": 0, "hardsigmoid": 3, "hardswish": 4, "softplus": 8, "softsign": 3, "gaussian": 4, "abs": 0,
    "square": 1, "sqrt": 1, "scale": 2,
}  # fmt: skip
# where a rounded number in the midst moves y as x does: y is as far off as roundings of x would move it
CARRIED = {"gelu", "gaussian", "hardsigmoid", "hardswish", "scale"}
# the largest sum of the sizes of what f' is made of, over the numbers drawn
SLOPES = {
    "relu": 1.0, "leakyrelu": 1.0, "elu": 2.0, "tanh": 2.0, "lecuntanh": 2.4, "sigmoid": 1.0, "silu": 8.0,
    "gelu": 3.0, "hardtanh": 1.0, "hardsigmoid": 1.0, "hardswish": 1.5, "softplus": 1.0, "softsign": 1.0,
    "gaussian": 2.0, "abs": 1.0, "square": 20.0, "sqrt": 2.0, "scale": 2.5,
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    volumes: tuple[Volume, ...]  # of one shape
    batch: Batch
    blocks: int
    accumulate: bool

    def slabs(self, rng: np.random.Generator, count: int) -> list[Slab]:
        """So many full of normal numbers, the others of poison."""
        at = "end" if rng.random() < 0.7 else "start"
        made = [Slab(volume, self.batch, at=at) for volume in self.volumes]
        for slab in made[:count]:
            slab.lanes[...] = 2 * rng.standard_normal(slab.lanes.shape)
        return made


def trials(cpu: Cpu, seed: int, count: int, volumes: int) -> list[Trial]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        rank = int(rng.integers(0, 4))
        shape = (*(int(n) for n in rng.integers(1, 6, rank)), int(rng.integers(1, 8)))
        dense = rng.random() < 0.4
        made.append(
            Trial(
                tuple(volume(*shape, extra=0 if dense else int(rng.integers(0, 3))) for _ in range(volumes)),
                Batch(int(rng.integers(1, 4)), cpu.lanes * int(rng.integers(1, 4))),
                int(rng.integers(1, 5)),
                bool(rng.random() < 0.5),
            )
        )
    return made


def of(layer: Layer) -> Activation:
    activation = activation_of(layer)
    assert activation is not None
    return activation


def value(layer: Layer, x: np.ndarray) -> np.ndarray:
    return layer.forward({}, {}, Context(), x).y


def admit(layer: Layer, x: Slab) -> None:
    """A square root has no value below 0, and no slope near it."""
    if layer == SquareRoot():
        x.lanes[...] = abs(x.lanes) + np.float32(0.1)


def way_back(layer: Layer, x: np.ndarray, dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    (dx,) = layer.backward({}, Kept((x.shape,), (x,), y), dy).dx
    assert dx is not None
    return dx


@EACH_LEVEL
@EACH_LAYER
def test_activation(layer, cpu):
    made = trials(cpu, 1, 4, 2)
    codes = build(
        [
            elementwise.activate("activate", cpu, t.batch, t.volumes[0], of(layer), t.volumes[1], t.blocks)
            for t in made
        ]
    )
    rng = np.random.default_rng(2)
    for t, code in zip(made, codes, strict=True):
        x, y = t.slabs(rng, 1)
        admit(layer, x)
        run(code, ("y",), x=x, y=y)
        exact = x.get().astype(float)
        want = value(layer, exact)
        size = abs(want)
        if layer.word in CARRIED:
            size = np.maximum(size, abs(way_back(layer, exact, exact, want)))
        assert (abs(y.get() - want) <= ROUNDINGS[layer.word] * EPS * size).all()


@pytest.mark.sample(6)
@EACH_LEVEL
@EACH_LAYER
def test_activation_gradient(layer, cpu):
    made = trials(cpu, 3, 4, 3)
    codes = build(
        [
            elementwise.activation_gradient(
                "back", cpu, t.batch, t.volumes[0], of(layer), *t.volumes[1:], t.accumulate, t.blocks
            )
            for t in made
        ]
    )
    rng = np.random.default_rng(4)
    for t, code in zip(made, codes, strict=True):
        source, dy, dx = t.slabs(rng, 3 if t.accumulate else 2)
        admit(layer, source)
        x, of_y = source.get(), of(layer).reads == "y"
        if of_y:
            source.lanes[...] = value(layer, source.lanes)
        old = dx.get() if t.accumulate else np.float32(0)
        run(code, ("dx",), source=source, dy=dy, dx=dx)
        y = source.get() if of_y else value(layer, x)
        if layer == Relu():
            np.testing.assert_array_equal(dx.get(), old + way_back(layer, x, dy.get(), y))
            continue
        want = old + way_back(layer, x.astype(float), dy.get().astype(float), y.astype(float))
        bound = 5 * EPS * SLOPES[layer.word] * abs(dy.get()) + EPS * abs(want)
        assert (abs(dx.get() - want) <= bound).all()


def test_every_activation_of_the_kernels_is_a_layer():
    assert {layer.word for layer in LAYERS} == set(KINDS)


def test_parameters_are_the_fields_of_the_layer():
    assert activation_of(LeakyRelu(0.25)) == Activation("leakyrelu", (0.25,))
    assert activation_of(Relu()) == RELU
    assert activation_of(Softmax()) is None
    assert activation_of(None) is None


@pytest.mark.sample(3)
@EACH_LAYER
def test_in_place(layer):
    """y may be the memory of x, and dx that of dy."""
    cpu = detect()
    batch, x = Batch(2, cpu.lanes), volume(3, 2, 5, extra=1)
    forward, back = build(
        [
            elementwise.activate("activate", cpu, batch, x, of(layer)),
            elementwise.activation_gradient("back", cpu, batch, x, of(layer)),
        ]
    )
    rng = np.random.default_rng(5)
    values, y, dy, dx = (Slab(x, batch) for _ in range(4))
    values.lanes[...] = rng.standard_normal(values.lanes.shape)
    dy.lanes[...] = rng.standard_normal(dy.lanes.shape)
    run(forward, ("y",), x=values, y=y)
    run(forward, ("x", "y"), x=values, y=values)
    np.testing.assert_array_equal(values.get(), y.get())
    run(back, ("dx",), source=y, dy=dy, dx=dx)
    run(back, ("dx", "dy"), source=y, dy=dy, dx=dy)
    np.testing.assert_array_equal(dy.get(), dx.get())


def test_relu_keeps_nan_and_stops_the_gradient_at_zero():
    cpu = detect()
    batch, x = Batch(1, cpu.lanes), volume(4)
    forward, back = build(
        [
            elementwise.activate("activate", cpu, batch, x, RELU),
            elementwise.activation_gradient("back", cpu, batch, x, RELU),
        ]
    )
    values = np.tile(np.array([np.nan, 0, -1, 2], np.float32), (cpu.lanes, 1))
    slab, dx = Slab(x, batch).put(values), Slab(x, batch)
    run(back, ("dx",), source=slab, dy=Slab(x, batch).put(np.ones_like(values)), dx=dx)
    assert dx.get(1).ravel().tolist() == [0, 0, 0, 1]
    run(forward, ("x", "y"), x=slab, y=slab)
    np.testing.assert_array_equal(slab.get(1).ravel(), [np.nan, 0, 0, 2])


@EACH_LEVEL
def test_add(cpu):
    made = trials(cpu, 6, 8, 5)
    words = [None, RELU] * 4
    codes = build(
        [
            elementwise.add("add", cpu, t.batch, t.volumes[: 1 + i % 4], t.volumes[4], word, t.blocks)
            for i, (t, word) in enumerate(zip(made, words, strict=True))
        ]
    )
    rng = np.random.default_rng(7)
    for i, (t, word, code) in enumerate(zip(made, words, codes, strict=True)):
        *terms, y = t.slabs(rng, 4)
        terms = terms[: 1 + i % 4]
        run(code, ("y",), **{f"x{j}": term for j, term in enumerate(terms)}, y=y)
        total = sum((term.get() for term in terms[1:]), terms[0].get())
        np.testing.assert_array_equal(y.get(), value(Relu(), total) if word else total)


@EACH_LEVEL
def test_copy(cpu):
    made = trials(cpu, 8, 10, 2)
    codes = build([elementwise.copy("copy", cpu, t.batch, *t.volumes, t.accumulate, t.blocks) for t in made])
    rng = np.random.default_rng(9)
    for t, code in zip(made, codes, strict=True):
        x, y = t.slabs(rng, 2 if t.accumulate else 1)
        want = x.get() + (y.get() if t.accumulate else np.float32(0))
        run(code, ("y",), x=x, y=y)
        np.testing.assert_array_equal(y.get(), want)


@EACH_LEVEL
def test_copy_between_a_volume_and_its_flat_form(cpu):
    """Flat, a volume's numbers lie in the order of its positions, then channels, as in the formula."""
    cases = [(volume(2, 3, 5, extra=2), volume(30, extra=3), 2), (volume(4, 3), volume(12, extra=1), 5)]
    batch = Batch(2, 2 * cpu.lanes)
    there = build([elementwise.copy("copy", cpu, batch, x, y, blocks=blocks) for x, y, blocks in cases])
    back = build([elementwise.copy("copy", cpu, batch, y, x, blocks=blocks) for x, y, blocks in cases])
    rng = np.random.default_rng(10)
    for (x, y, _), one, other in zip(cases, there, back, strict=True):
        values, flat, again = Slab(x, batch), Slab(y, batch), Slab(x, batch)
        values.lanes[...] = rng.standard_normal(values.lanes.shape)
        run(one, ("y",), x=values, y=flat)
        np.testing.assert_array_equal(flat.get().ravel(), values.get().ravel())
        run(other, ("y",), x=flat, y=again)
        np.testing.assert_array_equal(again.get(), values.get())


def test_blocks_change_no_bit():
    cpu = detect()
    batch, x = Batch(2, cpu.lanes), volume(3, 4, 3)
    seen = set()
    for blocks in (1, 2, 5, 50):
        for pitched in (x, volume(3, 4, 3, extra=1)):
            (code,) = build(
                [elementwise.activate("activate", cpu, batch, x, Activation("tanh"), pitched, blocks=blocks)]
            )
            assert code.tasks == 2 * blocks
            values, y = Slab(x, batch), Slab(pitched, batch)
            values.lanes[...] = np.linspace(-3, 3, values.lanes.size).reshape(values.lanes.shape)
            run(code, ("y",), x=values, y=y)
            seen.add(y.get().tobytes())
    assert len(seen) == 1


@pytest.mark.parametrize("other", [volume(2, 4, 3), volume(2, 3, 4), volume(17), volume(3, 2, 3, 2)])
def test_volumes_of_different_shapes_are_refused(other):
    with pytest.raises(ValueError, match="different shapes cannot be walked together"):
        elementwise.copy("copy", detect(), Batch(1, 64), volume(2, 3, 3), other)


def test_channels_in_the_lanes_are_treated_as_images_are():
    batch, x = Batch(3, 1), Volume((2, 3, 4), 5, 16, lanes="channels")
    assert lanewise(batch, x, x) == (Batch(3, 16), (Volume((2, 3, 4), 1, 1),) * 2)
    assert lanewise(Batch(3, 16), volume(4, 5)) == (Batch(3, 16), (volume(4, 5),))
    for other in (replace(x, pitch=32), replace(x, lanes="images")):
        with pytest.raises(ValueError, match="cannot be treated lane by lane"):
            lanewise(batch, x, other)


def test_elements_of_another_type_are_read_as_such():
    """A value's type is that of the pointers to it."""
    x = replace(volume(4), type=F64)
    kernel = elementwise.copy("copy", detect(), Batch(1, 64), x, x)
    assert kernel.arguments == {"x": F64, "y": F64}
