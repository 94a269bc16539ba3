"""Products and maxima of values, maxout, channel shuffle and the parametric ReLU, in both layouts, against
their formulas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from volumes import Slab, fitting, run

from kitnet.kernels import maps
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.maximum import largest, maximum, maximum_gradient, number_type
from kitnet.kernels.prelu import prelu, prelu_gradient
from kitnet.kernels.product import multiply, sum_of_products
from kitnet.kernels.spec import Batch, Volume, whole_vectors
from kitnet.kernels.types import F32, I32, U8
from kitnet.layers import Context, Kept, Layer, Maximum, Maxout, Multiply, ParametricRelu, Shuffle

Array = NDArray[Any]
EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
LAYOUT = pytest.mark.parametrize("lanes", ["images", "channels"])
SHAPES = [((1, 3, 2), 6), ((2, 1, 5), 34), ((1, 1, 1), 12)]
GROUPS, TWICE = 2, 2  # groups of images, or samples; vectors of a group's images


@dataclass(frozen=True)
class Place:
    """How values lie in one of the layouts; what belongs to no channel is NaN."""

    cpu: Cpu
    lanes: str

    @property
    def batch(self) -> Batch:
        return Batch(GROUPS, TWICE * self.cpu.lanes if self.lanes == "images" else 1)

    def volume(self, sizes: tuple[int, int, int], channels: int, extra: int = 0) -> Volume:
        """Others' channels between them only with images in the lanes: kernels for few images read whole
        vectors."""
        pitch = channels + extra if self.lanes == "images" else whole_vectors(channels, self.cpu.lanes)
        return Volume(sizes, channels, pitch, lanes=self.lanes)  # type: ignore[arg-type]  # one of the two

    def slab(self, volume: Volume, values: Array | None = None, dtype: Any = np.float32) -> Slab:
        whole = replace(volume, channels=volume.pitch) if self.lanes == "channels" else volume
        slab = Slab(whole, self.batch, dtype)
        if values is not None:
            per_group = values.reshape(*slab.lanes.shape[::3], *slab.lanes.shape[1:2], -1)
            slab.lanes[:, :, : volume.channels] = per_group.transpose(0, 2, 3, 1)
        return slab

    def values(self, volume: Volume, slab: Slab) -> Array:
        return slab.get()[..., : volume.channels]

    def draw(self, rng: np.random.Generator, volume: Volume) -> Array:
        """Small whole numbers, whose products and sums are exact, with many ties."""
        samples = self.batch.groups * self.batch.images
        return rng.integers(-3, 4, (samples, *volume.sizes, volume.channels)).astype(np.float32)


def problems(cpu: Cpu, lanes: str) -> Iterator[tuple[Place, tuple[int, int, int], int, int, bool]]:
    """Place, sizes, channels, blocks, and whether the way back adds to what is there."""
    for i, (sizes, channels) in enumerate(SHAPES):
        yield Place(cpu, lanes), sizes, channels, i + 1, i == 1


def forward(layer: Layer, *x: Array, w: dict[str, Array] | None = None) -> Any:
    return layer.forward(w or {}, {}, Context(), *x)


def backward(layer: Layer, dy: Array, *x: Array, w: dict[str, Array] | None = None) -> Any:
    kept = Kept(tuple(one.shape for one in x), x, extras=forward(layer, *x, w=w).extras)
    return layer.backward(w or {}, kept, dy)


@EACH_LEVEL
@LAYOUT
@pytest.mark.parametrize("spread", [False, True])
def test_products_and_their_gradients(cpu: Cpu, lanes: str, spread: bool) -> None:
    """Of three operands, the second one number a map where it is `spread`."""
    made = []
    for p, sizes, channels, blocks, adds in problems(cpu, lanes):
        xs = [p.volume(sizes, channels, i) for i in range(3)]
        if spread:
            xs[1] = p.volume((1, 1, 1), channels, 1)
        y = p.volume(sizes, channels, 1)
        back = sum_of_products if spread else multiply
        kernels = [
            multiply("forward", cpu, p.batch, xs, y, blocks=blocks),
            back("back", cpu, p.batch, [y, xs[0], xs[2]], xs[1], adds, blocks),
        ]
        made.append((p, xs, y, adds, build(kernels)))
    rng = np.random.default_rng(1)
    for p, xs, y, adds, (there, again) in made:
        x, dy = [p.draw(rng, v) for v in xs], p.draw(rng, y)
        slabs, out = [p.slab(v, one) for v, one in zip(xs, x, strict=True)], p.slab(y)
        run(there, ("y",), **{f"x{i}": each for i, each in enumerate(slabs)}, y=out)
        np.testing.assert_array_equal(p.values(y, out), forward(Multiply(), *x).y)
        old = p.draw(rng, xs[1]) if adds else None
        dx = p.slab(xs[1], old)
        run(again, ("y",), x0=p.slab(y, dy), x1=slabs[0], x2=slabs[2], y=dx)
        want = backward(Multiply(), dy, *x).dx[1]
        np.testing.assert_array_equal(p.values(xs[1], dx), want + (old if adds else 0))


def test_cutting_changes_no_sum() -> None:
    cpu = detect()
    p = Place(cpu, "images")
    x, y = p.volume((1, 7, 5), 3), p.volume((1, 1, 1), 3)
    codes = build([sum_of_products("sums", cpu, p.batch, [x, x], y, blocks=n) for n in (1, 2, 5, 50)])
    values = np.random.default_rng(2).standard_normal((p.batch.groups * p.batch.images, 7, 5, 3), np.float32)
    given, found = p.slab(x, values), set()
    for code in codes:
        out = p.slab(y)
        run(code, ("y",), x0=given, x1=given, y=out)
        found.add(out.get().tobytes())
    assert len(found) == 1
    exact = (values.astype(float) ** 2).sum((1, 2))
    np.testing.assert_allclose(out.get().reshape(exact.shape), exact, rtol=36 * EPS)


@EACH_LEVEL
@LAYOUT
def test_maxima_and_their_gradients(cpu: Cpu, lanes: str) -> None:
    """Of equal numbers the first operand's wins, in both."""
    made = []
    for p, sizes, channels, blocks, adds in problems(cpu, lanes):
        xs, y = [p.volume(sizes, channels, i) for i in range(3)], p.volume(sizes, channels, 1)
        kernels = [
            maximum("forward", cpu, p.batch, xs, y, blocks=blocks),
            maximum("only", cpu, p.batch, xs, y, winners=False, blocks=blocks),
            maximum_gradient("back", cpu, p.batch, 1, 3, y, xs[1], adds, blocks),
        ]
        made.append((p, xs, y, adds, build(kernels)))
    rng = np.random.default_rng(3)
    for p, xs, y, adds, (there, only, again) in made:
        x, dy = [p.draw(rng, v) for v in xs], p.draw(rng, y)
        slabs = {f"x{i}": p.slab(v, one) for i, (v, one) in enumerate(zip(xs, x, strict=True))}
        kept = y if lanes == "channels" else y.dense
        out, alone, winners = p.slab(y), p.slab(y), p.slab(kept, dtype=np.uint8)
        run(there, ("y", "winners"), **slabs, y=out, winners=winners)
        run(only, ("y",), **slabs, y=alone)
        want = forward(Maximum(), *x)
        np.testing.assert_array_equal(p.values(y, out), want.y)
        np.testing.assert_array_equal(p.values(y, alone), want.y)
        np.testing.assert_array_equal(p.values(kept, winners), want.extras["indices"])
        old = p.draw(rng, xs[1]) if adds else None
        dx = p.slab(xs[1], old)
        run(again, ("dx",), winners=winners, dy=p.slab(y, dy), dx=dx)
        back = backward(Maximum(), dy, *x).dx[1]
        np.testing.assert_array_equal(p.values(xs[1], dx), back + (old if adds else 0))


@EACH_LEVEL
@LAYOUT
@pytest.mark.parametrize("pieces", [1, 2])
def test_maxout_and_its_gradient(cpu: Cpu, lanes: str, pieces: int) -> None:
    layer, made = Maxout(pieces), []
    for p, sizes, channels, blocks, adds in problems(cpu, lanes):
        x, y = p.volume(sizes, channels, 2), p.volume(sizes, channels // pieces, 1)
        kernels = [
            maps.maxout("forward", cpu, p.batch, pieces, x, y, blocks=blocks),
            maps.maxout("only", cpu, p.batch, pieces, x, y, winners=False, blocks=blocks),
            maps.maxout_gradient("back", cpu, p.batch, pieces, y, x, adds, blocks),
        ]
        made.append((p, x, y, adds, build(kernels)))
    rng = np.random.default_rng(4)
    for p, x, y, adds, (there, only, again) in made:
        values, dy = p.draw(rng, x), p.draw(rng, y)
        given, out, alone = p.slab(x, values), p.slab(y), p.slab(y)
        winners = Slab(y.dense, p.batch, np.uint8)
        run(there, ("y", "winners"), x=given, y=out, winners=winners)
        run(only, ("y",), x=given, y=alone)
        want = forward(layer, values)
        np.testing.assert_array_equal(p.values(y, out), want.y)
        np.testing.assert_array_equal(p.values(y, alone), want.y)
        np.testing.assert_array_equal(winners.get(), want.extras["indices"])
        old = p.draw(rng, x) if adds else None
        dx = p.slab(x, old)
        run(again, ("dx",), winners=winners, dy=p.slab(y, dy), dx=dx)
        (back,) = backward(layer, dy, values).dx
        np.testing.assert_array_equal(p.values(x, dx), back + (old if adds else 0))
        if lanes == "channels":
            assert (out.get()[..., y.channels :] == 0).all()  # finite where no channel is


@EACH_LEVEL
@LAYOUT
def test_shuffles(cpu: Cpu, lanes: str) -> None:
    made = []
    for p, sizes, channels, blocks, adds in problems(cpu, lanes):
        x, y, groups = p.volume(sizes, channels, 2), p.volume(sizes, channels, 1), 2 if channels % 3 else 3
        kernels = [maps.shuffle("shuffle", cpu, p.batch, groups, x, y, adds, blocks)]
        made.append((p, x, y, adds, Shuffle(groups), build(kernels)))
    rng = np.random.default_rng(5)
    for p, x, y, adds, layer, (code,) in made:
        values, old = p.draw(rng, x), p.draw(rng, y) if adds else None
        out = p.slab(y, old)
        run(code, ("y",), x=p.slab(x, values), y=out)
        want = forward(layer, values).y
        np.testing.assert_array_equal(p.values(y, out), want + (old if adds else 0))


@EACH_LEVEL
@LAYOUT
def test_parametric_relus(cpu: Cpu, lanes: str) -> None:
    made = []
    for p, sizes, channels, blocks, _ in problems(cpu, lanes):
        x, y = p.volume(sizes, channels, 2), p.volume(sizes, channels, 1)
        made.append((p, x, y, build([prelu("prelu", cpu, p.batch, x, y, blocks)])))
    rng = np.random.default_rng(6)
    for p, x, y, (code,) in made:
        values, out = p.draw(rng, x), p.slab(y)
        slope = fitting(rng.integers(-2, 3, x.channels).astype(np.float32))
        run(code, ("y",), x=p.slab(x, values), slope=slope, y=out)
        want = forward(ParametricRelu(), values, w={"slope": slope}).y
        np.testing.assert_array_equal(p.values(y, out), want)


@EACH_LEVEL
def test_gradients_of_slopes_are_sums_of_parts(cpu: Cpu) -> None:
    """Of all tasks together; every number is whole, so that the sums are exact."""
    made = []
    for p, sizes, channels, blocks, adds in problems(cpu, "images"):
        x, dy, dx = (p.volume(sizes, channels, i) for i in range(3))
        made.append((p, x, dy, dx, adds, build([prelu_gradient("b", cpu, p.batch, x, dy, dx, adds, blocks)])))
    rng = np.random.default_rng(7)
    for p, x, dy, dx, adds, (code,) in made:
        values, d, old = p.draw(rng, x), p.draw(rng, dy), p.draw(rng, dx) if adds else None
        slope = fitting(rng.integers(-2, 3, x.channels).astype(np.float32))
        partial, target = fitting(np.zeros((code.tasks, x.channels), np.float32)), p.slab(dx, old)
        given = {"x": p.slab(x, values), "slope": slope, "dy": p.slab(dy, d)}
        run(code, ("dx", "partial"), **given, dx=target, partial=partial)
        want = backward(ParametricRelu(), d, values, w={"slope": slope})
        np.testing.assert_array_equal(p.values(dx, target), want.dx[0] + (old if adds else 0))
        np.testing.assert_array_equal(partial.sum(0), want.dw["slope"])


def test_the_first_nan_is_the_largest() -> None:
    cpu = detect()
    k = Kernel("largest", cpu, 1, x=F32, y=F32, winner=I32)
    x, y, winner = k.pointers
    top, number = largest(k, [k.scalar(x, i) for i in range(3)])
    k.store(top, y)
    k.store(number, winner)
    (code,) = build([k])
    nan, got, won = np.nan, np.zeros(1, np.float32), np.zeros(1, np.int32)
    cases = {(1, 3, 2): 1, (3, 3, 3): 0, (1, nan, 9): 1, (nan, nan, 1): 0, (-np.inf,) * 3: 0, (0, 1, nan): 2}
    for values, place in cases.items():
        code(x=np.array(values, np.float32), y=got, winner=won)
        assert won[0] == place == np.argmax(values)
        np.testing.assert_array_equal(got, np.float32(values[place]))


def test_a_winner_is_a_byte_while_it_fits() -> None:
    assert [number_type(n) for n in (2, 256, 257)] == [U8, U8, I32]
