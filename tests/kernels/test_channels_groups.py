"""Groups of filters whose last vectors reach over the next group, or over the end of a position, where
nothing may be written.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_channels_convolution import Problem, axis, check_exactly, run

CASES = {
    "beyond the last group": Problem((axis(5, 3, 1, 1, 1),) * 2, 6, 27, groups=3),
    "groups that fill vectors together only": Problem((axis(4, 2),) * 2, 4, 16, groups=2),
    "the same in many tasks": Problem((axis(4, 2),) * 2, 8, 32, groups=4, blocks=100),
}


@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_groups_leave_the_others_alone(p: Problem) -> None:
    check_exactly(p, at="start")  # behind it the page goes on, so that too much can be written


@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_cutting_changes_no_bit(p: Problem) -> None:
    x, w, b, _ = p.arrays(whole=False)
    y = run(p, x, w, b, blocks=1, at="start")
    for blocks in (2, 7):
        np.testing.assert_array_equal(run(p, x, w, b, blocks=blocks, at="start"), y)
