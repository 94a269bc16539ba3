"""More generated calls of the plain functions, checked as in `test_functions_against_formulas.py`."""

from __future__ import annotations

import pytest
from problems import convolution, pooling
from test_functions_against_formulas import check

from kitnet.layers import MaxPool, MeanPool

FIRST, CALLS = 5000, 30  # seeds that no other test draws


def test_what_is_generated() -> None:
    calls = [convolution(seed) for seed in range(FIRST, FIRST + CALLS)]
    calls += [
        pooling(kind, seed) for kind in (MaxPool, MeanPool) for seed in range(FIRST, FIRST + CALLS // 3)
    ]
    assert len(set(calls)) == CALLS + 2 * (CALLS // 3) == 50


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CALLS))
@pytest.mark.sample(5)
def test_generated_convolutions(seed: int) -> None:
    check(convolution(seed))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CALLS // 3))
@pytest.mark.parametrize("kind", [MaxPool, MeanPool])
@pytest.mark.sample(5)
def test_generated_pools(seed: int, kind: type[MaxPool] | type[MeanPool]) -> None:
    check(pooling(kind, seed))
