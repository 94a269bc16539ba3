"""Worked examples: the numbers that the material prints, and sums that add up."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from catalogue import row
from scipy import ndimage, signal

from kitnet.base.error import KitnetError
from kitnet.lab import example, examples
from kitnet.lab.blackboard import Board
from kitnet.lab.image_filters import FILTERS
from kitnet.lab.worked_pictures import PICTURE, shaded

ROWS = [1, 13, 14, 15, 17, 25, 30, 31, 32, 34, 35, 36, 37, 48, 51]


def results(number: int) -> dict[str, list[float]]:
    return {name: array.tolist() for name, array in example(number).results.items()}


@row(1)
def test_1() -> None:
    (y,) = results(1).values()
    assert y == [-1, 0, -1, -8, 3] == np.correlate([3, 1, 4, 1, 5, 9, 2], [1, 0, -1], "valid").tolist()


@row(13)
def test_13() -> None:
    assert results(13) == {
        "full": [0, 1, 3, 1, 2, 3, 0],
        "same": [1, 3, 1, 2, 3],
        "valid": [3, 1, 2],
        "correlation valid": [1, 3, 1],
    }
    lines = example(13).lines
    assert "  full[3] = 1*0 + 2*1 + (-1)*1 = 1" in lines
    assert "  c[1] = 1*1 + 2*1 + (-1)*0 = 3" in lines


@row(14)
def test_14() -> None:
    assert results(14) == {
        "valid": [[-3, 0], [4, 3]],
        "full": [
            [0, 0, 0, 0, -1, -2],
            [0, 0, -1, -1, -1, 2],
            [2, 0, -3, 0, 1, 0],
            [0, -1, 4, 3, -1, 1],
            [1, -2, 5, 1, 4, 3],
            [-3, 3, 2, 0, 2, 1],
        ],
        "same": [[0, -1, -1, -1], [0, -3, 0, 1], [-1, 4, 3, -1], [-2, 5, 1, 4]],
        "correlation valid": [[0, 3], [1, 3]],
    }


@row(15)
def test_15() -> None:
    found = example(15)
    assert found.results["correlation"].tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
    assert found.results["convolution"].tolist() == [[18, 20, 19], [10, 9, 17], [11, 8, 14]]
    assert "  correlation[0, 0] = 3*0 + 3*1 + 2*2 + 0*2 + 0*2 + 1*0 + 3*0 + 1*1 + 2*2 = 12" in found.lines
    assert "Note: the material defines convolution with a turned filter and prints" in str(found)


@row(17)
def test_17() -> None:
    found = results(17)
    assert {name: len(y) for name, y in found.items()} == {
        "y, stride 1": 5,
        "y, stride 2": 3,
        "y, no padding": 3,
    }
    assert found["y, stride 1"] == np.correlate([0, 1, 2, -1, 1, -3, 0], [1, 0, -1], "valid").tolist()
    assert found["y, stride 2"] == found["y, stride 1"][::2]
    assert "(5 - 3 + 2*1) / 3 + 1 = 2.333" in str(example(17))


@row(25)
def test_25() -> None:
    found = example(25).results
    x, v, w, b = found["X"], found["V"], (found["W0"], found["W1"]), found["b"]
    assert x.shape == (11, 11, 4) and v.shape == (4, 4, 2)
    for i, j, d in np.ndindex(v.shape):
        assert v[i, j, d] == np.sum(x[2 * i : 2 * i + 5, 2 * j : 2 * j + 5, :] * w[d]) + b[d]
    assert found["V[2, 3, 1]"] == v[2, 3, 1] == np.sum(x[4:9, 6:11, :] * w[1]) + b[1]
    assert f"  V[2, 3, 1] = np.sum(X[4:9, 6:11, :] * W1) + b1 = {v[2, 3, 1]:g}" in example(25).lines


@row(30)
def test_30() -> None:
    found = results(30)
    assert found["y, dilation 1"][0] == 1 + 2 * 10 + 3 * 100
    assert found["y, dilation 2"] == [1 + 2 * 100 + 3 * 10000]


@row(31)
def test_31() -> None:
    assert results(31)["fields and weights per C^2"] == [[5, 5, 18, 25], [7, 7, 27, 49]]


@row(32)
def test_32() -> None:
    found, picture = example(32).results, np.array([list(map(int, line)) for line in PICTURE])
    assert found.keys() == FILTERS.keys()
    assert np.array_equal(found["identity"], picture)
    ring = -np.ones((3, 3))
    ring[1, 1] = 9
    for name, filter in FILTERS.items():
        w = np.array(filter.numbers) * filter.factor
        expected = ndimage.correlate(picture.astype(float), w, mode="constant")
        np.testing.assert_allclose(found[name], expected, atol=1e-12)
    assert FILTERS["sharpen"].numbers == ring.tolist()
    sums = {name: filter.factor * np.sum(filter.numbers) for name, filter in FILTERS.items()}
    for name in ("sharpen", "sharpen5", "identity", "blur"):  # keep the brightness of an even picture
        assert sums[name] == pytest.approx(1)
    for name in ("edge-horizontal", "edge-vertical", "edge-45", "emboss"):
        assert sums[name] == 0  # answer to differences alone
    assert "    |    @@@@@@@@@@@@    |" in example(32).lines


def test_shades() -> None:
    assert shaded(np.array([[0, 9], [3, 6]])) == ["    |  @@|", "    |--**|"]
    assert shaded(np.zeros((1, 2))) == ["    |    |"]


@row(34)
def test_34() -> None:
    x = np.arange(1, 19).reshape(3, 3, 2)
    w = np.array([[[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [[[1, -1], [0, 0]], [[0, 0], [-1, 1]]]])
    for k, y in enumerate(results(34).values()):
        planes = [signal.correlate2d(x[..., c], w[..., c, k], "valid") for c in range(2)]
        assert y == sum(planes).tolist()


@row(35, 36)
def test_35_and_36() -> None:
    found = results(35)
    assert found["AlexNet"] == [363, 3025, 1_098_075, 154_587]
    assert found["rows"][1] == [2, 3, 4, 6, 7, 8, 10, 11, 12]
    assert "1,098,075 values, 7.1 times the 154,587" in str(example(36))
    assert "filters 96x363, output 96x3025, folded to 55x55x96" in str(example(36))


@row(37)
def test_37() -> None:
    """Unpadded spectra give the circular convolution."""
    assert results(37) == {
        "full": [0, 1, 3, 1, 2, 3, 0],
        "product on 5": [3, 1, 3, 1, 2],
        "product on 7": [0, 1, 3, 1, 2, 3, 0],
    }
    assert "  ring[0] = 0*1 + 3*1 = 3" in example(37).lines


@row(48)
def test_48() -> None:
    """Every number of the example by the chain rule, unit by unit."""
    found = example(48).results
    x, y = [1, 2], [1, 0]
    v, b, u, c = [[0.5, -1, 2], [1, 0.5, -0.5]], [0.1, -0.2, 0], [[1, -0.5], [-1, 2], [0.5, 1]], [0.2, -0.1]

    def f(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    h = [f(x[0] * v[0][j] + x[1] * v[1][j] + b[j]) for j in range(3)]
    a = [f(sum(h[j] * u[j][k] for j in range(3)) + c[k]) for k in range(2)]
    d = [(a[k] - y[k]) * a[k] * (1 - a[k]) for k in range(2)]
    e = [(d[0] * u[j][0] + d[1] * u[j][1]) * h[j] * (1 - h[j]) for j in range(3)]
    assert found["C"].item() == pytest.approx(((a[0] - 1) ** 2 + a[1] ** 2) / 2)
    np.testing.assert_allclose(found["fc2.weight"], np.outer(h, d), rtol=1e-12)
    np.testing.assert_allclose(found["fc1.weight"], np.outer(x, e), rtol=1e-12)
    np.testing.assert_allclose(found["fc2.bias"], d, rtol=1e-12)
    np.testing.assert_allclose(found["fc1.bias"], e, rtol=1e-12)
    assert "  dk = dC/dsk = (ak - yk) ak (1 - ak)" in example(48).lines


@row(51)
def test_51() -> None:
    assert results(51)["dx"] == np.kron([[1, 2], [3, 4]], np.full((2, 2), 0.25)).tolist()


PRODUCT = r"\(?-?[0-9.e-]+\)?(?:\*\(?-?[0-9.e-]+\)?)?"
SUM = re.compile(rf"^  \S.*? = ({PRODUCT}(?: \+ {PRODUCT})*) = (-?[0-9.e-]+)$")


LEAST = {1: 5, 13: 10, 14: 2, 15: 2, 17: 8, 25: 20, 30: 4, 31: 0, 37: 2, 48: 17}  # of the others 1


def value(text: str) -> float:
    return math.fsum(math.prod(float(f.strip("()")) for f in part.split("*")) for part in text.split(" + "))


@pytest.mark.parametrize("number", ROWS)
def test_every_printed_sum_adds_up(number: int) -> None:
    """To the six digits that are printed of each factor."""
    text = re.sub(r"\n    (?=\S)", " ", "\n".join(line for line in example(number).lines if "|" not in line))
    sums = [met for line in text.splitlines() if (met := SUM.match(line))]
    for met in sums:
        assert value(met[1]) == pytest.approx(float(met[2]), rel=2e-5, abs=2e-6), met[0]
    assert len(sums) >= LEAST.get(number, 1)


@pytest.mark.parametrize("number", ROWS)
def test_examples_fit_a_narrow_terminal_and_json(number: int) -> None:
    found = example(number)
    assert max(map(len, found.lines)) <= 78
    assert found.lines[0] == f"Row {number}: {examples()[number]}" and found.title == examples()[number]
    assert str(found) == "\n".join(found.lines)
    document = json.loads(json.dumps(found.to_json()))
    assert document["row"] == number and document["results"].keys() == found.results.keys()


def test_the_rows_that_there_are() -> None:
    assert list(examples()) == ROWS
    assert example("14").lines == example(14).lines
    for wrong, shown in ((2, "2"), ("x", "'x'"), ("014", "'014'")):
        with pytest.raises(KitnetError) as caught:
            example(wrong)
        assert str(caught.value) == (
            f"there is no worked example of row {shown}; there are 1, 13, 14, 15, 17, 25, 30, 31, 32, 34, "
            "35, 36, 37, 48, 51"
        )


def test_a_blackboard() -> None:
    board = Board(0, "none")
    board.sum("s", [(1, -2), (-0.5, 3)], -3.5, "(-1)")
    board.sum("nothing", [], 0)
    board.array("m", np.array([[1, -10], [0.25, 3]]))
    board.write("word " * 20)
    assert board.lines[1:] == [
        "  s = 1*(-2) + (-0.5)*3 + (-1) = -3.5",
        "  nothing = 0",
        "  m =    1  -10",
        "      0.25    3",
        "",
        " ".join(["word"] * 15),
        " ".join(["word"] * 5),
    ]
