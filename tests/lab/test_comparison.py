"""What `compare` measures, counts and refuses."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from catalogue import row

from kitnet.base.error import KitnetError
from kitnet.lab import Comparison, compare
from kitnet.lab.comparison import _error, _measured, algorithms_for
from kitnet.lab.multiplications import multiplications
from kitnet.lab.problem import read_problem

QUICK = 0.02  # seconds of measuring


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """In one dimension most generated algorithms do not apply, so that little is compiled."""
    return compare("100x16 conv5-16 same", 4, threads=2, seconds=QUICK)


def test_all_passes_and_algorithms(compared: Comparison) -> None:
    assert compared.line == "100x16 -> conv5-16 same bias=no"
    assert list(compared.rows) == ["forward", "data", "weights"]
    names = [one.name for one in compared.rows["forward"]]
    assert names[:4] == ["loops", "im2col", "fourier", "matrix"]
    assert set(names[4:]) == {
        *("conv.direct.images", "conv.winograd2.images", "conv.winograd4.images", "conv.fourier.images"),
        *("conv.tiles.images", "conv.direct.channels", "conv.winograd2.channels", "conv.winograd4.channels"),
    }
    for rows in compared.rows.values():
        assert [one.name for one in rows] == names


def test_the_numbers_of_a_row(compared: Comparison) -> None:
    assert compared.operations == 2 * 4 * 100 * 5 * 16 * 16
    for which, rows in compared.rows.items():
        for one in rows:
            if one.reason is not None:
                assert math.isnan(one.seconds) and one.values == 0
                continue
            assert one.seconds > 0 and 0 < one.share <= 1
            assert one.gflops == pytest.approx(compared.operations / one.seconds / 1e9)
            assert 0 < one.relative_error < 1e-5
            assert one.error > one.relative_error  # the largest numbers are above 1
            assert (one.share < 1) == (one.name == "loops")
        best = compared.winner(which)
        assert best.seconds == min(one.seconds for one in rows if one.reason is None)


def test_the_error_is_the_largest_of_what_was_computed() -> None:
    whole, expected = np.array([[1.0, 2.5], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 5.0]])
    assert _error(whole, expected, SimpleNamespace(sampled=None)) == 1  # type: ignore[arg-type]
    some = SimpleNamespace(sampled=np.array([1, 2]))
    assert _error(np.array([2.5, 3.25]), expected, some) == 0.5  # type: ignore[arg-type]


@row(36)
def test_memory_beyond_operands_and_result(compared: Comparison) -> None:
    values = {one.name: one.values for one in compared.rows["forward"] if one.reason is None}
    rows, padded = 4 * 100 * 5 * 16, 4 * 104 * 16  # of im2col
    assert values["loops"] == 0
    assert rows <= values["im2col"] <= 1.1 * (rows + padded)
    entries = (5 * 100 - 6) * 16 * 16  # a weight, and three indices of two values each
    assert values["matrix"] >= 7 * entries
    assert 5 * 16 * 16 <= values["conv.direct.channels"] < values["im2col"]
    filters = (108 // 2 + 1) * 16 * 16 * 2  # complex spectra on a ring of 108 places
    assert values["fourier"] > filters


def test_json(compared: Comparison) -> None:
    found = json.loads(json.dumps(compared.to_json()))
    assert found["line"] == compared.line and found["batch"] == 4 and found["threads"] == 2
    data = found["passes"]["data"]
    assert data["winner"] == compared.winner("data").name
    by_name = {one["name"]: one for one in data["algorithms"]}
    assert by_name["conv.direct.channels"] == {
        "name": "conv.direct.channels",
        "sentence": "generated: direct",
        "reason": "only for scores",
    }
    assert by_name["im2col"].keys() == {
        *("name", "sentence", "seconds", "share", "gflops", "values", "error", "relative_error", "kernels")
    }
    assert "input_gradient" in by_name["conv.direct.images"]["kernels"]


def test_a_pool_has_two_passes() -> None:
    found = compare("8x8x3 maxpool2", 2, seconds=QUICK)
    assert list(found.rows) == ["forward", "data"]
    assert found.operations == 2 * 8 * 8 * 3 and found.multiplications == {}
    for rows in found.rows.values():
        assert {one.name for one in rows if one.reason is None} == {
            *("loops", "im2col", "maxpool.images", "maxpool.channels")
        }
        assert all(one.error == 0 for one in rows if one.reason is None)


def test_algorithms_take_turns_and_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that each run moves on: a by 1, 9, 1, 1, ..., b always by 2 seconds."""
    now, order = [0.0], []
    lasts = iter([1, 9, *[1] * 20])

    def a() -> None:
        order.append("a")
        now[0] += next(lasts)

    def b() -> None:
        order.append("b")
        now[0] += 2

    monkeypatch.setattr("kitnet.lab.comparison.time.perf_counter", lambda: now[0])
    assert _measured({"a": a, "b": b}, 1000, {"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert order == ["a", "b", *["a", "b", "b", "a"] * 3, "a", "b"]
    order.clear()
    assert _measured({"b": b}, 5, {"b": 2}) == {"b": 2}
    assert order == ["b", "b"]  # a third would take more than its 5 seconds
    assert _measured({"b": b}, 5, {"b": 3}) == {"b": 3}
    assert order == ["b", "b"]  # what took more than half of them is not run again


def test_short_runs_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    now, runs = [0.0], []

    def quick() -> None:
        runs.append(1)
        now[0] += 0.001

    monkeypatch.setattr("kitnet.lab.comparison.time.perf_counter", lambda: now[0])
    _measured({"quick": quick}, 0.0115, {"quick": 0.001})
    assert len(runs) == 1 + 10


# Row 38: which needs fewer multiplications, and which is quicker


def test_counts_by_hand() -> None:
    found = multiplications(read_problem("8x8x3 conv3-5 same", 2))
    assert found["direct"] == 2 * 64 * 9 * 3 * 5
    assert found["winograd2"] == 2 * 16 * 16 * 3 * 5
    assert found["winograd4"] == 2 * 4 * 36 * 3 * 5
    places = 10 * 10  # 8 places and 2 of padding
    assert found["fourier"] == round(2 * 8 * places * math.log2(places)) + 4 * 2 * 15 * 10 * 6
    assert multiplications(read_problem("8x8x3 conv5-5")).keys() == {"direct", "fourier"}
    assert multiplications(read_problem("9x9x3 conv3-5/2")).keys() == {"direct"}


@row(38)
def test_when_fourier_transforms_pay() -> None:
    """They save multiplications from small windows on, and the more, the larger these are; but the products
    of a small window are done by wide vectors so much faster that transforms lose all the same."""
    gains = []
    for window in (3, 7, 15, 31):
        counts = multiplications(read_problem(f"64x64x4 conv{window}-4 same"))
        gains.append(counts["direct"] / counts["fourier"])
    assert gains == sorted(gains) and gains[0] < 1 and gains[1] > 2 and gains[3] > 20

    def times(line: str) -> dict[str, float]:
        problem = read_problem(line)
        able = [
            one
            for one in algorithms_for(problem, 1)
            if one.name in ("conv.direct.channels", "im2col", "fourier")
        ]
        runs = {one.name: one.prepare(problem, "forward").run for one in able}
        return _measured(runs, 0.5, dict.fromkeys(runs, 0))

    small = "32x32x16 conv3-16 same"
    counts, taken = multiplications(read_problem(small)), times(small)
    assert counts["fourier"] < counts["direct"]
    assert taken["conv.direct.channels"] < taken["fourier"]
    taken = times("64x64x4 conv31-4 same")
    assert taken["fourier"] < taken["im2col"]


# Mistakes


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "the laboratory takes a volume and a layer, not ''; write '28x28x128 conv3-128 same'"),
        (
            "conv3-4",
            "the laboratory takes a volume and a layer, not 'conv3-4'; write '28x28x128 conv3-128 same'",
        ),
        (
            "8x8x1 conv3-4 -> relu",
            "the laboratory takes one layer, but the line has 2; write '28x28x128 conv3-128 same'",
        ),
        ("8x8x1 -> relu", "the laboratory takes conv, maxpool, meanpool and sumpool, not relu"),
        ("8x8x1 fc10", "the laboratory takes conv, maxpool, meanpool and sumpool, not fc"),
        ("10x10x6 conv5-16 table=lenet5", "the laboratory takes no connection tables; leave table out"),
        (
            "224x224x512 conv3-512 same",
            "this layer has 118,380,036,096 multiply-adds in a pass; the laboratory takes 2,000,000,000 at "
            "most, so use a smaller layer",
        ),
        (
            "10000x10000x2 maxpool1",
            "this layer has 200,000,000 numbers to look at in a pass; the laboratory takes 100,000,000 at "
            "most, so use a smaller layer",
        ),
        (
            "20000x20000x1 conv1-1",
            "the arrays of this layer have up to 400,000,000 numbers; the laboratory takes 67,108,864 at "
            "most, so use a smaller layer or batch",
        ),
    ],
)
def test_lines_that_are_refused(line: str, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        compare(line)
    assert str(caught.value) == text


def test_batches_that_are_refused() -> None:
    with pytest.raises(KitnetError) as caught:
        compare("56x56x64 conv3-64 same", 64)
    assert str(caught.value) == (
        "this layer has 7,398,752,256 multiply-adds in a pass; the laboratory takes 2,000,000,000 at most, "
        "so use a batch of 17"
    )
    with pytest.raises(KitnetError, match=r"^batch 0 is not possible; use 1 to 1048576$"):
        compare("8x8x1 conv3-4", 0)
