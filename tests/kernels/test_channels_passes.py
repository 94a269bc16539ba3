"""The small kernels on values with channels in the lanes: copies, norms, softmax, pools and subsampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from volumes import fitting, run

from kitnet.engine.lower.window import kernel_window
from kitnet.kernels.activation import RELU
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.elementwise import copy
from kitnet.kernels.jit import build
from kitnet.kernels.norm import normalise
from kitnet.kernels.softmax import softmax
from kitnet.kernels.spec import Batch, Volume, Window, whole_vectors
from kitnet.kernels.subsample import subsample
from kitnet.kernels.sum_pool import sum_pool, sum_pool_gradient
from kitnet.layers import Context, Kept, L2Pool, Softmax, Subsampling

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
CHANNELS = pytest.mark.parametrize("channels", [1, 5, 16, 37])
SAMPLES, HEIGHT, WIDTH = 3, 4, 6


def volume(channels: int, pitch: int, height: int = HEIGHT, width: int = WIDTH) -> Volume:
    return Volume((1, height, width), channels, pitch, lanes="channels")


def memory(v: Volume, at: str, beyond: float = np.nan) -> Array:
    """(samples, height, width, pitch) between forbidden pages."""
    array = guarded((SAMPLES, *v.sizes[1:], v.pitch), at=at)
    array[...] = beyond
    return array


def drawn(v: Volume, at: str, size: float = 1.0) -> Array:
    """NaN in the lanes that no channel fills."""
    array = memory(v, at)
    shape = array[..., : v.channels].shape
    array[..., : v.channels] = size * np.random.default_rng(v.channels).standard_normal(shape, np.float32)
    return array


def vectors(channels: int, *names: str) -> dict[str, Array]:
    """A number for each channel and name."""
    rng = np.random.default_rng(channels)
    return {name: fitting(rng.uniform(0.5, 1.5, channels).astype(np.float32)) for name in names}


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_a_value_fills_what_is_its_own(lanes: int) -> None:
    assert [whole_vectors(n, lanes) for n in (1, lanes, lanes + 1)] == [lanes, lanes, 2 * lanes]
    assert Volume((1, 1, 1), lanes - 1, lanes).fills(lanes)
    assert Volume((1, 1, 1), lanes, lanes).fills(lanes)
    assert not Volume((1, 1, 1), lanes - 1, lanes - 1).fills(lanes)
    assert not Volume((1, 1, 1), lanes - 1, 2 * lanes).fills(lanes)  # a slice: the other lanes are others'
    assert Volume((3, 5, 7), 3, lanes).strides == (105 * lanes, 35 * lanes, 7 * lanes, lanes)


@EACH_LEVEL
@CHANNELS
@pytest.mark.parametrize("blocks", [1, 5])
def test_norms(cpu: Cpu, channels: int, blocks: int) -> None:
    """What no channel fills is finite behind them, though it is not before."""
    x, y = volume(channels, channels + 2), volume(channels, whole_vectors(channels, cpu.lanes))
    given, out = drawn(x, "start"), memory(y, "end")
    numbers = vectors(channels, "mean", "factor", "shift")
    (code,) = build([normalise("norm", cpu, Batch(SAMPLES, 1), x, y, RELU, blocks)])
    run(code, ("y",), x=given, **numbers, y=out)
    mean, factor, shift = (array.astype(np.float64) for array in numbers.values())
    values = given[..., :channels].astype(np.float64)
    want, size = (values - mean) * factor + shift, (np.abs(values) + mean) * factor + shift
    assert (np.abs(out[..., :channels] - np.maximum(want, 0)) <= 4 * EPS * size).all()
    assert np.isfinite(out).all()


@EACH_LEVEL
@CHANNELS
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_softmax(cpu: Cpu, channels: int, size: float) -> None:
    """Of numbers whose powers are no numbers, too."""
    x, y = volume(channels, channels + 2), volume(channels, whole_vectors(channels, cpu.lanes))
    given, out = drawn(x, "end", size), memory(y, "end")
    (code,) = build([softmax("softmax", cpu, Batch(SAMPLES, 1), x, y, 5)])
    run(code, ("y",), x=given, y=out)
    values = given[..., :channels].astype(np.float64)
    want = Softmax().forward({}, {}, Context(), values).y
    # an argument is rounded as its difference to the largest, which exp makes relative
    bound = (np.abs(values.max(-1, keepdims=True) - values) + channels + 8) * EPS * want
    assert (np.abs(out[..., :channels] - want) <= bound + np.finfo(np.float32).tiny).all()
    assert (out[..., channels:] == 0).all()


@EACH_LEVEL
@CHANNELS
def test_subsampling(cpu: Cpu, channels: int) -> None:
    pitch, layer = whole_vectors(channels, cpu.lanes), Subsampling(2)
    x, y = volume(channels, pitch), volume(channels, pitch, HEIGHT // 2, WIDTH // 2)
    given, out = drawn(x, "start"), memory(y, "start")
    given[..., channels:] = 7
    numbers = vectors(channels, "coefficient", "bias")
    window = Window((1, 2, 2), (1, 2, 2))
    (code,) = build([subsample("subsample", cpu, Batch(SAMPLES, 1), window, x, y, None, 2)])
    run(code, ("y",), x=given, **numbers, y=out)
    values = given[..., :channels].astype(np.float64)
    weights = {name: array.astype(np.float64) for name, array in numbers.items()}
    want = layer.forward(weights, {}, Context(), values).y
    size = layer.forward(weights, {}, Context(), np.abs(values)).y  # coefficients and biases are positive
    assert (np.abs(out[..., :channels] - want) <= 4 * EPS * size).all()
    assert np.isfinite(out).all()


@EACH_LEVEL
@CHANNELS
@pytest.mark.parametrize("layer", [L2Pool(2, 1, pad=1, dilation=(2, 1)), L2Pool(regions=(3, 4))], ids=str)
def test_l2_pools(cpu: Cpu, channels: int, layer: L2Pool) -> None:
    """Which read x and y on the way back; what no channel fills stays finite, and 0 in gradients."""
    pitch = whole_vectors(channels, cpu.lanes)
    x, y = volume(channels, pitch), volume(channels, pitch, *layer.output_shape((HEIGHT, WIDTH, 1))[:2])
    window, batch = kernel_window(layer.axes((HEIGHT, WIDTH, 1))), Batch(SAMPLES, 1)
    there, back = build(
        [
            sum_pool("there", cpu, batch, window, x, y, 2, kind="l2"),
            sum_pool_gradient("back", cpu, batch, window, y, x, False, 2, kind="l2", x=x, y=y),
        ]
    )
    given, out, dy, dx = drawn(x, "start"), memory(y, "end"), drawn(y, "end"), memory(x, "start")
    given[..., channels:], dy[..., channels:] = 7, 0
    run(there, ("y",), x=given, y=out)
    values = given[..., :channels].astype(np.float64)
    want = layer.forward({}, {}, Context(), values).y
    assert (np.abs(out[..., :channels] - want) <= 4 * EPS * want).all()
    assert np.isfinite(out).all()
    run(back, ("dx",), x=given, y=out, dy=dy, dx=dx)
    (want,), (size,) = (
        layer.backward({}, Kept((values.shape,), (f(values),), want), f(dy[..., :channels].astype(float))).dx
        for f in (np.array, np.abs)
    )
    assert (np.abs(dx[..., :channels] - want) <= 8 * EPS * size).all()
    assert (dx[..., channels:] == 0).all()


@EACH_LEVEL
@CHANNELS
def test_copies(cpu: Cpu, channels: int) -> None:
    """Into a slice of a larger value, whose other channels stay, and into the flat form."""
    x, y = volume(channels, whole_vectors(channels, cpu.lanes)), volume(channels, channels + 9)
    flat = volume(HEIGHT * WIDTH * channels, HEIGHT * WIDTH * channels, 1, 1)
    batch = Batch(SAMPLES, 1)
    codes = build([copy("copy", cpu, batch, x, y, blocks=5), copy("flat", cpu, batch, x, flat)])
    given, out, row = drawn(x, "end"), memory(y, "end", 7.0), guarded((SAMPLES, flat.pitch))
    run(codes[0], ("y",), x=given, y=out)
    run(codes[1], ("y",), x=given, y=row)
    np.testing.assert_array_equal(out[..., :channels], given[..., :channels])
    assert (out[..., channels:] == 7).all()
    np.testing.assert_array_equal(row, given[..., :channels].reshape(SAMPLES, -1))
    with pytest.raises(ValueError, match=f"of {channels} are not"):
        copy("other", cpu, batch, x, volume(channels + 1, channels + 1))
