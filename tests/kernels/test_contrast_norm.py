"""Local contrast normalisation with the batch in the lanes against its formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from volumes import Slab, fitting, run, volume

from kitnet.kernels.contrast_norm import Contrast, contrast_norm, contrast_norm_gradient
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume
from kitnet.layers import Context, ContrastNorm, Kept

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())


def trials(cpu: Cpu) -> list[tuple[ContrastNorm, Volume, Volume, Batch, int, bool]]:
    """The layer, x and y in memory, and how many images there are; whether dx is added to."""
    lanes = cpu.lanes
    a = volume(5, 4, 3)
    return [
        (ContrastNorm(3), a, a, Batch(1, lanes), lanes, False),
        (ContrastNorm(5, 0.9), volume(5, 4, 3, extra=2), a, Batch(2, 2 * lanes), 2 * lanes + 1, True),
        (ContrastNorm(9), volume(7, 2), volume(7, 2, extra=1), Batch(2, lanes), lanes + 2, False),
        (ContrastNorm(3, floor=0.7), volume(2, 3, 4, 1), volume(2, 3, 4, 1), Batch(1, 3 * lanes), 5, True),
        (ContrastNorm(3), volume(1, 1, 4), volume(1, 1, 4), Batch(1, lanes), lanes, False),
    ]


@EACH_LEVEL
def test_forward_and_backward(cpu: Cpu) -> None:
    """v and sigma are means of n numbers in two steps, off by n roundings of their size; so are, on the way
    back, the means of what these hand on."""
    made, kernels = trials(cpu), []
    for layer, x, y, batch, _, accumulate in made:
        norm = Contrast(layer.size // 2, layer.floor)
        kernels += [
            contrast_norm("norm", cpu, batch, norm, x, y, True),
            contrast_norm("scores", cpu, batch, norm, x, y),
            contrast_norm_gradient("back", cpu, batch, norm, y, y, x, accumulate),
        ]
    codes = iter(build(kernels))
    rng = np.random.default_rng(1)
    for layer, x, y, batch, count, accumulate in made:
        shape, images = (count, *x.sizes, x.channels), batch.groups * batch.images
        values, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
        every = np.concatenate([values, *[values[-1:]] * (images - count)])
        weights = fitting(np.concatenate([m.ravel() for m in layer.weights(x.sizes)]).astype(np.float32))
        given, out, plain = Slab(x, batch).put(every), Slab(y, batch), Slab(y, batch)
        sigma = guarded((batch.groups, x.positions, batch.images))
        run(next(codes), ("y", "sigma"), x=given, weights=weights, y=out, sigma=sigma)
        run(next(codes), ("y",), x=given, weights=weights, y=plain)
        np.testing.assert_array_equal(plain.lanes, out.lanes)
        exact = values.astype(float)
        roundings = (layer.size * 3 + x.channels + x.positions + 16) * EPS
        v, deviation = layer._standard(exact)
        divisor = layer._divisor(deviation)
        # what v is off, beside what divides: of numbers of the size of x, which is about 1
        size = (abs(exact).max() + abs(v)) / divisor
        want = layer.forward({}, {}, Context(), exact).y
        assert (abs(out.get(count).reshape(shape) - want) <= roundings * size * (1 + abs(want))).all()

        old = rng.standard_normal(shape, np.float32) if accumulate else np.zeros(shape, np.float32)
        dx = Slab(x, batch).put(old) if accumulate else Slab(x, batch)
        gradient, code = Slab(y, batch).put(dy), next(codes)
        run(code, ("dx",), y=out, sigma=sigma, weights=weights, dy=gradient, dx=dx)
        d = dy.astype(float)
        (want,) = layer.backward({}, Kept((shape,), (exact,)), d).dx
        through = (abs(d * v).sum(-1, keepdims=True) / divisor**2).max() * abs(v) / deviation.min()
        size = 2 * abs(d).max() / divisor.min() + 4 * through + through.max()
        size = size * (1 + (abs(exact).max() / deviation.min()))
        assert (abs(dx.get(count).reshape(shape) - want - old) <= roundings * size + 2 * EPS * abs(old)).all()
        assert not dx.get()[count:].any()
        if not accumulate and x == y:
            run(code, ("dx", "dy"), y=out, sigma=sigma, weights=weights, dy=gradient, dx=gradient)
            np.testing.assert_array_equal(gradient.lanes, dx.lanes)
