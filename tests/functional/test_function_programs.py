"""Plans of the plain functions: kept without memory, used by several threads, right in a forked process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kitnet.engine.choice import batch_of
from kitnet.functional import convolve, convolve_backward, max_pool, plans
from kitnet.kernels.cpu import detect
from kitnet.layers import Convolution

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 9, 8, 3), np.float32)
W = RNG.standard_normal((3, 3, 3, 5), np.float32)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    plans._function.cache_clear()
    yield
    plans._function.cache_clear()


def test_a_second_call_makes_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    w = W[..., :1]  # so few filters that images lie in the lanes, whatever their number
    y = convolve(X, w)
    gradients = convolve_backward(y, X, w)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("made again")

    monkeypatch.setattr(plans, "make_plan", refuse)
    assert convolve(X, w).tobytes() == y.tobytes()
    assert [a.tobytes() for a in convolve_backward(y, X, w)] == [a.tobytes() for a in gradients]
    assert convolve(X[:39], w).tobytes() == y[:39].tobytes()  # as many groups
    assert convolve(X, w, pad=0, stride=(1, 1)).tobytes() == y.tobytes()  # said otherwise
    with pytest.raises(AssertionError, match="made again"):
        convolve(X, w, pad=1)


def test_the_oldest_plans_are_forgotten() -> None:
    assert plans._function.cache_info().maxsize == plans.KEPT == 128


def test_arrays_of_a_call_are_not_kept() -> None:
    x = X.copy()
    y = convolve(x, W)
    seen = weakref.ref(x), weakref.ref(y)
    del x, y
    assert [each() for each in seen] == [None, None]


def test_kept_plans_hold_no_memory() -> None:
    """The gradients of this call need more than 1 MB between steps, 2 MB where vectors are long."""
    x, w = np.ones((2, 32, 32, 16), np.float32), np.ones((3, 3, 16, 16), np.float32)
    dy = convolve(x, w)
    tracemalloc.start()
    try:
        convolve_backward(dy, x, w)
        gc.collect()
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        kept = tracemalloc.take_snapshot().filter_traces([arrays])
        assert sum(trace.size for trace in kept.traces) < 1 << 16
        assert tracemalloc.get_traced_memory()[1] > 1_000_000
    finally:
        tracemalloc.stop()


def test_samples_beyond_a_call_are_not_written() -> None:
    """Calls with 39 and with 40 samples share a plan, whose results are arrays of the call."""
    layer, dy = Convolution(3, 5), np.ones((40, 7, 6, 5), np.float32)
    function = plans._function(plans._problem(layer, X, "direct", back=True))
    dx, dw, db = (np.full(shape, np.nan, np.float32) for shape in (X.shape, W.shape, (5,)))
    arrays = {"@in x": X, "@seed y": dy, "@d x": dx, "@weight y.weight": W}
    function.run({**arrays, "@dw y.weight": dw, "@dw y.bias": db}, 39)
    assert np.isnan(dx[39]).all() and not np.isnan(dx[:39]).any()
    for got, want in zip((dx[:39], dw, db), convolve_backward(dy[:39], X[:39], W), strict=True):
        assert got.tobytes() == want.tobytes()


def test_threads_call_at_once() -> None:
    """The first calls too, of one problem and of several; nobody gets another one's numbers."""
    inputs = [RNG.standard_normal(X.shape, np.float32) for _ in range(4)]

    def work(x: Any) -> list[bytes]:
        y = convolve(x, W)
        return [a.tobytes() for a in (y, *convolve_backward(y, x, W), max_pool(x, 2, on_misfit="floor"))]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, inputs * 25))
    plans._function.cache_clear()
    wanted = [work(x) for x in inputs]
    assert found == wanted * 25


def test_a_formula_in_a_plan_calls_while_another_thread_waits_for_the_end_of_that_plan() -> None:
    """In a process of its own, which threads that wait for each other cannot end."""
    script = Path(__file__).with_name("formula_that_calls.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=25)
    assert done.stdout == "20 runs\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_calls_though_a_thread_was_calling() -> None:
    want = convolve(X, W).tobytes()
    with plans._turns[os.getpid()]:  # as another thread would hold it
        child = os.fork()
        if child == 0:
            os._exit(42 if convolve(X, W).tobytes() == want else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42


def test_single_numbers_have_room_in_all_lanes() -> None:
    """They are written for the whole batch, of which the call gets its own."""
    x, w = X[:, :3, :3, :1], W[..., :1, :1]
    y = convolve(x, w)
    assert y.shape == (40, 1, 1, 1) and y.flags.c_contiguous
    np.testing.assert_allclose(y, convolve(x, w, engine="formula"), rtol=0, atol=1e-5)
    for shape, rows in (((3, 3, 1), batch_of(40, detect())), ((4, 3, 1), None)):
        problem = plans._problem(Convolution(3, 1), np.zeros((40, *shape), np.float32), "direct", back=False)
        assert plans._function(problem).rows == (rows and rows.groups * rows.images)
