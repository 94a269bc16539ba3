"""What becomes of places that a stride does not divide, and what is said where a window does not fit."""

from __future__ import annotations

import itertools
import pickle
import re
from dataclasses import dataclass
from typing import cast

import pytest
from catalogue import row
from hypothesis import given
from hypothesis import strategies as st

import kitnet
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.misfit import MisfitError, rule
from kitnet.base.shape import MISFITS, Axis, Misfit, Shape, Sliding, slide
from kitnet.layers import Concatenate, Convolution, Layer
from kitnet.net import Graph, Node
from kitnet.net.origin import with_tried_repairs


def said(*args: object, **kwargs: object) -> str:
    with pytest.raises(ShapeError) as caught:
        slide(*args, **kwargs)  # type: ignore[arg-type]
    return str(caught.value)


def refused(line: str) -> str:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    return str(caught.value)


# The five ways


@row(18)
@pytest.mark.parametrize(
    ("on_misfit", "axis"),
    [
        ("floor", Axis(10, 3, 2, 1, 0, 0, 4)),  # the last place is not read
        ("ceil", Axis(10, 3, 2, 1, 0, 1, 5)),
        ("pad", Axis(10, 3, 2, 1, 0, 1, 5)),
        ("crop", Axis(10, 3, 2, 1, 0, -1, 4)),
    ],
)
def test_a_window_of_3_with_stride_2_on_10_places(on_misfit: Misfit, axis: Axis) -> None:
    assert slide((10, 1), 3, 2, on_misfit=on_misfit) == (axis,)


@row(103)
def test_the_padding_that_is_missing_is_dealt_to_both_sides() -> None:
    """AlexNet on 224: 3 places are missing, 1 before and 2 after, and 55 positions come out."""
    high, wide = slide((224, 224, 3), 11, 4, on_misfit="pad")
    assert high == wide == Axis(224, 11, 4, 1, 1, 2, 55)


def test_the_rest_is_cropped_from_both_sides() -> None:
    assert slide((10, 1), 3, 4, on_misfit="crop") == (Axis(10, 3, 4, 1, -1, -2, 2),)
    assert slide((10, 1), 3, 4, 2, on_misfit="crop") == (
        Axis(10, 3, 4, 1, 1, 0, 3),
    )  # from the padding first


def test_the_window_that_hangs_over_begins_on_the_input() -> None:
    """Otherwise it would see padding alone."""
    assert slide((6, 1), 2, 3, on_misfit="ceil") == (Axis(6, 2, 3, 1, 0, 0, 2),)
    assert slide((7, 1), 2, 3, on_misfit="ceil") == (Axis(7, 2, 3, 1, 0, 1, 3),)


small = st.integers(1, 7)


@given(
    st.integers(1, 30), small, small, small, st.integers(0, 4), st.integers(0, 4), st.sampled_from(MISFITS)
)
def test_what_any_way_gives(
    size: int, window: int, stride: int, dilation: int, before: int, after: int, on_misfit: Misfit
) -> None:
    axis = Sliding(size, window, stride, dilation, (before, after), on_misfit).axis()
    left = size + before + after - dilation * (window - 1) - 1
    if left < 0:
        assert axis is None  # no way to treat the rest makes a window fit
        return
    if left % stride == 0:
        assert axis == Axis(size, window, stride, dilation, before, after, left // stride + 1)
        return
    if on_misfit == "error":
        assert axis is None
        return
    assert axis is not None
    used = (axis.output - 1) * stride + axis.extent
    padded = size + axis.before + axis.after
    if on_misfit == "floor":
        assert (axis.before, axis.after) == (before, after) and 0 < padded - used < stride
    elif on_misfit == "pad":
        assert used == padded and 0 <= (axis.after - after) - (axis.before - before) <= 1
        assert axis.output == left // stride + 2
    elif on_misfit == "crop":
        assert used == padded and 0 <= (after - axis.after) - (before - axis.before) <= 1
        assert axis.output == left // stride + 1
    elif axis.output == left // stride + 2:
        assert used == padded and axis.before == before
        assert (axis.output - 1) * stride < before + size
    else:
        assert (left // stride + 1) * stride >= before + size


@pytest.mark.parametrize("on_misfit", MISFITS)
def test_the_word_stands_in_the_line(on_misfit: Misfit) -> None:
    text = "" if on_misfit == "error" else f" {on_misfit}"
    net = kitnet.parse(f"11x11x1 -> conv3-2/2{text} -> maxpool5{text}")
    assert str(net) == f"11x11x1 -> conv3-2/2{text} -> maxpool5{text}"


def test_one_word_for_all_layers_that_have_none() -> None:
    net = kitnet.parse("10x10x1 -> conv3-2/2 -> maxpool3 crop -> relu -> fc2", on_misfit="ceil")
    assert str(net) == "10x10x1 -> conv3-2/2 ceil -> maxpool3 crop -> relu -> fc2"
    assert [node.shape for node in net.graph.nodes[1:3]] == [(5, 5, 2), (1, 1, 2)]


def test_an_unknown_word() -> None:
    with pytest.raises(KitnetError) as caught:
        kitnet.parse("8x8x1 -> relu", on_misfit="flor")
    assert str(caught.value) == (
        "unknown on_misfit 'flor' (did you mean 'floor'?); known: error, floor, ceil, pad, crop"
    )


# What is said


def test_the_rule_with_the_users_numbers() -> None:
    assert rule(Sliding(227, 11, 5, 1, (0, 0), "error")) == "(227 - 11 + 2*0) / 5 + 1 = 44.2"
    assert rule(Sliding(5, 3, 3, 1, (1, 1), "error")) == "(5 - 3 + 2*1) / 3 + 1 = 2.333"
    assert rule(Sliding(224, 11, 4, 1, (1, 2), "error")) == "(224 - 11 + 1 + 2) / 4 + 1 = 55"
    assert rule(Sliding(9, 3, 2, 3, "full", "error")) == "(9 - 7 + 2*6) / 2 + 1 = 8"
    assert rule(Sliding(2, 3, 2, 1, (0, 0), "error")) == "(2 - 3 + 2*0) / 2 + 1 = 0.5"
    assert rule(Sliding(9000, 3, 7, 1, (0, 0), "error")) == "(9000 - 3 + 2*0) / 7 + 1 = 1286.285714"
    assert rule(Sliding(99999, 3, 1, 1, (0, 0), "error")) == "(99999 - 3 + 2*0) / 1 + 1 = 99997"


def test_227_with_a_stride_of_5() -> None:
    assert refused("227x227x3 -> conv11-96/5") == (
        "conv1: a stride of 5 does not divide: (227 - 11 + 2*0) / 5 + 1 = 44.2 positions of an 11x11 filter "
        "on its 227x227x3 input; use stride=4, a 226x226x3 or 231x231x3 input, a 12x12 filter, or write "
        "floor to drop the last 1"
    )


@row(17)
def test_a_stride_of_3_on_5_places() -> None:
    assert refused("5x1 -> conv3-1/3 pad=1") == (
        "conv1: a stride of 3 does not divide: (5 - 3 + 2*1) / 3 + 1 = 2.333 positions of a 3 filter on its "
        "5x1 input; use stride=2, pad=0:1, a 4x1 or 7x1 input, or write floor to drop the last 1"
    )


@row(103)
def test_alexnet_on_224() -> None:
    assert refused("224x224x3 -> conv11-96/4") == (
        "conv1: a stride of 4 does not divide: (224 - 11 + 2*0) / 4 + 1 = 54.25 positions of an 11x11 filter "
        "on its 224x224x3 input; use stride=3, a 223x223x3 or 227x227x3 input, a 12x12 filter, or write "
        "floor to drop the last 1"
    )


def test_each_axis_is_repaired_where_it_needs_it() -> None:
    assert said((10, 11, 2), 3, 2, what="filter") == (
        "a stride of 2 does not divide: (10 - 3 + 2*0) / 2 + 1 = 4.5 positions of a 3x3 filter on its "
        "10x11x2 input; use stride=1x2, pad=0:1x0, a 9x11x2 or 11x11x2 input, or write floor to drop the "
        "last 1"
    )
    uneven = said((10, 11, 2), 3, 2, (0, (0, 2)), what="filter")
    assert "pad=0:1x0:2," in uneven  # what fits stays as it is


def test_a_pool_whose_windows_lie_side_by_side_gets_a_window_that_does() -> None:
    """A window of 4 would fit with stride 3, but side by side its stride is 4."""
    assert refused("10x10x1 -> maxpool3") == (
        "maxpool1: a stride of 3 does not divide: (10 - 3 + 2*0) / 3 + 1 = 3.333 positions of a 3x3 pooling "
        "window on its 10x10x1 input; use pad=1, a 9x9x1 or 12x12x1 input, a 2x2 pooling window, or write "
        "floor to drop the last 1"
    )
    assert kitnet.parse("10x10x1 -> maxpool2").output_shape == (5, 5, 1)


def test_no_padding_is_proposed_to_a_layer_that_takes_none() -> None:
    assert refused("4x4x1 -> subsample3") == (
        "subsample1: a stride of 3 does not divide: (4 - 3 + 2*0) / 3 + 1 = 1.333 positions of a 3x3 "
        "subsampling window on its 4x4x1 input; use a 3x3x1 or 6x6x1 input, a 2x2 subsampling window, "
        "stride=1, or write floor to drop the last 1"
    )


# The layers so far, and the network's own input


def test_behind_other_layers_the_input_of_the_network_is_proposed() -> None:
    assert refused("28x28x1 -> conv5-6 -> tanh -> maxpool2 -> conv5-16/3") == (
        "conv2: a stride of 3 does not divide: (12 - 5 + 2*0) / 3 + 1 = 3.333 positions of a 5x5 filter on "
        "its 12x12x6 input (so far: 28x28x1 -> conv1 24x24x6 -> maxpool1 12x12x6); use pad=1, a 6x6 filter, "
        "a 26x26x1 or 32x32x1 input of the network, or write floor to drop the last 1"
    )
    assert refused("30x30x1 -> conv5-6 -> maxpool2 -> conv2-16/4") == (
        "conv2: a stride of 4 does not divide: (13 - 2 + 2*0) / 4 + 1 = 3.75 positions of a 2x2 filter on "
        "its "
        "13x13x6 input (so far: 30x30x1 -> conv1 26x26x6 -> maxpool1 13x13x6); use pad=0:1x0:1, a 1x1 "
        "filter, "
        "a 24x24x1 or 32x32x1 input of the network, or write floor to drop the last 3"
    )
    assert kitnet.parse("32x32x1 -> conv5-6 -> maxpool2 -> conv2-16/4").output_shape == (4, 4, 16)
    assert kitnet.parse("24x24x1 -> conv5-6 -> maxpool2 -> conv2-16/4").output_shape == (3, 3, 16)


def test_all_layers_fit_behind_the_input_that_is_proposed() -> None:
    assert "a 24x24x1 or 32x32x1 input," in refused("29x29x1 -> [maxpool2]*3")
    assert "a 24x24x1 or 32x32x1 input of the network," in refused("30x30x1 -> [maxpool2]*3")
    assert "input" not in refused("30x29x1 -> maxpool2 -> maxpool2 -> fc10 -> conv2-3").partition(";")[2]


@pytest.mark.parametrize(
    "pattern", ["[conv5-4 -> maxpool2]*2", "conv3-4/2 -> maxpool3/2 -> conv2-3/3 -> fc2"]
)
def test_what_is_proposed_for_the_input_can_be_read(pattern: str) -> None:
    proposed = 0
    for size in range(6, 60):
        try:
            kitnet.parse(f"{size}x{size}x1 -> {pattern}")
        except ShapeError as error:
            for volume in re.findall(
                r"(\d+x\d+x1)(?= or \d+x\d+x1 input| input)", str(error).partition(";")[2]
            ):
                kitnet.parse(f"{volume} -> {pattern}")
                proposed += 1
    assert proposed > 20


def test_where_nothing_repairs_it_the_rule_is_told_alone() -> None:
    said = refused("1x2x3 -> maxpool1x3/2 pad=1 dilation=2")
    assert said.endswith("(2 - 5 + 2*1) / 2 + 1 = 0.5") or "; use " in said


def test_floor_is_for_layers_that_know_it_and_where_it_is_enough() -> None:
    assert "floor" not in refused("9x9x3 -> cosine2-4/2")
    assert "floor" not in refused("12x12x2 -> conv1x8-4/4 dilation=2")
    assert refused("8x8x1 -> conv3-1/2").endswith(", or write floor to drop the last 1")


def test_a_long_way_is_told_from_its_end() -> None:
    line = "64x64x1 -> [conv3-2 -> relu]*8 -> maxpool7"
    assert (
        "(so far: 64x64x1 -> ... -> conv5 54x54x2 -> conv6 52x52x2 -> conv7 50x50x2 -> conv8 48x48x2 -> "
        "relu8 48x48x2)"
    ) in refused(line)


def test_the_network_may_need_a_much_larger_input() -> None:
    assert refused("8x8x1 -> meanpool8 -> conv3-2") == (
        "conv1: a 3x3 filter does not fit its 1x1x1 input: (1 - 3 + 2*0) / 1 + 1 = -1 (so far: 8x8x1 -> "
        "meanpool1 1x1x1); use pad=1, a 1x1 filter, or a 24x24x1 input of the network"
    )


def test_with_two_operands_no_other_input_is_proposed() -> None:
    graph = Graph()
    left, right = graph.operand("left", (4, 4, 1)), graph.operand("right", (4, 4, 2))
    both = graph.add("both", Concatenate(), left, right)
    with pytest.raises(ShapeError) as caught:
        graph.add("conv", Convolution(5, 1), both)
    assert str(caught.value) == (
        "conv: a 5x5 filter does not fit its 4x4x3 input: (4 - 5 + 2*0) / 1 + 1 = 0 (so far: 4x4x1 -> both "
        "4x4x3); use pad=0:1x0:1, or a 4x4 filter"
    )


PROPOSED = re.compile(r"stride=(\S+?),|pad=(\S+?),|an? (\d\S*) (?:or (\S+) )?input|an? (\S+) filter")


@given(
    st.integers(1, 24),
    st.integers(1, 24),
    small,
    small,
    st.integers(1, 5),
    st.integers(0, 2),
    st.integers(1, 3),
)
def test_whatever_is_proposed_fits(
    high: int, wide: int, window: int, other: int, stride: int, pad: int, dilation: int
) -> None:
    rest = f"dilation={dilation}"
    try:
        kitnet.parse(f"{high}x{wide}x1 -> conv{window}x{other}-1/{stride} pad={pad} {rest}")
    except ShapeError as error:
        proposed = PROPOSED.findall(f"{str(error).split('; use ')[1]}, ")
        assert 2 <= len(proposed) <= 3
        for strides, pads, volume, second, filter in proposed:
            for size in [v for v in (volume, second) if v] or [f"{high}x{wide}x1"]:
                conv = f"conv{filter or f'{window}x{other}'}-1/{strides or stride}"
                kitnet.parse(f"{size} -> {conv} pad={pads or pad} {rest}")


def test_an_error_of_sizes_knows_its_repairs() -> None:
    with pytest.raises(MisfitError) as caught:
        slide((10, 1), 3, 2)
    assert [repair.text for repair in caught.value.repairs] == [
        *("stride=1", "pad=0:1", "a 9x1 or 11x1 input", "a 2 window"),
    ]
    assert [repair.python for repair in caught.value.repairs[:2]] == ["stride=1", "pad=((0, 1),)"]


def test_it_looks_for_them_when_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs are tried by the hundred, and each that does not fit is such an error."""
    monkeypatch.setattr("kitnet.base.misfit._repairs", lambda *asked: 1 / 0)
    with pytest.raises(MisfitError) as caught:
        slide((10, 1), 3, 2)
    with pytest.raises(ZeroDivisionError):
        str(caught.value)


def test_it_can_be_sent_to_another_process() -> None:
    with pytest.raises(MisfitError) as caught:
        slide((10, 1), 3, 2)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and copy.remedy.startswith("use stride=1, pad=0:1, ")
    assert str(pickle.loads(pickle.dumps(ShapeError("too big", "cut it")))) == "too big; cut it"


@pytest.mark.parametrize(
    "line",
    [
        *("7x9x2 -> maxpool2x3/4", "11x10x2 -> maxpool2x3/4", "31x32x2 -> maxpool2x3/4"),
        "7x9x2 -> conv2x3-1/4",  # which a convolution would take
    ],
)
def test_no_repair_puts_a_window_wholly_into_padding(line: str) -> None:
    assert "pad=" not in refused(line)


# Windows in padding, and what follows in the line


def test_a_window_in_padding_with_the_users_numbers() -> None:
    assert refused("8x8x1 -> maxpool2 pad=2") == (
        "maxpool1: a 2x2 pooling window lies wholly in padding, where there is nothing to pool: window 1 of "
        "6 begins at place 0*2 - 2 = -2 and ends at -2 + 2 - 1 = -1, outside the places 0 to 7 of its 8x8x1 "
        "input; use pad=1, or a 3x3 pooling window"
    )
    assert refused("2x2x1 -> meanpool2/1 dilation=3 pad=1") == (
        "meanpool1: a 2x2 pooling window lies wholly in padding, where there is nothing to pool: window 1 of "
        "1 begins at place 0*1 - 1 = -1 and ends at -1 + 4 - 1 = 2 in steps of 3, outside the places 0 to 1 "
        "of its 2x2x1 input; use a 3x3x1 input"
    )


@pytest.mark.parametrize("word", ["maxpool", "meanpool", "normpool"])
def test_no_repair_of_a_padded_pool_leads_to_a_further_error(word: str) -> None:
    """Each is tried as it is printed."""
    tried = 0
    for size, window, stride, pad in itertools.product((5, 6, 7), (2, 3), (2, 3, 4), (1, 2, 3)):
        pool = f"{word}{{}}/{{}} pad={{}} {{}}"
        try:
            kitnet.parse(f"{size}x{size}x1 -> {pool.format(window, stride, pad, '')}")
        except ShapeError as error:
            remedy = str(error).partition("; use ")[2]
            for strides, pads, volume, second, other in PROPOSED.findall(
                f"{remedy}, ".replace("pooling", "")
            ):
                for input in [v for v in (volume, second) if v] or [f"{size}x{size}x1"]:
                    numbers = (other.split()[0] if other else window, strides or stride, pads or pad, "")
                    kitnet.parse(f"{input} -> {pool.format(*numbers)}")
                    tried += 1
            if "write floor" in remedy:
                kitnet.parse(f"{size}x{size}x1 -> {pool.format(window, stride, pad, 'floor')}")
    assert tried > 40


def test_a_repair_with_which_the_rest_of_the_line_does_not_fit_is_not_proposed() -> None:
    """A stride of 1, or floor, would leave a volume that the second pool does not divide."""
    assert refused("10x10x1 -> maxpool3 -> conv4-3 -> fc2") == (
        "maxpool1: a stride of 3 does not divide: (10 - 3 + 2*0) / 3 + 1 = 3.333 positions of a 3x3 pooling "
        "window on its 10x10x1 input; use pad=1, a 2x2 pooling window, or a 12x12x1 input"
    )
    assert refused("227x227x3 -> conv11-96/5 -> maxpool3/2 -> conv5-256 same -> maxpool3/2") == (
        "conv1: a stride of 5 does not divide: (227 - 11 + 2*0) / 5 + 1 = 44.2 positions of an 11x11 filter "
        "on its 227x227x3 input; use stride=4, or a 221x221x3 or 241x241x3 input"
    )


def test_where_no_repair_lets_the_whole_line_fit_those_of_the_layer_are_told() -> None:
    assert refused("10x10x1 -> maxpool3 -> relu -> conv99-3").endswith(
        "; use pad=1, a 2x2 pooling window, stride=1, or write floor to drop the last 1"
    )


def test_a_repair_of_a_repeated_layer_is_tried_in_all_its_places() -> None:
    """Padding the first pool alone would do; but the line has one term for both."""
    assert refused("7x7x1 -> [maxpool2]*2") == (
        "maxpool1: a stride of 2 does not divide: (7 - 2 + 2*0) / 2 + 1 = 3.5 positions of a 2x2 pooling "
        "window on its 7x7x1 input; use stride=1, an 8x8x1 input, a 1x1 pooling window, or write floor to "
        "drop the last 1"
    )
    assert "use stride=1, pad=0:1x0:1, or an 8x8x1 input" in refused("7x7x1 -> maxpool2 -> maxpool2")


def test_only_arguments_that_the_layer_has_are_proposed() -> None:
    """`slide` proposes a padding, which this layer does not take."""

    @dataclass(frozen=True)
    class Bare:
        window: int = 3

        def output_shape(self, *x: Shape) -> Shape:
            slide(x[0], self.window, what="window")
            return x[0]

    nodes = [Node("x", None, (), (2, 2, 1), "x")]
    with pytest.raises(MisfitError) as caught:
        Bare().output_shape((2, 2, 1))
    error = with_tried_repairs(caught.value, nodes, cast(Layer, Bare()), [0], None)
    assert str(error) == (
        "a 3x3 window does not fit its 2x2x1 input: (2 - 3 + 2*0) / 1 + 1 = 0; use a 3x3x1 input, or a 2x2 "
        "window"
    )
