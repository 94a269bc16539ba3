"""Which convolutions of arrays are done where these lie, with their channels in the vector lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kitnet.base.error import ShapeError
from kitnet.functional import convolve
from kitnet.functional.in_place import suits
from kitnet.kernels.cpu import detect

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


def test_few_images_or_full_vectors_of_filters_suit() -> None:
    cpu = detect()
    lanes = cpu.lanes
    assert suits(lanes - 1, 1, 2, cpu)
    assert not suits(lanes, 1, 1, cpu)
    assert suits(lanes, lanes, 1, cpu) and suits(1000, 2 * lanes, 1, cpu)
    assert not suits(lanes, lanes, 2, cpu)
    assert not suits(lanes, lanes + 1, 1, cpu)  # the second vector would be all but empty
