"""Random streams: one place of one stream has one value, whoever else draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitnet.base.random import sample_bits, stream


def test_a_stream_is_its_key() -> None:
    draw = stream(3, "conv1.weight").random(5)
    assert np.array_equal(draw, stream(3, "conv1.weight").random(5))


@pytest.mark.parametrize("other", [(4, "conv1.weight", 0), (3, "conv1.bias", 0), (3, "conv1.weight", 1)])
def test_seed_name_and_step_each_make_another_stream(other: tuple[int, str, int]) -> None:
    assert not np.array_equal(stream(3, "conv1.weight").random(5), stream(*other).random(5))


def test_golden_values_hold_on_every_machine() -> None:
    assert sample_bits(0, "dropout1", 0, 0, 1, 2).tolist() == [[18177845575988935042, 3788193286604062053]]


@given(
    samples=st.integers(1, 9),
    each=st.integers(1, 11),
    cut=st.integers(0, 9),
    first=st.integers(0, 1000),
    step=st.integers(0, 5),
)
def test_a_batch_and_its_shards_draw_the_same_bits(
    samples: int, each: int, cut: int, first: int, step: int
) -> None:
    cut = min(cut, samples)
    whole = sample_bits(1, "drop1", step, first, samples, each)
    assert whole.shape == (samples, each)
    assert whole.dtype == np.uint64
    left = sample_bits(1, "drop1", step, first, cut, each)
    right = sample_bits(1, "drop1", step, first + cut, samples - cut, each)
    assert np.array_equal(np.concatenate([left, right]), whole)


def test_no_two_samples_share_bits() -> None:
    bits = sample_bits(0, "drop1", 0, 0, 50, 7)
    assert len(np.unique(bits)) == bits.size


def test_steps_share_no_bits() -> None:
    both = np.concatenate([sample_bits(0, "drop1", step, 0, 50, 7) for step in (0, 1)])
    assert len(np.unique(both)) == both.size


def test_bits_are_uniform() -> None:
    bits = sample_bits(0, "drop1", 0, 0, 100, 100) / 2.0**64
    assert abs(bits.mean() - 0.5) < 5 / np.sqrt(12 * bits.size)
    counts, _ = np.histogram(bits, 16, (0, 1))
    assert ((counts - bits.size / 16) ** 2 / (bits.size / 16)).sum() < 45  # chi-square of 15, 1 in 10,000
