"""Padding and upsampling kernels in both layouts against their formulas; a bias for each position, and sums
over images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from test_channels_convolution import laid_out
from test_convolution import from_lanes, given, to_lanes, twice
from volumes import volume

from kitnet.kernels import bias
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.resample import resample
from kitnet.kernels.spec import Batch, Volume, whole_vectors
from kitnet.layers import Context, Kept, Pad, Upsample
from kitnet.layers.resampling import Line, Resampling

Array = NDArray[Any]
EACH_LEVEL = pytest.mark.parametrize(
    "cpu",
    [
        pytest.param(detect(level), id=level, marks=() if level == detect().level else pytest.mark.slow)
        for level in levels()
    ],
)
CASES: list[tuple[Resampling, tuple[int, ...]]] = [
    (Pad(((2, 1), (0, 3))), (3, 4, 5)),
    (Pad(((2, 1), (0, 3)), "reflect"), (3, 4, 2)),
    (Pad(((1, 2), (3, 0)), "replicate"), (1, 2, 17)),
    (Pad(((3, 1),), "circular"), (3, 2)),
    (Pad((0, 2, 1), "reflect"), (2, 3, 2, 1)),
    (Upsample(2), (2, 3, 7)),
    (Upsample((4, 2), "bilinear"), (3, 1, 2)),
    (Upsample((1, 2, 2), "bilinear"), (2, 2, 2, 3)),
]


def tables(lines: tuple[Line, ...]) -> dict[str, Array]:
    """By the kernel's axes."""
    found = {}
    for axis, line in enumerate(lines, start=3 - len(lines)):
        every = [each for sources in line.sources for each in sources]
        found[f"starts{axis}"] = np.cumsum([0, *map(len, line.sources)]).astype(np.int32)
        found[f"sources{axis}"] = np.array([place for place, _ in every], np.int32)
        found[f"shares{axis}"] = np.array([share for _, share in every], np.float32)
    return found


@EACH_LEVEL
@pytest.mark.parametrize("lanes", ["images", "channels"])
@pytest.mark.parametrize(("layer", "shape"), CASES, ids=str)
def test_forward_and_back(layer: Resampling, shape: tuple[int, ...], lanes: str, cpu: Cpu):
    """Shares are quarters and the like, so that sums of whole numbers are exact."""
    rng, samples = np.random.default_rng(len(str(layer))), 19
    batch = Batch(2, 16) if lanes == "images" else Batch(samples, 1)
    x = rng.integers(-8, 9, (samples, *shape)).astype(float)
    y = layer.forward({}, {}, Context(), x).y
    dy = rng.integers(-8, 9, y.shape).astype(float)
    (dx,) = layer.backward({}, Kept((x.shape,)), dy).dx
    assert dx is not None
    vx, vy = volume(*shape, extra=1), volume(*y.shape[1:], extra=2)
    if lanes == "channels":
        pitch = whole_vectors(shape[-1], cpu.lanes)
        vx, vy = (Volume(v.sizes, v.channels, pitch, lanes="channels") for v in (vx, vy))

    def put(values: Array, v: Volume) -> Array:
        return to_lanes(values, v, batch, "end") if lanes == "images" else laid_out(values, v, "end", 0.0)

    lines = layer.lines(shape)
    ways = [(x, vx, y, vy, tables(lines)), (dy, vy, dx, vx, tables(tuple(line.adjoint for line in lines)))]
    for given_, one, want, other, table in ways:
        for accumulate in (False, True):
            axes = tuple(sorted({int(name[-1]) for name in table}))
            k = resample("resample", cpu, batch, one, other, axes, accumulate, blocks=2)
            room = (batch.groups, *other.sizes, other.pitch, batch.images)
            target = guarded(room if lanes == "images" else room[:-1])
            if accumulate:
                target[...] = put(want, other)
            arrays = {name: _fitting(each) for name, each in table.items()}
            twice(k, {"y": target}, x=put(given_, one), **arrays)
            got = (
                from_lanes(target, want.shape, other)
                if lanes == "images"
                else target[..., : other.channels].reshape(want.shape)
            )
            np.testing.assert_array_equal(got, (1 + accumulate) * want)


def _fitting(array: Array) -> Array:
    memory = guarded(array.shape, array.dtype)
    memory[...] = array
    return memory


def test_axes_without_a_table_are_taken_as_they_are():
    cpu, batch, v = detect(), Batch(1, 16), volume(2, 3, 2)
    x = np.arange(16 * 12.0).reshape(16, 2, 3, 2)
    k = resample("resample", cpu, batch, v, v, ())
    y = guarded((1, *v.sizes, 2, 16))
    twice(k, {"y": y}, x=to_lanes(x, v, batch, "end"))
    np.testing.assert_array_equal(from_lanes(y, x.shape, v), x)


@EACH_LEVEL
@pytest.mark.parametrize("lanes", ["images", "channels"])
def test_a_bias_for_each_position(lanes: str, cpu: Cpu):
    shape, samples, rng = (3, 4, 21), 19, np.random.default_rng(0)
    batch = Batch(2, 16) if lanes == "images" else Batch(samples, 1)
    x, b = rng.integers(-9, 9, (samples, *shape)).astype(float), rng.integers(-9, 9, shape).astype(float)
    v = volume(*shape, extra=2 if lanes == "images" else 0)
    if lanes == "channels":
        v = Volume(v.sizes, 21, whole_vectors(21, cpu.lanes), lanes="channels")
    for activation in (None, Activation("relu")):
        k = bias.add_bias("add_bias", cpu, batch, v, v, activation, blocks=2)
        room = (batch.groups, *v.sizes, v.pitch, batch.images)
        y = guarded(room if lanes == "images" else room[:-1])
        values = to_lanes(x, v, batch, "end") if lanes == "images" else laid_out(x, v, "end", 7.0)
        twice(k, {"y": y}, x=values, bias=given(b, "end"))
        got = from_lanes(y, x.shape, v) if lanes == "images" else y[..., :21].reshape(x.shape)
        np.testing.assert_array_equal(got, np.maximum(x + b, 0) if activation else x + b)

    k = bias.image_sums("image_sums", cpu, batch, v, blocks=3)
    sums = guarded((batch.groups, *shape))
    twice(k, {"sums": sums}, x=values)
    np.testing.assert_array_equal(sums.sum(0), x.sum(0))
