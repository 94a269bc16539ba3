"""What a line leaves open: numbers of repetitions, and layers by words in capitals."""

from __future__ import annotations

from itertools import product

import pytest
from catalogue import row

from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.net import parse

PATTERN = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"


def refusal(line: str, **given: object) -> str:
    with pytest.raises(KitnetError) as caught:
        parse(line, **given)
    return str(caught.value)


def at(line: str, reason: str, column: int) -> str:
    return f"{reason}\n  {line}\n  {' ' * column}^"


@row(83)
@pytest.mark.parametrize(("n", "m", "k"), [*product(range(4), range(4), range(3))])
def test_the_pattern_of_the_material(n: int, m: int, k: int) -> None:
    net = parse(PATTERN, input="32x32x3", N=n, M=m, K=k)
    words = [node.layer.word for node in net.graph.nodes if node.layer is not None]
    assert words == (["conv", "relu"] * n + ["maxpool"]) * m + ["fc", "relu"] * k + ["fc"]
    assert net.output_shape == (10,)
    assert parse(str(net)) == net


@row(83)
def test_without_its_pools() -> None:
    net = parse(PATTERN, input="32x32x3", N=1, M=2, K=0, optional=False)
    assert str(net) == "32x32x3 -> [conv3-32 same -> relu]*2 -> fc10"


@row(84)
@pytest.mark.parametrize(
    ("line", "given", "printed"),
    [
        ("INPUT->FC", {}, "32x32x3 -> fc10"),
        ("INPUT -> CONV -> RELU -> FC", {}, "32x32x3 -> conv3-32 same -> relu -> fc10"),
        (
            "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC",
            {},
            "32x32x3 -> [conv3-32 same -> relu -> maxpool2]*2 -> fc128 -> relu -> fc10",
        ),
        (
            "INPUT -> [CONV -> RELU -> CONV -> RELU -> POOL]*3 -> [FC -> RELU]*2 -> FC",
            {"CONV": "conv3-8 same", "classes": 7},
            "32x32x3 -> [conv3-8 same -> relu -> conv3-8 same -> relu -> maxpool2]*3 -> [fc128 -> relu]*2 "
            "-> fc7",
        ),
    ],
)
def test_the_four_instances(line: str, given: dict[str, object], printed: str) -> None:
    net = parse(line, input=(32, 32, 3), **given)
    assert str(net) == printed
    assert parse(printed) == net


@row(84)
@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ({"N": 0, "M": 0, "K": 0}, "INPUT -> FC"),
        ({"N": 1, "M": 2, "K": 1}, "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC"),
    ],
)
def test_instances_are_what_the_pattern_gives(numbers: dict[str, int], line: str) -> None:
    assert parse(PATTERN, input="32x32x3", **numbers) == parse(line, input="32x32x3")


def test_every_word_may_be_another_layer() -> None:
    given = {"CONV": "conv5-6", "POOL": "meanpool2", "FC": "fc84 bias=no", "RELU": "tanh", "classes": 3}
    net = parse(PATTERN, input="32x32x3", N=1, M=2, K=1, **given)
    assert str(net) == "32x32x3 -> [conv5-6 -> tanh -> meanpool2]*2 -> fc84 bias=no -> tanh -> fc3"


def test_what_becomes_of_places_that_do_not_divide_holds_of_words_too() -> None:
    net = parse("INPUT -> CONV -> POOL -> FC", input="9x9x1", on_misfit="floor")
    assert str(net) == "9x9x1 -> conv3-32 same floor -> maxpool2 floor -> fc10"


def test_words_with_numbers_are_layers() -> None:
    assert str(parse("8x8x1 -> CONV3-4 same -> RELU -> Fc5 -> fc6")) == (
        "8x8x1 -> conv3-4 same -> relu -> fc5 -> fc6"
    )


def test_the_last_fc_is_the_one_outside_brackets() -> None:
    assert str(parse("8x8x1 -> FC -> softmax", classes=4)) == "8x8x1 -> fc4 -> softmax"
    assert str(parse("8x8x1 -> [FC -> RELU]*2", FC="fc5")) == "8x8x1 -> [fc5 -> relu]*2"
    for named in ("a:FC -> b:FC", "a: FC -> b: FC"):
        assert str(parse(f"8x8x1 -> {named}", FC="fc5")) == "8x8x1 -> a:fc5 -> b:fc10"
    line = "8x8x1 -> side[FC => early] -> FC"
    assert parse(line, FC="fc5").outputs == {"output": (10,), "early": (5,)}


def test_numbers_that_are_not_given() -> None:
    assert refusal(PATTERN, input="32x32x3", N=2, M=3) == at(
        PATTERN, "the number K of repetitions is not given; say K=2, on the command line --set K=2", 55
    )


@pytest.mark.parametrize("count", [-1, 2.5, 1001, "2"])
def test_numbers_that_make_no_sense(count: object) -> None:
    line = "8x8x1 -> [relu]*N -> fc3"
    assert refusal(line, N=count) == at(line, f"a part is repeated 0 to 1000 times, but N is {count!r}", 16)


def test_what_the_line_does_not_leave_open() -> None:
    line = "8x8x1 -> [CONV]*N -> FC"
    assert refusal(line, N=1, M=2) == ("M is given, but the line has no M; it leaves open CONV, N, classes")
    assert refusal(line, N=1, CONF="conv3-4") == (
        "CONF is given, but the line has no CONF; it leaves open CONV, N, classes"
    )
    assert refusal(line, N=1, FC="fc9").startswith("FC is given, but the line has no FC")
    assert refusal("8x8x1 -> fc3", N=2) == "N is given, but the line has no N"


def test_words_that_stand_for_no_layer() -> None:
    line = "8x8x1 -> CONV -> FC"
    assert refusal(line, CONV=3) == at(line, "CONV stands for a layer, such as 'conv3-32 same', not 3", 9)
    assert refusal(line, CONV="add") == at(line, "CONV stands for a layer of one input, not 'add'", 9)
    assert refusal(line, CONV="conv3") == at("conv3", "conv needs filters, such as conv5-6", 0)
    assert refusal(line, CONV="relu -> tanh") == at(
        "relu -> tanh", "relu does not know '->'; layers are separated by ->", 5
    )
    for classes in (0, "x", 10**9):
        assert refusal(line, classes=classes) == at(
            line, f"classes is a whole number of 1 or more, not {classes!r}", 17
        )


def test_the_input_as_a_text() -> None:
    assert parse("INPUT -> fc3", input="4x4x2") == parse("4x4x2 -> fc3")
    with pytest.raises(ShapeError) as caught:
        parse("INPUT -> fc3", input="4x4x")
    assert str(caught.value) == "input '4x4x' is no volume; write it like 32x32x3"
    with pytest.raises(LanguageError, match="the size of INPUT is not given"):
        parse("INPUT -> fc3")
