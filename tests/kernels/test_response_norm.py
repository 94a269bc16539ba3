"""Local response normalisation against its formula in float64, in both layouts, and its powers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from volumes import Slab, run, volume

from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.response_contrast import contrast_gradient, contrast_sent, deviations
from kitnet.kernels.response_norm import Response, response_norm, response_norm_gradient
from kitnet.kernels.response_within import response_sent, response_within, response_within_gradient
from kitnet.kernels.spec import Batch, Volume, Window, whole_vectors
from kitnet.layers import Context, Kept, LocalResponseNorm

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
SLACK = {"across": 1, "within": 1, "contrast": 3}  # sums of sums
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())


@dataclass(frozen=True)
class Trial:
    """A layer, how its values lie in memory, and how many images there are."""

    layer: LocalResponseNorm
    x: Volume
    y: Volume
    batch: Batch
    count: int
    blocks: int = 1
    accumulate: bool = False

    @property
    def norm(self) -> Response:
        return Response(self.layer.size, self.layer.alpha, self.layer.beta, self.layer.k)

    @property
    def window(self) -> Window:
        """Of three axes: an axis of one place needs one tap."""
        size = tuple(self.layer.size if places > 1 else 1 for places in self.x.sizes)
        return Window(size, before=tuple(taps // 2 for taps in size))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.count, *self.x.sizes, self.x.channels

    def slab(self, of: Volume, values: NDArray | None = None) -> Slab | NDArray:
        """The values, 0 in lanes beyond the batch; with channels in the lanes, NaN in those of none."""
        if of.lanes == "images":
            made = Slab(of, self.batch)
            return made if values is None else made.put(values.astype(np.float32))
        array = guarded((self.count, *of.sizes, of.pitch))
        if values is not None:
            array[..., : of.channels] = values
        return array

    def get(self, slab: Slab | NDArray) -> NDArray:
        found = slab.get(self.count) if isinstance(slab, Slab) else slab[..., : self.x.channels]
        return found.reshape(self.shape).astype(float)


def trials(cpu: Cpu, region: str) -> list[Trial]:
    lanes = cpu.lanes

    def few(*shape: int) -> Volume:
        v = volume(*shape)
        return Volume(v.sizes, v.channels, whole_vectors(v.channels, lanes), lanes="channels")

    def layer(size: int, alpha: float, beta: float = 0.75, k: float = 2.0) -> LocalResponseNorm:
        return LocalResponseNorm(size, region, alpha, beta, k)  # type: ignore[arg-type]

    a = volume(4, 5, 7)
    return [
        Trial(layer(5, 1e-4), a, a, Batch(1, lanes), lanes),
        Trial(layer(3, 0.5, 0.6, 1.0), volume(4, 5, 7, extra=2), a, Batch(2, 2 * lanes), lanes + 1, 3, True),
        Trial(layer(5, 0.1, 1.0), volume(6, 2), volume(6, 2, extra=1), Batch(3, 3 * lanes), 9 * lanes, 2),
        Trial(layer(1, 0.1, 0.5), volume(3, 1), volume(3, 1), Batch(1, 5 * lanes), 1, 4, True),
        Trial(layer(5, 0.3), few(4, 5, 7), few(4, 5, 7), Batch(2, 1), 2, 3),
        Trial(layer(3, 0.3, 1.3), few(3, 2, 37), few(3, 2, 37), Batch(1, 1), 1, 1, True),
        Trial(layer(9, 0.3), few(2, 64), few(2, 64), Batch(3, 1), 3),
        Trial(layer(3, 1.0, 0.25, 0.5), few(3, 1), few(3, 1), Batch(1, 1), 1),
    ]


def check_forward(t: Trial, y: Slab | NDArray, values: NDArray) -> None:
    """A sum of n squares and a power of it; the rest is a handful of roundings. Deviations are off by n
    roundings themselves."""
    want = t.layer.forward({}, {}, Context(), values.astype(float)).y
    roundings = t.layer.beta * SLACK[t.layer.region] * (t.layer.size**2 + 4) + 8
    assert (abs(t.get(y) - want) <= roundings * EPS * abs(want)).all()
    assert np.isfinite(y.lanes if isinstance(y, Slab) else y).all()


def check_backward(t: Trial, dx: Slab | NDArray, values: NDArray, dy: NDArray, old: NDArray) -> None:
    """The direct term, and a sum of n terms beside it; each is a power of a sum and a handful of products."""
    exact, d = values.astype(float), dy.astype(float)
    layer = t.layer
    (want,) = layer.backward({}, Kept((t.shape,), (exact,)), d).dx
    u, far, numbers = layer._base(exact)
    sent = layer._sum(abs(d * exact) * u ** (-layer.beta - 1))
    through = 2 * layer.alpha * layer.beta * (abs(far) + (layer.region == "contrast") * abs(exact)) * sent
    if layer.region == "contrast":
        through = through + layer._sum(through / numbers)
    size = abs(d) * u**-layer.beta + through
    roundings = (layer.beta + 2) * SLACK[layer.region] * (layer.size**2 + 4) + 16
    assert (abs(t.get(dx) - (want + old)) <= roundings * EPS * size + 2 * EPS * abs(old)).all()


@EACH_LEVEL
def test_across_maps(cpu: Cpu) -> None:
    made, kernels = trials(cpu, "across"), []
    for t in made:
        how = cpu, t.batch, t.norm
        kernels += [
            response_norm("norm", *how, t.x, t.y, t.blocks),
            response_norm_gradient("back", *how, t.x, t.y, t.x, t.accumulate, t.blocks),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(1)
    for t in made:
        values, dy = (4 * rng.standard_normal(t.shape, np.float32) for _ in range(2))
        x, y = t.slab(t.x, values), t.slab(t.y)
        run(next(codes), ("y",), x=x, y=y)
        check_forward(t, y, values)
        old = rng.standard_normal(t.shape, np.float32) if t.accumulate else np.zeros(t.shape, np.float32)
        dx, code = t.slab(t.x, old if t.accumulate else None), next(codes)
        run(code, ("dx",), x=x, dy=t.slab(t.y, dy), dx=dx)
        check_backward(t, dx, values, dy, old)
        if not t.accumulate and t.x == t.y:
            in_place = t.slab(t.y, dy)
            run(code, ("dx", "dy"), x=x, dy=in_place, dx=in_place)
            np.testing.assert_array_equal(t.get(in_place), t.get(dx))
        if isinstance(dx, Slab):
            assert not dx.get()[t.count :].any()


def memory(t: Trial, dense: Volume, values: NDArray, beyond: float) -> Slab | NDArray:
    """Lanes of no channel hold anything that is finite."""
    made = t.slab(dense, values)
    if isinstance(made, np.ndarray):
        made[..., t.x.channels :] = beyond
    return made


@EACH_LEVEL
@pytest.mark.parametrize("region", ["within", "contrast"])
@pytest.mark.sample(3)
def test_within_maps(cpu: Cpu, region: str) -> None:
    """Of contrasts from the deviations and back over the means as well."""
    made, kernels = trials(cpu, region), []
    for t in made:
        how, like = (cpu, t.batch, t.norm), t.x.dense if t.x.lanes == "images" else t.x
        windows, back = (*how, t.window), (t.y, t.x, t.accumulate, t.blocks)
        d = like if region == "contrast" else None
        kernels += [
            response_within("norm", *windows, t.x, t.y, like, d, t.blocks),
            response_within("scores", *windows, t.x, t.y, None, d, t.blocks),
            response_sent("sent", *how, t.x, like, t.y, t.blocks),
        ]
        if region == "within":
            kernels.append(response_within_gradient("back", *windows, t.x, like, *back))
            continue
        kernels += [
            deviations("deviations", cpu, t.batch, t.window, t.x, like, t.blocks),
            contrast_sent("contrast_sent", *windows, like, t.blocks),
            contrast_gradient("back", *windows, like, *back),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(2)
    for t in made:
        like = t.x.dense if t.x.lanes == "images" else t.x
        norm, scores, to_windows, *others = (next(codes) for _ in range(6 if region == "contrast" else 4))
        values, dy = (4 * rng.standard_normal(t.shape, np.float32) for _ in range(2))
        x, gradient = memory(t, t.x, values, 3.0), memory(t, t.y, dy, 0.0)
        y, plain, shares, sent = t.slab(t.y), t.slab(t.y), t.slab(like), t.slab(like)
        given = {}
        if region == "contrast":
            given["d"] = d = t.slab(like)
            run(others[0], ("d",), x=x, d=d)
            _, want, _ = t.layer._base(values.astype(float))
            size = abs(want) + abs(want - values) + t.layer._sum(abs(values)) / t.layer._sum(abs(values) ** 0)
            assert (abs(t.get(d) - want) <= (t.layer.size**2 + 4) * EPS * size).all()
        run(norm, ("y", "shares"), x=x, **given, y=y, shares=shares)
        run(scores, ("y",), x=x, **given, y=plain)
        np.testing.assert_array_equal(t.get(plain), t.get(y))
        check_forward(t, y, values)
        run(to_windows, ("sent",), x=x, shares=shares, dy=gradient, sent=sent)
        old = rng.standard_normal(t.shape, np.float32) if t.accumulate else np.zeros(t.shape, np.float32)
        dx = t.slab(t.x, old if t.accumulate else None)
        if region == "contrast":
            e = t.slab(like)
            run(others[1], ("e",), **given, sent=sent, e=e)
            run(others[2], ("dx",), shares=shares, dy=gradient, e=e, dx=dx)
        else:
            run(others[0], ("dx",), x=x, shares=shares, dy=gradient, sent=sent, dx=dx)
        check_backward(t, dx, values, dy, old)
        if isinstance(dx, Slab):
            assert not dx.get()[t.count :].any()


def test_blocks_change_no_bit() -> None:
    cpu = detect()
    x, batch, norm = volume(4, 5, 6), Batch(2, cpu.lanes), Response(5, 0.3, 0.75, 2.0)
    rng = np.random.default_rng(3)
    values, gradient = (
        Slab(x, batch).put(rng.standard_normal((2 * cpu.lanes, 4, 5, 6), np.float32)) for _ in range(2)
    )
    seen = set()
    for blocks in (1, 2, 3, 30):
        codes = build(
            [
                response_norm("norm", cpu, batch, norm, x, x, blocks),
                response_norm_gradient("back", cpu, batch, norm, x, x, x, False, blocks),
            ]
        )
        y, dx = Slab(x, batch), Slab(x, batch)
        codes[0](x=values.raw, y=y.raw)
        codes[1](x=values.raw, dy=gradient.raw, dx=dx.raw)
        seen.add(y.raw.tobytes() + dx.raw.tobytes())
    assert len(seen) == 1


def test_a_row_has_room_for_the_maps_that_there_are_not() -> None:
    cpu, x = detect(), Volume((1, 1, 2), 6, 6)
    kernel = response_norm("norm", cpu, Batch(1, 32), Response(5, 1.0, 0.75, 1.0), x, x)
    assert kernel.scratch_bytes >= 4 * 32 * (2 + 6 + 2)
