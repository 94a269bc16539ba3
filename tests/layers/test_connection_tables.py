"""Table I of LeCun et al. 1998, and convolutions that follow a table."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row

from kitnet.base.error import ShapeError
from kitnet.layers import Context, Convolution, Kept
from kitnet.layers.connection_table import LENET5_C3, TABLE, ConnectionTable


@row(98)
def test_98_lenets_table() -> None:
    columns = LENET5_C3.columns
    assert LENET5_C3.links == 60
    assert sorted(map(len, columns)) == [3] * 6 + [4] * 9 + [6]
    assert columns[15] == (0, 1, 2, 3, 4, 5)
    assert len(set(columns)) == 16
    seen = [sum(c in column for column in columns) for c in range(6)]
    assert seen == [10] * 6  # every input map goes to ten filters


@row(98)
def test_98_neighbours_wrap_around() -> None:
    for k in range(6):
        assert set(LENET5_C3.columns[k]) == {(k + i) % 6 for i in range(3)}
        assert set(LENET5_C3.columns[6 + k]) == {(k + i) % 6 for i in range(4)}
    for k in range(3):
        assert set(LENET5_C3.columns[12 + k]) == {(k + i) % 6 for i in (0, 1, 3, 4)}


@row(98)
def test_98_counts_of_c3() -> None:
    layer = Convolution(5, 16, table=LENET5_C3)
    assert sum(p.size for p in layer.params((14, 14, 6)).values()) == 1516
    assert layer.connections((14, 14, 6)) == 151_600
    assert layer.output_shape((14, 14, 6)) == (10, 10, 16)


def test_fan_in_is_that_of_each_filter() -> None:
    weight = Convolution(2, 3, table=ConnectionTable(((0, 2), (1,), (0, 1, 2)))).params((4, 4, 3))["weight"]
    assert weight.shape == (2, 2, 6)
    assert weight.fan_in == (8, 8, 4, 12, 12, 12)
    assert weight.fan_out == 12


def test_links_are_ordered_by_filter_then_by_map() -> None:
    assert ConnectionTable(((0, 2), (1,))).pairs() == ([0, 2, 1], [0, 0, 1])


def test_a_table_is_a_dense_convolution_with_zeros() -> None:
    table = ConnectionTable(((0, 2), (1,), (0, 1, 2)))
    layer, plain = Convolution(2, 3, table=table), Convolution(2, 3)
    random = np.random.default_rng(0)
    x = random.integers(-5, 6, (2, 4, 4, 3)).astype(float)
    weight, bias = random.integers(-5, 6, (2, 2, 6)).astype(float), np.arange(3.0)
    dense = np.zeros((2, 2, 3, 3))
    for link, (c, k) in enumerate([(0, 0), (2, 0), (1, 1), (0, 2), (1, 2), (2, 2)]):
        dense[:, :, c, k] = weight[:, :, link]
    w, full = {"weight": weight, "bias": bias}, {"weight": dense, "bias": bias}
    y = layer.forward(w, {}, Context(), x).y
    assert np.array_equal(y, plain.forward(full, {}, Context(), x).y)
    dy = random.integers(-5, 6, y.shape).astype(float)
    back, other = (one.backward(p, Kept((x.shape,), (x,)), dy) for one, p in ((layer, w), (plain, full)))
    assert back.dx[0] is not None
    assert other.dx[0] is not None
    assert np.array_equal(back.dx[0], other.dx[0])
    for link, (c, k) in enumerate([(0, 0), (2, 0), (1, 1), (0, 2), (1, 2), (2, 2)]):
        assert np.array_equal(back.dw["weight"][:, :, link], other.dw["weight"][:, :, c, k])


def test_tables_are_written_as_they_are_read() -> None:
    assert TABLE.write(LENET5_C3) == "lenet5"
    assert TABLE.read("lenet5") == LENET5_C3
    table = ConnectionTable(((0, 2), (11,)))
    assert TABLE.write(table) == "0.2/11"
    assert TABLE.read("0.2/11") == table


@pytest.mark.parametrize("column", [(0, 0), (1, 0), (-1,), (), (0.5,), (0, 1.0), ("0",)])
def test_a_column_names_maps_once_and_in_order(column: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as caught:
        ConnectionTable(((2,), column))
    assert str(caught.value) == (
        f"filter 1 of the connection table sees the maps {column!r}; name one map or more, as whole numbers "
        "from 0 on, ascending, each once"
    )


@pytest.mark.parametrize("text", ["", "0.0", "2.1", "0./1", "-1", "a", "0.1/"])
def test_what_is_no_table(text: str) -> None:
    with pytest.raises(ValueError):  # the language makes a sentence of it
        TABLE.read(text)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            Convolution(2, 4, table=ConnectionTable(((0,), (1,)))),
            "the connection table has 2 columns for 4 filters; give one a filter",
        ),
        (
            Convolution(2, 2, table=ConnectionTable(((0,), (3,)))),
            "the connection table names map 3 but the input 4x4x3 has maps 0 to 2; name only these",
        ),
        (
            Convolution(2, 3, groups=3, table=ConnectionTable(((0,), (1,), (2,)))),
            "a connection table and groups exclude each other; leave one of them out",
        ),
    ],
)
def test_misfits_in_their_own_words(layer: Convolution, text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        layer.output_shape((4, 4, 3))
    assert str(caught.value) == text
