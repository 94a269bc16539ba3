"""Kernels of the locally connected layer against its formula, exactly on whole numbers: poisoned results,
forbidden pages at both ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from test_channels_convolution import laid_out
from test_convolution import from_lanes, given, to_lanes, twice
from volumes import volume

from kitnet.kernels import local
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.spec import Batch, Volume, Window, whole_vectors
from kitnet.layers import Context, Kept, LocallyConnected

Array = NDArray[Any]


@dataclass(frozen=True)
class Problem:
    layer: LocallyConnected
    shape: tuple[int, ...]
    samples: int = 3
    images: int = 16

    @property
    def batch(self) -> Batch:
        return Batch(-(-self.samples // self.images), self.images)

    @property
    def output(self) -> tuple[int, ...]:
        return self.layer.output_shape(self.shape)

    @property
    def window(self) -> Window:
        axes = self.layer.axes(self.shape)
        front = (3 - len(axes)) * (1,)
        return Window(
            front + tuple(a.window for a in axes),
            front + tuple(a.stride for a in axes),
            before=(3 - len(axes)) * (0,) + tuple(a.before for a in axes),
        )

    def arrays(self) -> tuple[Array, dict[str, Array], Array]:
        """x, weights and dy, of whole numbers."""
        rng = np.random.default_rng(len(str(self)))
        x = rng.integers(-4, 5, (self.samples, *self.shape)).astype(float)
        params = self.layer.params(self.shape)
        w = {name: rng.integers(-4, 5, p.shape).astype(float) for name, p in params.items()}
        return x, w, rng.integers(-4, 5, (self.samples, *self.output)).astype(float)


CASES = {
    "same": Problem(LocallyConnected(3, 5, pad="same"), (4, 5, 3)),
    "many filters": Problem(LocallyConnected((2, 3), 37, stride=(1, 2), pad=((1, 0), (0, 1))), (3, 6, 2), 21),
    "whole vectors": Problem(LocallyConnected(1, 32), (2, 3, 16), 5, images=32),
    "gaps": Problem(LocallyConnected(2, 2, stride=3, on_misfit="floor"), (6, 8, 7)),
    "windows wholly in padding": Problem(LocallyConnected(2, 3, pad=3, stride=2), (2, 4, 1)),
    "one axis": Problem(LocallyConnected(4, 20, pad="full"), (5, 3), 40),
    "three axes": Problem(LocallyConnected((1, 2, 2), 3, stride=(1, 1, 2)), (2, 3, 4, 2)),
}
EACH = pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
EACH_LEVEL = pytest.mark.parametrize(
    "cpu",
    [
        pytest.param(detect(level), id=level, marks=() if level == detect().level else pytest.mark.slow)
        for level in levels()
    ],
)


@EACH
@EACH_LEVEL
def test_images_in_the_lanes(p: Problem, cpu: Cpu):
    x, w, dy = p.arrays()
    vx, vy = volume(*p.shape, extra=2), volume(*p.output, extra=1)
    at, window = "start" if p.samples % 2 else "end", p.window
    weight, bias = given(w["weight"], at), given(w["bias"], at)
    kept = Kept((x.shape,), (x,))
    back = p.layer.backward(w, kept, dy)

    k = local.forward("local", cpu, p.batch, vx, vy, window, blocks=3)
    y = guarded((p.batch.groups, *vy.sizes, vy.pitch, p.images), at=at)
    twice(k, {"y": y}, x=to_lanes(x, vx, p.batch, at), weight=weight, bias=bias)
    np.testing.assert_array_equal(from_lanes(y, dy.shape, vy), p.layer.forward(w, {}, Context(), x).y)

    for accumulate in (False, True):
        k = local.input_gradient("back", cpu, p.batch, vy, vx, window, accumulate=accumulate, blocks=2)
        dx = guarded((p.batch.groups, *vx.sizes, vx.pitch, p.images), at=at)
        if accumulate:
            dx[...] = to_lanes(x, vx, p.batch, at)
        twice(k, {"dx": dx}, dy=to_lanes(dy, vy, p.batch, at), weight=weight)
        np.testing.assert_array_equal(from_lanes(dx, x.shape, vx), back.dx[0] + accumulate * x)

    for tasks in (1, 4):
        k = local.filter_gradient("filters", cpu, p.batch, vx, vy, window, tasks=tasks)
        dw = guarded(w["weight"].shape, at=at)
        twice(k, {"dw": dw}, x=to_lanes(x, vx, p.batch, at), dy=to_lanes(dy, vy, p.batch, at))
        np.testing.assert_array_equal(dw, back.dw["weight"])


@EACH
@EACH_LEVEL
@pytest.mark.parametrize("whole", [True, False], ids=["whole vectors", "as the caller has them"])
def test_channels_in_the_lanes(p: Problem, cpu: Cpu, whole: bool):
    x, w, _ = p.arrays()

    def laid(shape: tuple[int, ...]) -> Volume:
        pitch = whole_vectors(shape[-1], cpu.lanes) if whole else shape[-1]
        return Volume(volume(*shape).sizes, shape[-1], pitch, lanes="channels")

    vx, vy, at = laid(p.shape), laid(p.output), "end" if p.samples % 2 else "start"
    seen = set()
    for blocks in (1, 5):
        k = local.forward("local", cpu, Batch(p.samples, 1), vx, vy, p.window, blocks=blocks)
        y = guarded((p.samples, *vy.sizes, vy.pitch), at=at)
        inputs = {name: given(each, at) for name, each in w.items()}
        twice(k, {"y": y}, x=laid_out(x, vx, at, 7.0), **inputs)
        assert np.isfinite(y).all()
        want = p.layer.forward(w, {}, Context(), x).y
        np.testing.assert_array_equal(y[..., : vy.channels].reshape(want.shape), want)
        seen.add(y.tobytes())
    assert len(seen) == 1


@pytest.mark.parametrize("lanes", ["images", "channels"])
def test_an_activation_behind_and_no_bias(lanes: str):
    p, cpu = Problem(LocallyConnected(2, 3, bias=False), (3, 3, 2)), detect()
    x, w, _ = p.arrays()
    vx, vy, batch = volume(*p.shape), volume(*p.output), p.batch
    if lanes == "channels":
        vx, vy = (Volume(v.sizes, v.channels, v.channels, lanes="channels") for v in (vx, vy))
        batch = Batch(p.samples, 1)
    k = local.forward("local", cpu, batch, vx, vy, p.window, bias=False, activation=Activation("tanh"))
    y = guarded((batch.groups, *vy.sizes, vy.pitch, batch.images))
    values = to_lanes(x, vx, batch, "end") if lanes == "images" else laid_out(x, vx, "end", 0.0)
    twice(k, {"y": y}, x=values, weight=given(w["weight"], "end"), bias=guarded(1))
    want = np.tanh(p.layer.forward(w, {}, Context(), x).y)
    got = from_lanes(y, want.shape, vy) if lanes == "images" else y.reshape(want.shape)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_dilation_is_refused():
    v = volume(4, 4, 1)
    with pytest.raises(ValueError) as caught:
        local.forward("local", detect(), Batch(1, 16), v, v, Window((1, 1, 1), dilation=(1, 2, 1)))
    assert str(caught.value) == "filters of single positions have no dilation, but (1, 2, 1) was given"


def test_tasks_are_runs_of_positions():
    """So that weights are read in the order in which they lie."""
    p = CASES["same"]
    vx, vy = (
        Volume(v.sizes, v.channels, v.channels, lanes="channels") for v in map(volume_of, (p.shape, p.output))
    )
    k = local.forward("local", detect(), Batch(3, 1), vx, vy, p.window, blocks=100)
    assert k.tasks == 4 * 5


def volume_of(shape: tuple[int, ...]) -> Volume:
    return volume(*shape)
