"""The way back of a norm with running statistics, in both layouts, against its formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
from guard import guarded
from volumes import fitting, run

from kitnet.kernels import running_norm
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.jit import build
from kitnet.kernels.spec import Batch, Volume, whole_vectors
from kitnet.layers import LAYERS, BatchNorm, Context, Kept

EPS = 2.0**-24  # half a unit in the last place: what one rounding may cost
EACH_LEVEL = pytest.mark.parametrize("cpu", [detect(level) for level in levels()], ids=levels())
LAYER = BatchNorm(eps=1e-3, fixed=True)
HEIGHT, WIDTH = 3, 5


def laid(values: np.ndarray, images: int, width: int) -> np.ndarray:
    """(N, positions, channels) as (groups, positions, channels, images); with one image in a group channels
    lie in the lanes, with 0 up to `width`.
    """
    n, positions, channels = values.shape
    if images == 1:
        made = np.zeros((n, positions, width), np.float32)
        made[..., :channels] = values
        return made
    made = np.zeros((-(-n // images) * images, positions, channels), np.float32)
    made[:n] = values
    return made.reshape(-1, images, positions, channels).transpose(0, 2, 3, 1)


def back(array: np.ndarray, images: int, n: int, channels: int) -> np.ndarray:
    if images == 1:
        assert not array[..., channels:].any()
        return array[..., :channels]
    flat = array.transpose(0, 3, 1, 2).reshape(-1, *array.shape[1:3])
    assert not flat[n:].any()
    return flat[:n]


@EACH_LEVEL
@pytest.mark.parametrize("layout", ["images", "channels"])
@pytest.mark.parametrize("word", [None, "relu", "silu"])
@pytest.mark.parametrize("channels", [3, 21])
@pytest.mark.sample(6)
def test_the_way_back(cpu: Cpu, layout: str, word: str | None, channels: int) -> None:
    """Sums of m numbers lose at most m roundings of the sum of sizes; a handful come before and behind."""
    rng, n = np.random.default_rng(channels), 2 * cpu.lanes - 3
    images = 2 * cpu.lanes if layout == "images" else 1
    pitch = channels if layout == "images" else whole_vectors(channels, cpu.lanes)
    batch = Batch(-(-n // images), images)
    volume = Volume((1, HEIGHT, WIDTH), channels, pitch, lanes=layout)
    x, dy, old = (rng.standard_normal((n, HEIGHT * WIDTH, channels)).astype(np.float32) for _ in range(3))
    w = {name: rng.standard_normal(channels).astype(np.float32) for name in ("scale", "shift")}
    state = {name: rng.random(channels).astype(np.float32) for name in ("mean", "var")}
    activation = word and Activation(word)
    how = {"activation": activation, "blocks": 2}
    sweep, moves, sums, finish = build(
        [
            running_norm.gradient(
                "both", cpu, batch, volume, volume, volume, sums=True, accumulate=True, **how
            ),
            running_norm.gradient("moves", cpu, batch, volume, activation and volume, volume, **how),
            running_norm.gradient("sums", cpu, batch, volume, volume, sums=True, **how),
            running_norm.finish("finish", cpu, 2 * batch.groups, channels, LAYER.eps),
        ]
    )

    exact = x.astype(float)
    want = LAYER.forward(w, state, Context(train=True), exact)
    d, factor = dy.astype(float), w["scale"] / np.sqrt(state["var"] + LAYER.eps)
    if word:
        squash = LAYERS[word]()
        squashed = squash.forward({}, {}, Context(), want.y).y
        (d,) = squash.backward({}, Kept((d.shape,), x=(want.y,), y=squashed), d).dx
    made = LAYER.backward(w, Kept((d.shape,), x=(exact,), extras=want.extras), d)

    def lying(values: np.ndarray) -> np.ndarray:
        return fitting(laid(values, images, pitch))

    given = {"factor": fitting(factor.astype(np.float32)), "dy": lying(dy)}
    seen = {"x": lying(x), "mean": fitting(state["mean"]), "shift": fitting(w["shift"])}
    dx, alone, partial = lying(old), guarded(lying(old).shape), guarded((2 * batch.groups, 2, channels))
    run(sweep, ("dx", "partial"), **given, **seen, dx=dx, partial=partial)
    run(moves, ("dx",), **given, **(seen if word else {}), dx=alone)
    again = partial.copy()
    run(sums, ("partial",), **given, **seen, partial=partial)
    np.testing.assert_array_equal(partial, again)
    in_place = {**given, "dy": lying(dy)}
    run(moves, ("dx", "dy"), **in_place, **(seen if word else {}), dx=in_place["dy"])
    np.testing.assert_array_equal(in_place["dy"], alone)

    far = abs(exact - state["mean"])
    roundings = 16 * EPS * (1 + abs(want.y)) * abs(dy)  # of d: the norm once more, and the activation of it
    error = abs(back(alone, images, n, channels) - made.dx[0])
    assert (error <= abs(factor) * roundings).all()
    error = abs(back(dx, images, n, channels) - made.dx[0] - old)
    assert (error <= abs(factor) * roundings + 2 * EPS * (abs(old) + abs(made.dx[0]))).all()
    dw = {name: guarded(channels) for name in ("dscale", "dshift")}
    run(finish, tuple(dw), partial=partial, var=fitting(state["var"]), **dw)
    lost = (n * HEIGHT * WIDTH + 8) * EPS
    inverse = 1 / np.sqrt(state["var"] + LAYER.eps)
    for name, size in (("scale", far * inverse), ("shift", np.ones_like(far))):
        bound = (size * (abs(d) * lost + roundings)).sum((0, 1))
        assert (abs(dw[f"d{name}"] - made.dw[name]) <= bound).all()
