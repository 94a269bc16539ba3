"""Numbers that a caller gives: what is taken, and the whole text of each refusal."""

from __future__ import annotations

import os

import numpy as np
import pytest

from kitnet.base.argument import LARGEST_BATCH, batch_size, thread_count, whole
from kitnet.base.error import KitnetError

MOST = max(64, 4 * (os.cpu_count() or 1))


def test_whole_numbers_are_taken() -> None:
    assert [whole("n", value, 1, 9) for value in (1, 9, np.int64(4), np.uint8(4))] == [1, 9, 4, 4]
    assert type(whole("n", np.int64(4), 1)) is int
    assert whole("n", 10**30, 1) == 10**30
    assert (batch_size(1), batch_size(LARGEST_BATCH)) == (1, LARGEST_BATCH)
    assert (thread_count(None), thread_count(1), thread_count(64), thread_count(MOST)) == (None, 1, 64, MOST)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "n 0 is not possible; use 1 to 9"),
        (10, "n 10 is not possible; use 1 to 9"),
        (np.int64(-3), "n -3 is not possible; use 1 to 9"),
        ("4", "n '4' is no whole number; use 1 to 9"),
        (2.5, "n 2.5 is no whole number; use 1 to 9"),
        (4.0, "n 4.0 is no whole number; use 1 to 9"),
        (True, "n True is no whole number; use 1 to 9"),
        (None, "n None is no whole number; use 1 to 9"),
        ([4], "n [4] is no whole number; use 1 to 9"),
    ],
)
def test_others_are_refused(value: object, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        whole("n", value, 1, 9)
    assert str(caught.value) == text


def test_a_number_that_python_refuses_to_write_is_refused() -> None:
    with pytest.raises(KitnetError) as caught:
        whole("n", 10**5000, 1, 9)
    assert str(caught.value) == "n of thousands of digits is not possible; use 1 to 9"


@pytest.mark.parametrize(
    ("check", "value", "text"),
    [
        (lambda value: whole("--epochs", value, 1), 0, "--epochs 0 is not possible; use 1 or more"),
        (batch_size, 10**12, f"batch {10**12} is not possible; use 1 to 1048576"),
        (batch_size, "4", "batch '4' is no whole number; use 1 to 1048576"),
        (thread_count, MOST + 1, f"threads {MOST + 1} is not possible; use 1 to {MOST}"),
        (thread_count, 1.5, f"threads 1.5 is no whole number; use 1 to {MOST}"),
    ],
)
def test_batches_and_threads(check, value: object, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        check(value)
    assert str(caught.value) == text
