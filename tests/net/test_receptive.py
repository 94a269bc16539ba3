"""Receptive fields: by the recursion, and by asking which places of the input change a number."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.layers import Add, Convolution
from kitnet.net import Graph
from kitnet.net.receptive import Field, fields


def field(line: str) -> tuple[int, ...]:
    """Of the last value."""
    return kitnet.parse(line).ledger().rows[-1].receptive_field


@row(31)
def test_small_filters_one_behind_the_other_see_as_much_as_a_large_one() -> None:
    assert field("32x32x4 -> [conv3-4]*2") == field("32x32x4 -> conv5-4") == (5, 5)
    assert field("32x32x4 -> [conv3-4]*3") == field("32x32x4 -> conv7-4") == (7, 7)
    weights = [
        kitnet.parse(f"32x32x{c} -> {rest}").ledger().totals["weights"]
        for c in (4, 10)
        for rest in (f"[conv3-{c}]*3", f"conv7-{c}")
    ]
    assert weights == [27 * 16, 49 * 16, 27 * 100, 49 * 100]
    pair = [
        kitnet.parse(f"32x32x1 -> {rest}").ledger().totals["weights"] for rest in ("[conv3-1]*2", "conv5-1")
    ]
    assert pair == [18, 25]


@row(136)
def test_dilation_makes_it_grow_fast() -> None:
    line = "32x32x1 -> conv3-1 -> conv3-1 dilation={} -> conv3-1 dilation={}"
    dilated = kitnet.parse(line.format(2, 4)).ledger().rows
    assert [row.receptive_field for row in dilated] == [(3, 3), (7, 7), (15, 15)]
    plain = kitnet.parse(line.format(1, 1)).ledger().rows
    assert [row.receptive_field for row in plain] == [(3, 3), (5, 5), (7, 7)]


@row(137)
def test_a_pool_makes_that_of_the_next_layer_larger() -> None:
    assert field("32x32x1 -> conv3-1 -> maxpool2 -> conv3-1") == (8, 8)
    assert field("32x32x1 -> conv3-1 -> conv3-1") == (5, 5)


def test_one_number_of_a_fully_connected_layer_sees_everything() -> None:
    assert field("32x32x3 -> fc10") == field("32x32x3 -> flatten -> fc10") == (32, 32)
    assert field("32x32x3 -> flatten -> relu") == (1, 1)


def test_jump_and_offset() -> None:
    """AlexNet's beginning (Araujo et al. 2019 give 195 and 32 for the last pool with padding as here)."""
    line = (
        "227x227x3 -> conv11-96/4 -> relu -> maxpool3/2 -> conv5-256 same -> relu -> maxpool3/2 -> "
        "conv3-384 same -> relu -> conv3-384 same -> relu -> conv3-256 same -> relu -> maxpool3/2 -> fc10"
    )
    rows = {row.path: row for row in kitnet.parse(line).ledger().rows}
    found = {path: (r.receptive_field, r.jump, r.offset) for path, r in rows.items()}
    assert found["conv1"] == ((11, 11), (4, 4), (0, 0))
    assert found["maxpool1"] == ((19, 19), (8, 8), (0, 0))
    assert found["conv2"] == ((51, 51), (8, 8), (-16, -16))
    assert found["maxpool3"] == ((195, 195), (32, 32), (-64, -64))
    assert found["fc1"] == ((355, 355), (32, 32), (-64, -64))


def test_each_axis_has_its_own() -> None:
    (one,) = kitnet.parse("9x11x1 -> conv3x5-2/2x1 pad=1x0").ledger().rows
    assert (one.receptive_field, one.jump, one.offset) == ((3, 5), (2, 1), (-1, 0))
    (one,) = kitnet.parse("20x1 -> conv3-2/2 floor").ledger().rows
    assert (one.receptive_field, one.jump, one.offset) == ((3,), (2,), (0,))
    (one,) = kitnet.parse("20 -> fc5").ledger().rows
    assert (one.receptive_field, one.jump, one.offset) == ((), (), ())


def test_a_padding_layer_moves_the_offset_alone() -> None:
    apart = kitnet.parse("9x9x1 -> maxpool3 -> pad places=2:1x0:3 -> conv3-1").ledger().rows[-1]
    inside = kitnet.parse("9x9x1 -> maxpool3 -> conv3-1 pad=2:1x0:3").ledger().rows[-1]
    assert (apart.receptive_field, apart.jump, apart.offset) == ((9, 9), (3, 3), (-6, 0))
    assert (inside.receptive_field, inside.jump, inside.offset) == ((9, 9), (3, 3), (-6, 0))


def test_where_branches_meet_the_union_counts() -> None:
    assert field("32x32x1 -> concat[conv1-2 | conv3-2 same | conv5-2 same]") == (5, 5)
    assert field("32x32x1 -> residual[conv3-1 same -> conv3-1 same]") == (5, 5)
    graph = Graph()
    x = graph.operand("x", (9, 9, 1))
    left = graph.add("left", Convolution(3, 1, pad=((2, 0), (2, 0))), x)
    right = graph.add("right", Convolution(3, 1, pad=((0, 2), (0, 2))), x)
    graph.add("sum", Add(), left, right)
    assert fields(graph)[-1] == (Field(5, 1, -2, 9),) * 2


def test_what_is_the_same_everywhere_moves_nothing() -> None:
    """The weights of squeeze-and-excitation see all, but the value keeps its grid."""
    line = "32x32x8 -> multiply[identity | [meanpool global -> conv1-8 -> sigmoid]] -> conv3-8 same"
    multiply, conv = kitnet.parse(line).ledger().rows[-2:]
    assert (multiply.receptive_field, multiply.jump) == ((32, 32), (1, 1))
    assert (conv.receptive_field, conv.jump, conv.offset) == ((34, 34), (1, 1), (-1, -1))


def test_layers_that_enlarge_halve_the_jump() -> None:
    rows = {
        line: kitnet.parse(line).ledger().rows[-1]
        for line in (
            "16x16x3 -> transposed4-6/2",
            "32x32x3 -> conv3-8/2 pad=1 floor -> upsample2 -> conv3-8 same",
            "16x16x3 -> conv2-4/2 -> transposed2-4/2",
            "16x16x1 -> concat[identity | maxpool2 -> upsample2]",
            "9x9x1 -> upsample3 bilinear",
        )
    }
    found = [(row.receptive_field[0], row.jump[0]) for row in rows.values()]
    assert found == [(2, 0.5), (5, 1), (2, 1), (2, 1), (2, pytest.approx(1 / 3))]


ENLARGING = [
    "9x8x1 -> transposed4-2/2",
    "9x8x1 -> transposed3-2/2 pad=1 -> conv3-1",
    "7x6x1 -> transposed3-1/3 pad=1x0 output_pad=1",
    "9x9x1 -> transposed3-1/2 dilation=2 pad=valid",
    "8x9x1 -> upsample2 -> conv2-1",
    "8x9x1 -> upsample3 bilinear",
    "12x12x1 -> conv3-1/2 floor -> upsample2 -> conv3-1",
    "8x8x1 -> unpool2[maxpool2 | identity]",
    "9x9x1 -> unpool3/2[maxpool3/2 -> conv3-1 same | identity]",
]


@pytest.mark.parametrize("line", ENLARGING)
def test_the_field_of_an_enlarged_value_holds_what_a_number_sees(line: str) -> None:
    """Of each position along an axis. It begins up to a step of the smaller value, here 1, earlier than
    offset and jump say, and ends within."""
    net = kitnet.parse(line).initialise(0, np.float64)
    net.weights.flat[...] = np.abs(net.weights.flat) + 0.1
    random, last = np.random.default_rng(1), net.ledger().rows[-1]
    tapes = [net.tape(random.uniform(1, 2, (1, *net.input_shape))) for _ in range(12)]
    for along in (0, 1):
        size, jump, offset = last.receptive_field[along], last.jump[along], last.offset[along]
        widest = 0
        for o in range(net.output_shape[along]):
            at = [n // 2 for n in net.output_shape[:2]]
            at[along] = o
            dy = np.zeros((1, *net.output_shape))
            dy[0, *at] = 1
            reached = np.zeros(net.input_shape[:2], bool)
            for tape in tapes:
                tape.backward(dy)
                reached |= (tape.gradient["input"][0] != 0).any(-1)
            seen = np.flatnonzero(reached.any(1 - along))
            first = offset + o * jump
            assert all(first - 1 <= place < first + size for place in seen), (o, seen, first)
            widest = max(widest, len(seen) and seen[-1] - seen[0] + 1)
        assert widest <= size


LINES = [
    "12x13x1 -> conv3-2 same -> maxpool2/2 floor -> conv2-2",
    "12x13x1 -> conv3-2/2 ceil -> relu -> conv3-2 pad=1",
    "11x12x1 -> conv2-2/4 crop",
    "12x12x1 -> residual[conv3-1 same -> conv3-1 same dilation=2] -> meanpool3/2 floor",
    "12x12x1 -> concat[conv1-2 | conv5-2 same] -> conv3-1",
    "12x12x1 -> maxpool2 -> flatten -> fc3",
    "12x13x1 -> conv2-1/2 floor -> pad places=2:1x1:0 -> conv3-2/2 floor",
    "8x8x1 -> conv3-4 -> slice start=0,0,1 size=6x6x2 -> gather axis=3 indices=1,1 -> reduce max over=3",
    "6x6x1 -> conv3-2 same -> resize3 linear antialias=yes centres=align_corners -> conv2-2",
]


NOT_FOLLOWED = [
    "6x7x1 -> maxpool2/1 -> permute order=2,1,3 -> conv1-1",
    "6x7x1 -> conv3-2 -> reshape to=5x4x2 -> relu -> conv2-2",
    "6x6x1 -> reduce mean over=1 -> conv1-2",
    "6x6x1 -> conv3-2 -> slice start=3,0,0 size=4x4x2 step=-1,1,1",
    "5x5x1 -> matmul[reshape to=5x5 | reshape to=5x5] -> reshape to=5x5x1 -> upsample2",
]


@pytest.mark.parametrize("line", [*LINES, *NOT_FOLLOWED])
def test_the_field_is_where_the_gradient_of_a_number_reaches(line: str) -> None:
    """All weights are positive, so that nothing cancels."""
    net = kitnet.parse(line).initialise(0, np.float64)
    net.weights.flat[...] = np.abs(net.weights.flat) + 0.1
    random = np.random.default_rng(1)
    last = net.ledger().rows[-1]
    places = net.output_shape[:-1] or (1,) * 2
    reached = np.zeros(net.input_shape[:-1], bool)
    for _ in range(30):  # another winner of each maximum
        tape = net.tape(random.uniform(1, 2, (1, *net.input_shape)))
        dy = np.zeros((1, *net.output_shape))
        middle = tuple(size // 2 for size in places)
        dy[0][middle if len(net.output_shape) > 1 else 0] = 1
        tape.backward(dy)
        reached |= (tape.gradient["input"][0] != 0).any(-1)
    for along, (size, jump, offset) in enumerate(
        zip(last.receptive_field, last.jump, last.offset, strict=True)
    ):
        seen = np.flatnonzero(reached.any(1 - along))
        at = middle[along] if len(net.output_shape) > 1 else 0
        first = offset + at * jump
        field = max(first, 0), min(first + size, reached.shape[along]) - 1
        if line in NOT_FOLLOWED:  # all of the input that any position may see
            assert field[0] <= seen[0] <= seen[-1] <= field[1]
        else:
            assert (seen[0], seen[-1]) == field
