"""Maps of zeros behind others, in both layouts."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from volumes import Slab, run, volume

from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.pad_channels import pad_channels
from kitnet.kernels.spec import Batch, Volume, whole_vectors

EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())


@EACH_LEVEL
@pytest.mark.parametrize(("given", "made", "extra", "blocks"), [(3, 7, 0, 1), (16, 32, 2, 5), (5, 5, 1, 2)])
def test_with_images_in_the_lanes(cpu: Cpu, given: int, made: int, extra: int, blocks: int) -> None:
    """Channels of others beside x and y are left alone."""
    batch, x, y = Batch(2, 2 * cpu.lanes), volume(3, 4, given, extra=extra), volume(3, 4, made, extra=extra)
    (code,) = build([pad_channels("pad", cpu, batch, x, y, blocks)])
    values, out = Slab(x, batch), Slab(y, batch)
    values.lanes[...] = np.random.default_rng(0).standard_normal(values.lanes.shape)
    run(code, ("y",), x=values, y=out)
    np.testing.assert_array_equal(out.get()[..., :given], values.get())
    assert (out.get()[..., given:] == 0).all()


@EACH_LEVEL
@pytest.mark.parametrize(("given", "made", "blocks"), [(3, 7, 1), (16, 32, 5), (5, 37, 2), (4, 4, 3)])
def test_with_channels_in_the_lanes(cpu: Cpu, given: int, made: int, blocks: int) -> None:
    """What no channel fills is 0 behind them, though it is no number before."""
    x, y = (Volume((1, 4, 6), n, whole_vectors(n, cpu.lanes), lanes="channels") for n in (given, made))
    values, out = guarded((3, 4, 6, x.pitch)), guarded((3, 4, 6, y.pitch))
    values[...], out[...] = np.nan, np.nan
    values[..., :given] = np.random.default_rng(0).standard_normal((3, 4, 6, given))
    (code,) = build([pad_channels("pad", cpu, Batch(3, 1), x, y, blocks)])
    run(code, ("y",), x=values, y=out)
    np.testing.assert_array_equal(out[..., :given], values[..., :given])
    assert (out[..., given:] == 0).all()
