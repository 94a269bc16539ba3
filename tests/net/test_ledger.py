"""The ledger: the numbers that the teaching material and the papers print, from one line each."""

from __future__ import annotations

import json
import math

import pytest

from kitnet.net import Ledger, parse

VGG16 = (
    "224x224x3 -> [conv3-64 same -> relu]*2 -> maxpool2 -> [conv3-128 same -> relu]*2 -> maxpool2 -> "
    "[conv3-256 same -> relu]*3 -> maxpool2 -> [[conv3-512 same -> relu]*3 -> maxpool2]*2 -> "
    "[fc4096 -> relu]*2 -> fc1000"
)
LENET5 = (
    "32x32x1 -> c1:conv5-6 -> s2:subsample2 -> c3:conv5-16 table=lenet5 -> s4:subsample2 -> c5:conv5-120 -> "
    "f6:fc84 -> rbf"
)
WEIGHTS = [1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648, *[2_359_296] * 5]
WEIGHTS += [102_760_448, 16_777_216, 4_096_000]


def rows(line: str, batch: int = 1) -> dict[str, tuple[int, int]]:
    return {r.path: (r.parameters, r.connections) for r in parse(line).ledger(batch).rows}


def test_88_vgg16_weights_row_by_row() -> None:
    params = parse(VGG16).graph.params()
    assert [p.size for path, p in params.items() if path.endswith(".weight")] == WEIGHTS
    assert sum(WEIGHTS) == 138_344_128
    assert parse(VGG16).ledger().totals["parameters"] == 138_357_544


def test_88_vgg16_sizes() -> None:
    ledger = parse(VGG16).ledger()
    pools = [row.output for row in ledger.rows if row.kind == "maxpool"]
    assert pools == [(112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 512)]


def test_89_vgg16_memory_is_not_what_the_material_adds_up() -> None:
    """15,237,608 values with the input and without the ReLUs, which the material does not list: 58.1 MiB, not
    93 MB."""
    ledger = parse(VGG16).ledger()
    kept = [row for row in ledger.rows if row.kind != "relu"]
    values = math.prod(ledger.input) + sum(row.activation_bytes for row in kept) // 4
    assert values == 15_237_608
    assert round(values * 4 / 2**20, 1) == 58.1


def test_91_three_quarters_of_the_parameters_are_in_one_layer() -> None:
    ledger = parse(VGG16).ledger()
    largest = max(ledger.rows, key=lambda row: row.parameters)
    assert largest.path == "fc1"
    assert round(100 * largest.parameters / ledger.totals["parameters"]) == 74


def test_95_to_102_lenet5() -> None:
    assert rows(LENET5) == {
        "c1": (156, 122_304),
        "s2": (12, 5_880),
        "c3": (1_516, 151_600),
        "s4": (32, 2_000),
        "c5": (48_120, 48_120),
        "f6": (10_164, 10_164),
        "rbf1": (0, 840),
    }
    totals = parse(LENET5).ledger().totals
    assert (totals["parameters"], totals["connections"]) == (60_000, 340_908)
    assert [row.output for row in parse(LENET5).ledger().rows] == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
        (1, 1, 120),
        (84,),
        (10,),
    ]


def test_103_alexnet_grouped_and_ungrouped() -> None:
    line = (
        "227x227x3 -> conv11-96/4 -> relu -> maxpool3/2 -> conv5-256 same groups={0} -> relu -> "
        "maxpool3/2 -> conv3-384 same -> relu -> conv3-384 same groups={0} -> relu -> "
        "conv3-256 same groups={0} -> relu -> maxpool3/2 -> [fc4096 -> relu]*2 -> fc1000"
    )
    assert parse(line.format(2)).ledger().totals["parameters"] == 60_965_224
    assert parse(line.format(1)).ledger().totals["parameters"] == 62_378_344
    conv1 = parse(line.format(2)).ledger().rows[0]
    assert (conv1.output, conv1.parameters, conv1.connections) == ((55, 55, 96), 34_944, 105_705_600)


def test_115_cnn_explainers_tiny_vgg() -> None:
    line = "64x64x3 -> [[conv3-10 -> relu]*2 -> maxpool2]*2 -> fc10"
    assert parse(line).ledger().totals["parameters"] == 19_920


@pytest.mark.parametrize(
    ("line", "multiply_adds"),
    [
        ("8x8x3 -> conv3-5", 36 * 27 * 5),
        ("8x8x4 -> conv3-6 groups=2", 36 * 18 * 6),
        ("8x8x6 -> conv3-16 table=lenet5", 36 * 9 * 60),
        ("8x8x3 -> fc10", 1920),
        ("8x8x3 -> maxpool2", 0),
        ("8x8x3 -> relu", 0),
        ("8x8x3 -> subsample2", 48),
        ("84 -> rbf", 840),
    ],
)
def test_multiply_adds(line: str, multiply_adds: int) -> None:
    assert parse(line).ledger().totals["multiply_adds"] == multiply_adds


@pytest.mark.parametrize(
    ("line", "connections"),
    [
        ("8x8x3 -> conv3-5", 36 * 28 * 5),
        ("8x8x3 -> conv3-5 bias=no", 36 * 27 * 5),
        ("8x8x3 -> fc10", 1930),
        ("8x8x3 -> fc10 bias=no", 1920),
        ("8x8x3 -> maxpool2", 16 * 3 * 4),
        ("8x8x3 -> meanpool2", 16 * 3 * 4),
        ("8x8x3 -> subsample2", 16 * 3 * 5),
    ],
)
def test_connections(line: str, connections: int) -> None:
    assert parse(line).ledger().totals["connections"] == connections


def test_bytes_are_of_the_whole_batch_and_the_rest_of_one_sample() -> None:
    one, many = parse("8x8x3 -> conv3-5").ledger(), parse("8x8x3 -> conv3-5").ledger(32)
    assert one.rows[0].activation_bytes == 36 * 5 * 4
    assert many.rows[0].activation_bytes == 32 * 36 * 5 * 4
    assert many.rows[0].multiply_adds == one.rows[0].multiply_adds
    assert (one.batch, many.batch) == (1, 32)


def test_json() -> None:
    ledger = parse("4x4x1 -> c:conv3-2 -> relu").ledger(2)
    row = {"path": "c", "kind": "conv", "output": "2x2x2", "parameters": 20, "connections": 80}
    row |= {"multiply_adds": 72, "activation_bytes": 64}
    relu = {"path": "relu1", "kind": "relu", "output": "2x2x2", "parameters": 0, "connections": 0}
    relu |= {"multiply_adds": 0, "activation_bytes": 64}
    totals = {"parameters": 20, "connections": 80, "multiply_adds": 72, "activation_bytes": 128}
    expected = {"input": "4x4x1", "batch": 2, "layers": [row, relu], "totals": totals}
    assert json.loads(json.dumps(ledger.to_json())) == expected


def test_a_ledger_is_of_a_graph() -> None:
    net = parse("4x4x1 -> relu")
    assert Ledger.of(net.graph, 3) == net.ledger(3)
