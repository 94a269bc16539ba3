"""Which algorithm computes a convolution of arrays, and what lies in the vector lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kitnet.base.error import ShapeError
from kitnet.functional import convolve, convolve_backward
from kitnet.functional.plans import _problem, lanes_of_convolution
from kitnet.kernels.cpu import detect
from kitnet.layers import Convolution, MaxPool

OPTIONS: dict[str, dict[str, Any]] = {
    "groups": {"groups": 2},
    "strided": {"stride": 2},
    "dilated": {"dilation": 2},
    "strided in one axis": {"stride": (1, 2)},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_winograd_is_not_for_other_3x3_windows(option: str) -> None:
    x, how = np.zeros((1, 9, 9, 4), np.float32), OPTIONS[option]
    w = np.zeros((3, 3, 4 // how.get("groups", 1), 6), np.float32)
    with pytest.raises(ShapeError, match="algorithm 'winograd' is for 3x3 windows"):
        convolve(x, w, algorithm="winograd", **how)


def test_fourier_is_for_planes() -> None:
    x, w = np.zeros((1, 5, 5, 5, 1), np.float32), np.zeros((2, 3, 3, 1, 1), np.float32)
    with pytest.raises(ShapeError) as caught:
        convolve_backward(np.zeros((1, 4, 3, 3, 1), np.float32), x, w, algorithm="fourier")
    assert str(caught.value) == (
        "convolve_backward: algorithm 'fourier' is for planes, windows below 64x64, stride and dilation 1, "
        "one group; leave algorithm out"
    )


@pytest.mark.parametrize(("algorithm", "other"), [("winograd", ["dx", "dw"]), ("fourier", ["dx"])])
def test_gradients_by_other_algorithms(algorithm: str, other: list[str]) -> None:
    """Fourier transforms are for dx alone; the bias's gradient is the same sum in all."""
    random, filters = np.random.default_rng(0), detect().lanes
    x, w = random.standard_normal((3, 9, 8, 4), np.float32), random.standard_normal((3, 3, 4, filters))
    w, dy = w.astype(np.float32), random.standard_normal((3, 9, 8, filters), np.float32)
    wanted = convolve_backward(*(a.astype(float) for a in (dy, x, w)), pad=1)
    direct = convolve_backward(dy, x, w, pad=1)
    assert [a.tobytes() for a in direct] == [
        a.tobytes() for a in convolve_backward(dy, x, w, pad=1, algorithm="direct")
    ]
    found = convolve_backward(dy, x, w, pad=1, algorithm=algorithm)
    for name, got, want, summed in zip(("dx", "dw", "db"), found, wanted, direct, strict=True):
        assert np.sqrt(((got - want) ** 2).mean() / (want**2).mean()) < 3e-6
        if name in other:
            assert got.tobytes() != summed.tobytes()


def test_few_images_or_full_vectors_of_filters_lie_with_their_channels_in_the_lanes() -> None:
    cpu = detect()
    lanes = cpu.lanes

    def suits(samples: int, filters: int, groups: int = 1) -> bool:
        layer = Convolution(3, filters, groups=groups)
        return lanes_of_convolution(layer, samples, "direct", False, cpu) == "channels"

    assert suits(lanes - 1, 2, 2)
    assert not suits(lanes, 1)
    assert suits(lanes, lanes) and suits(1000, 2 * lanes)
    assert not suits(lanes, lanes, 2)
    assert not suits(lanes, lanes + 1)  # the second vector would be all but empty


def test_pools_leave_few_lanes_empty() -> None:
    lanes = detect().lanes

    def at(samples: int, channels: int) -> str:
        x = np.zeros((samples, 4, 4, channels), np.float32)
        return _problem(MaxPool(2), x, "direct", back=True).lanes

    assert at(1, 1) == at(1, lanes + 1) == at(10 * lanes, 2 * lanes) == "channels"
    assert at(2, 1) == at(lanes, lanes + 1) == at(10 * lanes, 1) == "images"
