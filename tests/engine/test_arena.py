"""Buffers that live at the same time never share memory, and the arena stays near the lower bound."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitnet.engine.arena import Life, lay_out, rounded
from kitnet.engine.verify import verify

lives = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.builds(
        lambda size, first, more: Life(size, first, first + more),
        st.integers(1, 5000),
        st.integers(0, 20),
        st.integers(0, 8),
    ),
    max_size=25,
)


@given(lives)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_no_two_live_buffers_share_memory(found: dict[str, Life]) -> None:
    arena = lay_out(found)
    verify([], [], found, arena, {}, lay_out({}))
    assert arena.size >= arena.lower_bound
    assert arena.size <= sum(rounded(life.size) for life in found.values())
    assert all(offset % 64 == 0 for offset in arena.offsets.values())


def test_buffers_of_different_times_share() -> None:
    arena = lay_out({"early": Life(1000, 0, 1), "late": Life(900, 2, 3), "always": Life(64, 0, 3)})
    assert arena.offsets["early"] == arena.offsets["late"]
    assert arena.size == arena.lower_bound == 1024 + 64


def test_a_gap_is_filled() -> None:
    found = {
        "big": Life(640, 0, 9),
        "left": Life(128, 0, 3),
        "right": Life(256, 4, 9),
        "small": Life(64, 0, 9),
    }
    arena = lay_out(found)
    assert arena.size == arena.lower_bound == 640 + 256 + 64


def test_verify_sees_an_overlap() -> None:
    found = {"a": Life(100, 0, 2), "b": Life(100, 2, 3)}
    arena = lay_out(found)
    broken = type(arena)({"a": 0, "b": 64}, 192, arena.lower_bound, found)
    with pytest.raises(AssertionError, match="a and b are needed at once but share memory"):
        verify([], [], found, broken, {}, lay_out({}))
