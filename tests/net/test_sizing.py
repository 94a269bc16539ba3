"""The sizing rules of the teaching material, each warning in its own words."""

from __future__ import annotations

import pytest
from catalogue import row

from kitnet.base.error import KitnetError
from kitnet.net import Graph, parse
from kitnet.net.sizing import advice, advice_on_pattern, check_no_volume

KEEPS = "{0}x{0}x3 -> [conv3-8 same -> relu -> conv3-8 same -> relu -> maxpool2]*2 -> fc10"


def said(line: str) -> list[str]:
    return [str(one) for one in advice(parse(line).graph)]


@row(85)
@pytest.mark.parametrize("size", [32, 64, 96, 224, 384, 512])
def test_usual_inputs_are_halved_five_times(size: int) -> None:
    assert said(f"{size}x{size}x3 -> [conv3-8 same -> relu -> maxpool2]*5 -> fc10") == []


@row(85)
def test_an_input_that_cannot_be_halved_so_often() -> None:
    assert said("30x30x3 -> [conv3-8 same -> relu -> maxpool2 floor]*2 -> fc10") == [
        "input: a size of 30 is not divisible by 4, but the layers halve it twice; use 28 or 32 (input)"
    ]
    assert said("3x3x1 -> conv3-8 same -> maxpool2 floor -> fc10") == [
        "input: a size of 3 is not divisible by 2, but the layers halve it once; use 2 or 4 (input)"
    ]
    assert said("64x96x3 -> [conv3-8 same -> maxpool2]*5 -> fc10") == []
    assert said("64x72x3 -> [conv3-8 same -> maxpool2 floor]*5 -> fc10") == [
        "input: a size of 72 is not divisible by 32, but the layers halve it 5 times; use 64 or 96 (input)"
    ]


def test_an_image_without_its_channel() -> None:
    told = "input: 28x28 is one axis: 28 places of 28 channels; for grey images write 28x28x1 (rank)"
    assert said("28x28 -> conv5-6 same -> fc10") == [told]
    for line in ("32x9 -> conv3-8 same -> fc10", "7x7 -> conv3-8 same -> fc10", "40x80x1 -> conv3-8 same"):
        assert said(line) == []
    with pytest.raises(KitnetError) as caught:
        check_no_volume("28x28")
    assert str(caught.value) == (
        "28x28 is an input volume without layers (28x28 is one axis: 28 places of 28 channels); write a line "
        "such as '28x28x1 -> fc10'"
    )
    with pytest.raises(KitnetError) as caught:
        check_no_volume("32x32x3")
    assert str(caught.value) == (
        "32x32x3 is an input volume without layers; write a line such as '32x32x3 -> fc10'"
    )
    check_no_volume("lenet5")


def test_strides_that_do_not_halve() -> None:
    """Each is named; a size that they divide is as good as an even one."""
    assert said("27x27x1 -> conv3-4/3 -> relu -> fc10") == []
    assert said("28x28x1 -> conv3-4/3 floor -> relu -> fc10") == [
        "input: a size of 28 is not divisible by 3, the stride of a layer; use 27 or 30 (input)"
    ]
    assert said("31x31x1 -> conv5-4/5 floor -> relu -> maxpool2 -> fc10") == [
        "input: a size of 31 is not divisible by 10, the product of the strides 5 x 2; use 30 or 40 (input)"
    ]


def test_each_axis_has_strides_of_its_own() -> None:
    lines = ["9x8x1 -> conv1x3-2/1x2 same -> fc3", "8x9x1 -> conv1x3-2/1x2 same -> fc3"]
    assert [said(line)[:1] for line in lines] == [
        [],
        ["input: a size of 9 is not divisible by 2, but the layers halve it once; use 8 or 10 (input)"],
    ]
    assert said("9x9x1 -> maxpool regions=2 -> fc3") == []  # regions always fit


def test_only_inputs_that_the_network_takes_are_proposed() -> None:
    assert said("227x227x3 -> conv11-96/4 -> [maxpool3/2]*3 -> fc10") == [
        "input: a size of 227 is not divisible by 32, but the layers halve it 5 times (input)"
    ]


def test_very_large_inputs() -> None:
    assert said("1024x1024x3 -> conv3-4 same -> fc10") == []
    assert said("100000x64x3 -> conv3-4 same -> fc10") == [
        "input: an input of 100000x64x3 is very large; usual are 32 to 512 places, enlarge only what needs "
        "it (input)"
    ]


def test_each_operand_is_halved_as_often_as_on_its_longest_way() -> None:
    line = "36x36x3 -> side[maxpool2 -> fc2 => early] -> [maxpool2 -> conv3-2 same]*2 -> maxpool3/2 -> fc2"
    assert said(line) == [
        "input: a size of 36 is not divisible by 8, but the layers halve it 3 times (input)"
    ]


@row(86)
def test_networks_that_keep_the_rules() -> None:
    for size in (32, 64, 224):
        assert said(KEEPS.format(size)) == []
    assert said("32x32x3 -> conv5-8 same -> maxpool2 -> conv1-4 -> conv3-4 same -> meanpool16 -> fc2") == []
    assert said("32x32x3 -> [conv3-8 same -> relu -> maxpool3/2 pad=1 floor]*2 -> conv8-10") == []
    assert said("10 -> fc5 -> relu -> fc2") == []


@row(86)
@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (
            "conv3-8 same -> conv7-8 same -> fc10",
            "conv2: a 7x7 filter is large behind the first layer; stack 3x3 filters, which see as much "
            "(filter)",
        ),
        (
            "conv13-8/4 pad=5 floor -> fc10",
            "conv1: a 13x13 filter is large in the first layer; stack 3x3 filters, which see as much "
            "(filter)",
        ),
        (
            "conv4-8 same -> fc10",
            "conv1: a 4x4 filter has no middle, so that no padding keeps the size; use an odd one (filter)",
        ),
        (
            "conv3-8 -> fc10",
            "conv1: a 3x3 filter changes the size, 32 to 30; write same, and let pools make it smaller "
            "(padding)",
        ),
        (
            "conv3-8 same -> conv3-8/2 pad=1 floor -> fc10",
            "conv2: a stride of 2 behind the first convolution; use stride 1 and a pool (stride)",
        ),
        (
            "conv3-8/4 pad=1 floor -> fc10",
            "conv1: a stride of 4 skips places that a 3x3 filter never sees; use a smaller one (stride)",
        ),
        (
            "conv3-8 same -> maxpool4 -> fc10",
            "maxpool1: a 4x4 window drops too much; use 2x2 or 3x3 with stride 2 (pooling)",
        ),
        (
            "conv3-8 same -> maxpool2/1 -> fc10",
            "maxpool1: a 2x2 window with stride 1 is unusual; use 2x2 or 3x3 with stride 2 (pooling)",
        ),
        (
            "conv3-8 same -> meanpool3/4 floor -> fc10",
            "meanpool1: a 3x3 window with stride 4 is unusual; use 2x2 or 3x3 with stride 2 (pooling)",
        ),
    ],
)
def test_what_breaks_a_rule(rest: str, text: str) -> None:
    assert said(f"32x32x3 -> {rest}") == [text]


def test_filters_of_their_own_at_each_place_keep_the_rules_of_filters() -> None:
    assert said("32x32x3 -> local5-8 -> relu -> maxpool2 -> fc10") == [
        "local1: a 5x5 filter changes the size, 32 to 28; write same, and let pools make it smaller (padding)"
    ]
    assert said("32x32x3 -> local5-8 same -> conv7-8 same -> fc10") == [
        "conv1: a 7x7 filter is large behind the first layer; stack 3x3 filters, which see as much (filter)"
    ]


@pytest.mark.parametrize("layer", ["scell5-8 same", "cosine7-8 same", "patch5-8", "transposed4-8"])
def test_no_rule_speaks_of_templates(layer: str) -> None:
    assert said(f"32x32x3 -> {layer} -> relu -> fc10") == []


def test_subsampling_is_a_pool() -> None:
    assert said("32x32x3 -> conv3-8 same -> subsample4 -> fc10") == [
        "subsample1: a 4x4 window drops too much; use 2x2 or 3x3 with stride 2 (pooling)"
    ]


@row(87)
def test_large_first_filters_save_memory_by_a_stride() -> None:
    """ZFNet's 7x7 with stride 2 and AlexNet's 11x11 with stride 4 pass."""
    assert said("224x224x3 -> conv7-96/2 pad=1 floor -> maxpool2 floor -> fc10") == []
    assert said("224x224x3 -> conv11-96/4 floor -> maxpool2 -> fc10") == []
    assert said("224x224x3 -> conv7-96 same -> maxpool2 -> fc10") == [
        "conv1: a 7x7 filter with stride 1 makes large volumes; use stride 2 or 4, or stack 3x3 filters "
        "(filter)"
    ]
    large = parse("224x224x3 -> conv7-96 same").ledger().totals["values"] - 150_528
    assert large / (parse("224x224x3 -> conv7-96/2 pad=3 floor").ledger().totals["values"] - 150_528) == 4


def test_a_graph_without_a_line() -> None:
    graph = Graph()
    graph.operand("x", (8, 8, 1))
    assert advice(graph) == []


def test_a_stride_of_4_halves_twice() -> None:
    assert said("34x34x3 -> conv7-8/4 pad=2 floor -> fc2") == [
        "input: a size of 34 is not divisible by 4, but the layers halve it twice; use 32 or 36 (input)"
    ]


PATTERN = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"


def said_of_pattern(line: str, **given: int) -> list[str]:
    return [str(one) for one in advice_on_pattern(parse(line, input="32x32x3", **given).body)]


@row(83)
@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 1), (3, 2)])
def test_usual_numbers_of_the_pattern(n: int, k: int) -> None:
    assert said_of_pattern(PATTERN, N=n, M=4, K=k) == []


@row(83)
def test_unusual_numbers_of_the_pattern() -> None:
    convolutions = (
        "[conv3-32 same -> relu]*4: 4 times are many for convolutions before a pool; usual are 0 to 3"
    )
    hidden = "[fc128 -> relu]*3: 3 times are many for hidden fully connected layers; usual are 0 to 2"
    assert said_of_pattern(PATTERN, N=4, M=2, K=3) == [f"{convolutions} (pattern)", f"{hidden} (pattern)"]
    assert said_of_pattern("INPUT -> [CONV -> RELU -> POOL]*5 -> FC") == []
    local = said_of_pattern("INPUT -> [CONV -> local3-8 same]*4 -> FC")
    assert local == [
        "[conv3-32 same -> local3-8 same]*4: 4 times are many for convolutions before a pool; usual are 0 "
        "to 3 (pattern)"
    ]
