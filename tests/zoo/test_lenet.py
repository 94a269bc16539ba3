"""LeNet-5 against the numbers of the paper (LeCun, Bottou, Bengio & Haffner 1998, section II.B)."""

import numpy as np
import pytest

from kitnet.layers.connection_table import LENET5_C3
from kitnet.layers.radial_basis import digit_bitmaps
from kitnet.zoo import find

# volume, trainable parameters, connections, as section II.B gives or implies them
PAPER = {
    "C1": ((28, 28, 6), 156, 122_304),
    "S2": ((14, 14, 6), 12, 5_880),
    "C3": ((10, 10, 16), 1_516, 151_600),
    "S4": ((5, 5, 16), 32, 2_000),
    "C5": ((1, 1, 120), 48_120, 48_120),
    "F6": ((84,), 10_164, 10_164),
}

# Table I of the paper: row m has an X where map m of S2 is read by the map of C3 that is the column.
TABLE_1 = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


@pytest.mark.parametrize("name", ["lenet5", "lenet5-1998"])
def test_the_papers_numbers(name):
    rows = {row.path: row for row in find(name).build().ledger().rows}
    for path, (volume, parameters, connections) in PAPER.items():
        found = rows[path]
        assert (found.output, found.parameters, found.connections) == (volume, parameters, connections), path


def test_the_papers_totals():
    totals = find("lenet5-1998").build().ledger().totals
    assert totals["parameters"] == sum(parameters for _, parameters, _ in PAPER.values()) == 60_000
    assert totals["connections"] == sum(links for *_, links in PAPER.values()) + 840 == 340_908


def test_the_softmax_output_has_850_more():
    net = find("lenet5").build()
    assert net.ledger().rows[-1].parameters == 10 * (84 + 1)
    assert net.ledger().totals["parameters"] == 60_850
    assert net.output_shape == (10,)


def test_the_counts_are_those_of_the_arrays():
    for name in ("lenet5", "lenet5-1998", "lenet5-modern"):
        net = find(name).build()
        assert sum(array.size for array in net.weights.values()) == net.ledger().totals["parameters"]


def test_c3_reads_the_maps_of_table_1():
    columns = [tuple(m for m in range(6) if TABLE_1[m][k] == "X") for k in range(16)]
    assert list(LENET5_C3.columns) == columns
    for name in ("lenet5", "lenet5-1998"):
        graph = find(name).build().graph
        assert graph.nodes[graph.find("C3")].layer.table.columns == tuple(columns)
    assert 25 * sum(map(len, columns)) + 16 == 1_516  # 60 links of 5x5 and 16 biases


def test_c3_in_the_network_really_sees_only_those_maps():
    """Another value in map m of S2 changes exactly the maps of C3 whose column has an X in row m."""
    net = find("lenet5").build()
    graph = net.graph
    layer = graph.nodes[graph.find("C3")].layer
    x = np.random.default_rng(0).standard_normal((1, 14, 14, 6))
    w = {name: view.astype(np.float64) for name, view in net.weights.of("C3").items()}

    def y(x):
        return layer.forward(w, {}, None, x).y

    for m in range(6):
        other = x.copy()
        other[..., m] += 1
        changed = (y(other) != y(x)).any(axis=(0, 1, 2))
        assert "".join("X" if one else "." for one in changed) == TABLE_1[m]


def test_lenet5_modern_sees_every_map():
    rows = {row.path: row for row in find("lenet5-modern").build().ledger().rows}
    assert rows["C3"].parameters == 16 * (6 * 25 + 1)
    assert rows["S2"].parameters == rows["S4"].parameters == 0
    kinds = {row.kind for row in rows.values()}
    assert kinds == {"conv", "maxpool", "relu", "fc"}


def test_the_squashing_function_is_the_papers():
    """1.7159 tanh(2x/3), chosen so that f(1) = 1 and f(-1) = -1."""
    net = find("lenet5").build()
    assert [row.kind for row in net.ledger().rows].count("lecuntanh") == 6
    tape = net.tape(np.random.default_rng(0).standard_normal((2, 32, 32, 1), np.float32))
    np.testing.assert_allclose(tape["lecuntanh6"], 1.7159 * np.tanh(2 / 3 * tape["F6"]), rtol=1e-5, atol=1e-6)


def test_the_card_tells_of_the_12():
    for name in ("lenet5", "lenet5-1998"):
        assert any("S4 has 12" in one.printed and "S4 has 32" in one.note for one in find(name).errata)


# ------------------------------------------------------------------------------------------------- bitmaps


def test_ten_different_bitmaps_of_plus_and_minus_one():
    bitmaps = digit_bitmaps()
    assert bitmaps.shape == (10, 84)
    assert set(np.unique(bitmaps)) == {-1.0, 1.0}
    apart = [(bitmaps[i] != bitmaps[j]).sum() for i in range(10) for j in range(i)]
    assert min(apart) >= 5  # no two nearly alike


def regions(inside, diagonal):
    """How many connected regions of True a 2-D mask has."""
    left = {(int(i), int(j)) for i, j in np.argwhere(inside)}
    count = 0
    while left:
        count += 1
        edge = [left.pop()]
        while edge:
            i, j = edge.pop()
            near = {
                (i + a, j + b)
                for a in (-1, 0, 1)
                for b in (-1, 0, 1)
                if (diagonal or abs(a) + abs(b) == 1) and (i + a, j + b) in left
            }
            left -= near
            edge += near
    return count


def test_the_bitmaps_have_the_strokes_of_their_digits():
    """One connected stroke each, with as many holes as the digit has."""
    holes = {0: 1, 1: 0, 2: 0, 3: 0, 4: 1, 5: 0, 6: 1, 7: 0, 8: 2, 9: 1}
    for digit, bitmap in enumerate(digit_bitmaps()):
        ink = bitmap.reshape(12, 7) > 0
        assert regions(ink, diagonal=True) == 1, digit
        paper = np.pad(~ink, 1, constant_values=True)  # the outside is one region more
        assert regions(paper, diagonal=False) - 1 == holes[digit], digit


def test_the_symmetric_digits_are_symmetric():
    pictures = digit_bitmaps().reshape(10, 12, 7)
    for digit in (0, 8):
        np.testing.assert_array_equal(pictures[digit], pictures[digit][:, ::-1])


def test_a_bitmap_itself_has_distance_0_to_its_digit():
    net = find("lenet5-1998").build()
    layer = net.graph.nodes[net.graph.main].layer
    y = layer.forward({}, {}, None, digit_bitmaps()).y
    assert y.shape == (10, 10)
    np.testing.assert_array_equal(np.diag(y), 0)
    assert y[~np.eye(10, dtype=bool)].min() >= 4 * 5  # each place that differs costs (1 - -1)^2
