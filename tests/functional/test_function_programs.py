"""Programs of the plain functions: kept in memory, used by several threads, right in a forked process."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from kitnet.functional import convolve, convolve_backward, max_pool, program

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 9, 8, 3), np.float32)
W = RNG.standard_normal((3, 3, 3, 5), np.float32)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    program._ready.cache_clear()
    yield
    program._ready.cache_clear()


def test_a_second_call_makes_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    y = convolve(X, W)
    gradients = convolve_backward(y, X, W)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("made again")

    monkeypatch.setattr(program, "build", refuse)
    assert convolve(X, W).tobytes() == y.tobytes()
    assert [a.tobytes() for a in convolve_backward(y, X, W)] == [a.tobytes() for a in gradients]
    assert convolve(X[:39], W).tobytes() == y[:39].tobytes()  # as many groups
    assert convolve(X, W, pad=0, stride=(1, 1)).tobytes() == y.tobytes()  # said otherwise
    with pytest.raises(AssertionError, match="made again"):
        convolve(X, W, pad=1)


def test_the_oldest_programs_are_forgotten() -> None:
    assert program._ready.cache_info().maxsize == program.PROGRAMS == 128


def test_arrays_of_a_call_are_not_kept() -> None:
    x = X.copy()
    y = convolve(x, W)
    seen = weakref.ref(x), weakref.ref(y)
    del x, y
    assert [each() for each in seen] == [None, None]


def test_threads_call_at_once() -> None:
    """The first calls too, of one problem and of several; nobody gets another one's numbers."""
    inputs = [RNG.standard_normal(X.shape, np.float32) for _ in range(4)]

    def work(x: Any) -> list[bytes]:
        y = convolve(x, W)
        return [a.tobytes() for a in (y, *convolve_backward(y, x, W), max_pool(x, 2, on_misfit="floor"))]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, inputs * 25))
    program._ready.cache_clear()
    wanted = [work(x) for x in inputs]
    assert found == wanted * 25


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_calls_though_a_thread_was_calling() -> None:
    want = convolve(X, W).tobytes()
    with program._turns[os.getpid()]:  # as another thread would hold it
        child = os.fork()
        if child == 0:
            os._exit(42 if convolve(X, W).tobytes() == want else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42
