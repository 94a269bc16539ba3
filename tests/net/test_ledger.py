"""The ledger: the numbers that the teaching material and the papers print, from one line each."""

from __future__ import annotations

import json
import math

import pytest
from catalogue import row

from kitnet.base.error import KitnetError
from kitnet.layers import Convolution, Linear
from kitnet.net import Graph, Ledger, parse

VGG16 = (
    "224x224x3 -> [conv3-64 same -> relu]*2 -> maxpool2 -> [conv3-128 same -> relu]*2 -> maxpool2 -> "
    "[conv3-256 same -> relu]*3 -> maxpool2 -> [[conv3-512 same -> relu]*3 -> maxpool2]*2 -> "
    "[fc4096 -> relu]*2 -> fc1000"
)
VALUES = [150_528, 3_211_264, 3_211_264, 802_816, 1_605_632, 1_605_632, 401_408]
VALUES += [802_816] * 3 + [200_704] + [401_408] * 3 + [100_352] + [100_352] * 3 + [25_088, 4096, 4096, 1000]
LENET5 = (
    "32x32x1 -> c1:conv5-6 -> s2:subsample2 -> c3:conv5-16 table=lenet5 -> s4:subsample2 -> c5:conv5-120 -> "
    "f6:fc84 -> rbf"
)
WEIGHTS = [1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648, *[2_359_296] * 5]
WEIGHTS += [102_760_448, 16_777_216, 4_096_000]


def rows(line: str, batch: int = 1) -> dict[str, tuple[int, int]]:
    return {r.path: (r.parameters, r.connections) for r in parse(line).ledger(batch).rows}


@row(88)
def test_88_vgg16_weights_row_by_row() -> None:
    params = parse(VGG16).graph.params()
    assert [p.size for path, p in params.items() if path.endswith(".weight")] == WEIGHTS
    assert sum(WEIGHTS) == 138_344_128
    assert parse(VGG16).ledger().totals["parameters"] == 138_357_544


@row(88)
def test_88_vgg16_sizes() -> None:
    ledger = parse(VGG16).ledger()
    pools = [row.output for row in ledger.rows if row.kind == "maxpool"]
    assert pools == [(112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 512)]


@row(89)
def test_89_vgg16_memory_is_not_what_the_material_adds_up() -> None:
    """15,237,608 values with the input and without the ReLUs, which take the place of what they read: 58.1
    MiB, not 93 MB."""
    ledger = parse(VGG16).ledger()
    assert [row.values for row in (*ledger.operands, *ledger.rows) if row.values] == VALUES
    assert ledger.totals["values"] == sum(VALUES) == 15_237_608
    assert round(ledger.totals["values"] * 4 / 2**20, 1) == 58.1


@row(91)
def test_91_three_quarters_of_the_parameters_are_in_one_layer() -> None:
    ledger = parse(VGG16).ledger()
    largest = max(ledger.rows, key=lambda row: row.parameters)
    assert largest.path == "fc1"
    assert (
        round(largest.parameters / 1e6, 1) == 102.8 and round(ledger.totals["parameters"] / 1e6, 1) == 138.4
    )
    assert round(100 * largest.parameters / ledger.totals["parameters"]) == 74
    values = [row.values for row in ledger.rows]
    assert sum(values[:4]) > sum(values) / 3  # of the first two convolutions of 16 layers


@row(95, 96, 97, 98, 99, 100, 101, 102)
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


@row(103, 104)
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
    ("line", "multiply_adds", "others"),
    [
        ("8x8x3 -> conv3-5", 36 * 27 * 5, 0),
        ("8x8x4 -> conv3-6 groups=2", 36 * 18 * 6, 0),
        ("8x8x6 -> conv3-16 table=lenet5", 36 * 9 * 60, 0),
        ("8x8x3 -> local3-5", 36 * 27 * 5, 0),
        ("8x8x3 -> transposed3-5", 64 * 27 * 5, 0),
        ("8x8x3 -> fc10", 1920, 0),
        ("8x8x3 -> maxpool2", 0, 0),
        ("8x8x3 -> relu", 0, 0),
        ("8x8x3 -> batchnorm", 0, 192),
        ("8x8x3 -> subsample2", 0, 48),
        ("84 -> rbf", 0, 840),
        ("8x8x3 -> conv3-5 -> batchnorm -> fc10", 36 * 27 * 5 + 1800, 180),
    ],
)
def test_multiply_adds_and_other_multiplications(line: str, multiply_adds: int, others: int) -> None:
    """Papers and libraries count products with learned weights in sums alone."""
    totals = parse(line).ledger().totals
    assert (totals["multiply_adds"], totals["multiplications"] - totals["multiply_adds"]) == (
        multiply_adds,
        others,
    )


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


def test_a_ledger_is_of_a_graph() -> None:
    net = parse("4x4x1 -> relu")
    assert Ledger.of(net.graph, 3) == net.ledger(3)


def test_json() -> None:
    ledger = parse("4x4x1 -> c:conv3-2 -> relu").ledger(2)
    place = {"receptive_field": [3, 3], "jump": [1, 1], "offset": [0, 0], "owner": ""}
    conv = {"path": "c", "kind": "conv", "output": "2x2x2", "parameters": 20, "connections": 80}
    conv |= {"multiply_adds": 72, "activation_bytes": 64, "values": 8, "weights": 18, "biases": 2}
    conv |= {"training_bytes": 0, "inference_bytes": 192, "parameter_bytes": 80, "gradient_bytes": 144}
    conv |= {"optimiser_bytes": 80, "state_bytes": 0, "multiplications": 72, **place}
    relu = {"path": "relu1", "kind": "relu", "output": "2x2x2", "parameters": 0, "connections": 0}
    relu |= {"multiply_adds": 0, "activation_bytes": 64, "values": 0, "weights": 0, "biases": 0}
    relu |= {"training_bytes": 64, "inference_bytes": 64, "parameter_bytes": 0, "gradient_bytes": 0}
    relu |= {"optimiser_bytes": 0, "state_bytes": 0, "multiplications": 0, **place}
    found = json.loads(json.dumps(ledger.to_json()))
    assert found["layers"] == [conv, relu]
    assert list(found["layers"][0]) == list(conv)
    assert (found["input"], found["batch"], found["dtype"]) == ("4x4x1", 2, "float32")
    (given,) = found["operands"]
    assert (given["path"], given["kind"], given["values"], given["training_bytes"]) == (
        "input",
        "input",
        16,
        128,
    )
    assert found["totals"] == {
        **{"parameters": 20, "connections": 80, "multiply_adds": 72, "activation_bytes": 128, "values": 24},
        **{"weights": 18, "biases": 2, "training_bytes": 192, "inference_bytes": 192, "parameter_bytes": 80},
        **{"gradient_bytes": 144, "optimiser_bytes": 80, "state_bytes": 0, "multiplications": 72},
    }
    assert found["kinds"]["conv"]["layers"] == found["kinds"]["relu"]["layers"] == 1
    assert found["training_memory"] == {
        "parameters": 80,
        "gradients of the parameters": 80,
        "the optimiser's memory": 80,
        "state": 0,
        "values that the way back reads": 192,
        "gradients of the values": 64,
    }
    assert found["inference_memory"] == {"parameters": 80, "state": 0, "values at once": 192}


def test_a_ledger_has_the_readme_numbers_by_kind() -> None:
    kinds = parse(VGG16).ledger().by_kind
    assert {kind: total["layers"] for kind, total in kinds.items()} == {
        **{"conv": 13, "relu": 15, "maxpool": 5, "fc": 3},
    }
    assert kinds["conv"]["parameters"] + kinds["fc"]["parameters"] == 138_357_544
    assert kinds["fc"]["weights"] == 102_760_448 + 16_777_216 + 4_096_000
    assert kinds["relu"]["values"] == 0


@row(21)
@pytest.mark.parametrize(
    ("line", "weights"),
    [
        ("32x32x3 -> conv5-1", 75),
        ("16x16x20 -> conv3-1", 180),
        ("32x32x3 -> fc1", 3072),
        ("200x200x3 -> fc1", 120_000),
    ],
)
def test_connections_of_one_neuron(line: str, weights: int) -> None:
    (one,) = parse(line).ledger().rows
    neurons = math.prod(one.output)
    assert (one.weights, one.biases) == (weights, 1)
    assert one.connections == neurons * (weights + 1)


@row(22)
def test_a_million_units_on_a_million_pixels() -> None:
    """Fully connected 10^12 weights, fields of 10x10 10^8 connections, shared 100 weights."""
    graph = Graph()
    x = graph.operand("image", (1000, 1000, 1))
    graph.add("full", Linear(10**6, bias=False), x)
    graph.add("shared", Convolution(10, 1, pad="same", bias=False), x)
    full, shared = Ledger.of(graph).rows
    assert full.weights == 10**12
    assert (shared.connections, shared.weights, shared.values) == (10**8, 100, 10**6)


@row(23)
def test_weights_and_biases_are_told_apart() -> None:
    """LeNet's C1 has 25 weights a map, and a bias that some texts leave out."""
    c1 = parse(LENET5).ledger().rows[0]
    assert (c1.weights, c1.biases, c1.parameters) == (25 * 6, 6, 156)
    (full,) = parse("32x32x1 -> fc1").ledger().rows
    assert full.weights == 1024
    norm = parse("8x8x3 -> batchnorm").ledger().rows[0]
    assert (norm.weights, norm.biases, norm.state_bytes) == (3, 3, 24)


@row(27)
@pytest.mark.parametrize(
    ("size", "depth", "filters", "window", "stride", "pad"), [(7, 3, 2, 3, 2, 1), (32, 5, 4, 5, 1, 2)]
)
def test_summary_of_a_convolution(
    size: int, depth: int, filters: int, window: int, stride: int, pad: int
) -> None:
    """W2 = (W - F + 2P) / S + 1, D2 = K; F F D weights a filter and K biases."""
    line = f"{size}x{size}x{depth} -> conv{window}-{filters}/{stride} pad={pad}"
    (one,) = parse(line).ledger().rows
    out = (size - window + 2 * pad) // stride + 1
    assert one.output == (out, out, filters)
    assert (one.weights, one.biases) == (window * window * depth * filters, filters)


@row(28)
def test_layer_maps_of_the_first_network() -> None:
    found = parse("32x32x3 -> conv3-12 same -> relu -> maxpool2 -> fc10").ledger()
    assert [row.output for row in found.rows] == [(32, 32, 12), (32, 32, 12), (16, 16, 12), (10,)]
    assert found.totals["parameters"] == 31_066


@row(35, 36)
def test_alexnets_first_layer_as_a_product() -> None:
    """X_col 363x3025 and W_row 96x363: the values of the input are repeated 7.1 times."""
    ledger = parse("227x227x3 -> conv11-96/4").ledger()
    (conv,), (given,) = ledger.rows, ledger.operands
    rows, columns = conv.weights // 96, math.prod(conv.output[:-1])
    assert (rows, columns, conv.multiply_adds) == (363, 3025, 96 * 363 * 3025)
    assert (rows * columns, given.values) == (1_098_075, 154_587)
    assert round(rows * columns / given.values, 1) == 7.1


@row(104)
def test_alexnets_first_layer_unshared_and_shared() -> None:
    conv = parse("227x227x3 -> conv11-96/4").ledger().rows[0]
    assert conv.values == 290_400
    assert conv.connections == 290_400 * (363 + 1) == 105_705_600
    assert (conv.weights, conv.biases, conv.parameters) == (34_848, 96, 34_944)


@row(90)
def test_the_sources_of_memory() -> None:
    """Values and gradients, parameters with gradients and momentum; 8 bytes in float64; a batch has values of
    its own each; scores may drop what is behind them."""
    net = parse(VGG16)
    single, double, batch = net.ledger(), net.ledger(dtype="float64"), net.ledger(4)
    kept = single.training_memory
    assert kept["parameters"] == kept["the optimiser's memory"] == 4 * 138_357_544
    assert kept["gradients of the parameters"] == 4 * 138_357_544
    assert kept["gradients of the values"] == 4 * (15_237_608 - 150_528)
    # the indices of the pools take a byte; the outputs of convolutions are replaced by those of their ReLUs
    pooled = 802_816 + 401_408 + 200_704 + 100_352 + 25_088
    assert kept["values that the way back reads"] == 4 * 15_237_608 + pooled
    assert double.totals["values"] == single.totals["values"]
    assert double.training_memory["parameters"] == 8 * 138_357_544
    assert double.inference_memory["values at once"] == 2 * single.inference_memory["values at once"]
    assert (
        batch.training_memory["values that the way back reads"] == 4 * kept["values that the way back reads"]
    )
    assert batch.training_memory["parameters"] == kept["parameters"]
    assert single.inference_memory["values at once"] == 4 * 2 * 3_211_264  # conv1 and conv2


def test_what_may_be_dropped_for_scores() -> None:
    line = "4x4x1 -> conv1-2 -> relu -> residual[conv1-3 -> conv1-2] -> fc2 -> softmax"
    found = {row.path: row.inference_bytes // 4 for row in parse(line).ledger().rows}
    assert found == {
        "conv1": 16 + 32,
        "relu1": 32,  # where conv1 was
        "residual1.body.conv1": 32 + 48,
        "residual1.body.conv2": 32 + 48 + 32,  # the input is added later
        "residual1": 32 + 32 + 32,
        "fc1": 32 + 2,
        "softmax1": 2 + 2,
    }


def test_what_is_read_twice_is_not_overwritten() -> None:
    found = parse("4x4x1 -> concat[relu | tanh]").ledger().rows
    assert [row.inference_bytes // 4 for row in found] == [16 + 16, 16 + 16, 16 + 16 + 32]


def test_an_output_is_kept_to_the_end() -> None:
    found = parse("4x4x1 -> conv1-1 => early -> conv1-2 -> fc2").ledger().rows
    assert [row.inference_bytes // 4 for row in found] == [32, 16 + 32, 16 + 32 + 2]


def test_layers_used_twice_have_parameters_once_and_work_twice() -> None:
    ledger = parse("8x8x4 -> a:conv3-4 same -> relu -> @a -> fc2").ledger()
    once = parse("8x8x4 -> a:conv3-4 same -> relu -> fc2").ledger()
    first, again = [row for row in ledger.rows if row.kind == "conv"]
    assert (first.parameters, again.parameters, again.owner) == (148, 0, "a")
    assert first.multiply_adds == again.multiply_adds == 64 * 4 * 36
    assert first.connections == again.connections > 0
    assert ledger.totals["parameters"] == once.totals["parameters"]
    assert ledger.totals["optimiser_bytes"] == once.totals["optimiser_bytes"]
    assert ledger.totals["multiply_adds"] == once.totals["multiply_adds"] + first.multiply_adds


def test_blocks_and_depth() -> None:
    line = "8x8x4 -> s:[residual[conv3-4 same -> relu -> conv3-4 same] -> relu]*2 -> meanpool8 -> fc2"
    ledger = parse(line).ledger()
    whole, two = ledger.blocks(9), ledger.blocks(2)
    assert whole == ledger.rows
    assert [row.path for row in ledger.blocks(1)] == ["s", "meanpool1", "fc1"]
    assert [row.path for row in two] == ["s.0", "s.1", "meanpool1", "fc1"]
    block, inner = two[0], [row for row in ledger.rows if row.path.startswith("s.0.")]
    assert block.kind == "block" and block.output == (8, 8, 4)
    assert block.parameters == sum(row.parameters for row in inner) == 2 * 148
    assert block.multiply_adds == sum(row.multiply_adds for row in inner)
    assert block.inference_bytes == max(row.inference_bytes for row in inner)
    assert (block.receptive_field, block.offset) == ((5, 5), (-2, -2))
    assert ledger.usual_depth == 5


def test_many_layers_are_shown_by_blocks() -> None:
    ledger = parse("8x8x4 -> s:[residual[conv3-4 same -> relu -> conv3-4 same] -> relu]*12 -> fc2").ledger()
    assert len(ledger.rows) == 61 and ledger.usual_depth == 4
    assert (len(ledger.blocks(4)), len(ledger.blocks(3))) == (37, 25)
    assert parse("8x8x1 -> [relu]*60").ledger().usual_depth == 1


def test_layers_without_blocks_are_shown_by_sizes() -> None:
    line = "8x8x2 -> [conv3-2 same -> relu]*20 -> maxpool2 -> [conv3-4 same -> relu]*20 -> fc3 -> relu"
    ledger = parse(line).ledger()
    assert ledger.usual_depth == 0
    stages = ledger.blocks(0)
    assert [(row.path, row.kind, row.output) for row in stages] == [
        ("conv1 to relu20", "block", (8, 8, 2)),
        ("maxpool1 to relu40", "block", (4, 4, 4)),
        ("fc1 to relu41", "block", (3,)),
    ]
    assert sum(row.parameters for row in stages) == ledger.totals["parameters"]


def test_an_unknown_dtype_and_optimizer() -> None:
    net = parse("4x4x1 -> relu")
    with pytest.raises(KitnetError) as caught:
        net.ledger(dtype="float16")
    assert str(caught.value) == ("unknown dtype 'float16' (did you mean 'float64'?); known: float32, float64")
    with pytest.raises(KitnetError) as caught:
        net.ledger(optimizer="momentum")
    assert (
        str(caught.value)
        == "unknown optimizer 'momentum'; known: sgd, nesterov, adagrad, rmsprop, adam, adamw, muon"
    )


def test_state_and_what_forward_saves_are_counted_as_they_are() -> None:
    """A dropout saves a factor a number; the mean, deviation and share of a batch norm are of the whole "
    "batch."""
    norm, dropout = parse("4x4x3 -> batchnorm -> dropout").ledger(5).rows
    assert norm.state_bytes == 4 * 6
    assert norm.training_bytes == 4 * (3 + 3 + 1)
    assert dropout.training_bytes == 5 * 4 * 48 + 5 * 4 * 48  # the output, and the factors
