"""The language: what a line means, what it prints as, and the whole text of every refusal."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kitnet
from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.base.spec import INITIALISERS
from kitnet.layers import Add, Concatenate, Convolution, Identity, Linear, MaxPool, Relu, Subsampling
from kitnet.layers.connection_table import LENET5_C3
from kitnet.net import Chain, Join, Net, Residual, Term, parse
from kitnet.net.language import read, read_volume, write
from kitnet.net.notation import describe


def layer(text: str, volume: str = "12x12x6") -> object:
    return parse(f"{volume} -> {text}").body.terms[0].part


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv5-6", Convolution(5, 6)),
        ("conv5x3-6", Convolution((5, 3), 6)),
        ("conv5-6/2 floor", Convolution(5, 6, 2, on_misfit="floor")),
        ("conv3-6/2x1 same", Convolution(3, 6, (2, 1), "same")),
        ("conv3-6 pad=1", Convolution(3, 6, pad=1)),
        ("conv3-6 pad=1x2", Convolution(3, 6, pad=(1, 2))),
        ("conv3-6 pad=0:1x1:2", Convolution(3, 6, pad=((0, 1), (1, 2)))),
        ("conv3-6 pad=0:1x1", Convolution(3, 6, pad=((0, 1), 1))),
        ("conv3-6 dilation=2x1", Convolution(3, 6, dilation=(2, 1))),
        ("conv3-6 groups=3", Convolution(3, 6, groups=3)),
        ("conv3-16 table=lenet5", Convolution(3, 16, table=LENET5_C3)),
        ("conv3-6 bias=no init=lecun1998", Convolution(3, 6, bias=False, init="lecun1998")),
        ("conv filters=6 window=5", Convolution(5, 6)),
        ("conv5 filters=6", Convolution(5, 6)),
        ("maxpool3/2 floor", MaxPool(3, 2, on_misfit="floor")),
        ("maxpool2", MaxPool(2)),
        ("subsample2", Subsampling(2)),
        ("fc120", Linear(120)),
        ("Relu", Relu()),
    ],
)
def test_a_layer_is_its_word_its_numbers_and_its_arguments(text: str, expected: object) -> None:
    assert layer(text) == expected


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("28X28x1 -> RELU", None),
        ("INPUT -> relu", None),
        ("8×8×1 → relu → fc3", "8x8x1 -> relu -> fc3"),
        ("8x8x1->relu->fc3", "8x8x1 -> relu -> fc3"),
        (" 8x8x1\n -> relu\t-> fc3 ", "8x8x1 -> relu -> fc3"),
        ("8x8x1 -> [relu] -> [tanh -> relu]", "8x8x1 -> relu -> tanh -> relu"),
        ("8x8x1 -> [relu -> tanh]*2", "8x8x1 -> [relu -> tanh]*2"),
        ("8x8x1 -> relu*2*3", "8x8x1 -> relu*6"),
        ("8x8x1 -> relu*1", "8x8x1 -> relu"),
        ("8x8x1 -> relu*0 -> [tanh]*2*0 -> fc3", "8x8x1 -> fc3"),
        ("8x8x1 -> concat[relu*0 | tanh]", "8x8x1 -> concat[identity | tanh]"),
        ("8x8x1 -> relu? -> fc3", "8x8x1 -> relu -> fc3"),
        ("8x8x1 -> a: relu -> b:[tanh]*2", "8x8x1 -> a:relu -> b:[tanh]*2"),
        ("8x8x1 -> residual[ relu ]", "8x8x1 -> residual[relu]"),
        ("8x8x1 -> Concat[relu|tanh|identity]", "8x8x1 -> concat[relu | tanh | identity]"),
        ("8x8x1 -> add[relu | tanh]", "8x8x1 -> add[relu | tanh]"),
        ("8x8x1 -> conv window=3 filters=4 same", "8x8x1 -> conv3-4 same"),
        ("8x8x1 -> conv3-4 pad=valid bias=yes", "8x8x1 -> conv3-4"),
        ("8x8x1 -> maxpool2 stride=1", "8x8x1 -> maxpool2/1"),
        ("8x8x1 -> conv3-4 pad=same on_misfit=floor", "8x8x1 -> conv3-4 same floor"),
        ("120 -> fc3", "120 -> fc3"),
        ("4x5x6x2 -> conv3-1", "4x5x6x2 -> conv3-1"),
    ],
)
def test_a_line_prints_in_one_way(line: str, printed: str | None) -> None:
    if printed is None:
        with pytest.raises(LanguageError):
            parse(line)
        return
    net = parse(line)
    assert str(net) == printed
    assert repr(net) == f"{net.text(80)}\n\n{net.ledger()!r}"
    assert parse(printed) == net
    assert hash(parse(printed)) == hash(net)


def test_nets_differ_by_input_and_by_body() -> None:
    net = parse("8x8x1 -> fc3")
    assert net != parse("8x9x1 -> fc3")
    assert net != parse("8x8x1 -> fc4")
    assert net != "8x8x1 -> fc3"


def test_blocks_are_read_as_blocks() -> None:
    (term,) = parse("8x8x4 -> r:residual[conv3-4 same -> relu | conv1-4]*3").body.terms
    body = Chain((Term(Convolution(3, 4, pad="same")), Term(Relu())))
    assert term == Term(Residual(body, Chain((Term(Convolution(1, 4)),))), "r", 3)
    (term,) = parse("8x8x4 -> concat[relu | identity -> relu]").body.terms
    assert term.part == Join(Concatenate(), (Chain((Term(Relu()),)), Chain((Term(Identity()), Term(Relu())))))


class TestOptionalParts:
    LINE = "8x8x1 -> relu? -> [tanh -> [relu]*2?]*2 -> fc3"

    def test_they_stay_unless_they_are_left_out(self) -> None:
        assert str(parse(self.LINE)) == "8x8x1 -> relu -> [tanh -> [relu]*2]*2 -> fc3"

    def test_they_are_left_out(self) -> None:
        assert str(parse(self.LINE, optional=False)) == "8x8x1 -> tanh*2 -> fc3".replace("tanh", "[tanh]")

    def test_what_holds_only_optional_parts_goes_with_them(self) -> None:
        assert str(parse("8x8x1 -> [relu?]*3 -> fc3", optional=False)) == "8x8x1 -> fc3"

    def test_an_empty_branch_passes_its_input_on(self) -> None:
        net = parse("8x8x1 -> concat[relu? | tanh] -> residual[fc3? | relu?]", optional=False)
        assert str(net) == "8x8x1 -> concat[identity | tanh] -> residual[identity | identity]"
        assert parse(str(net)) == net


class TestInput:
    def test_input_replaces_the_volume_of_the_line(self) -> None:
        assert parse("8x8x1 -> fc3", input=(4, 4, 2)) == parse("4x4x2 -> fc3")

    def test_input_stands_for_the_word(self) -> None:
        assert parse("Input -> fc3", input=(4, 4, 2)) == parse("4x4x2 -> fc3")

    @pytest.mark.parametrize(("text", "shape"), [("28x28x1", (28, 28, 1)), ("7", (7,)), ("2×3", (2, 3))])
    def test_volumes(self, text: str, shape: tuple[int, ...]) -> None:
        assert read_volume(text) == shape

    @pytest.mark.parametrize("text", ["", "x", "0", "3x0", "1x2x3x4x5", "3x", "-3", "3.5", "9" * 10])
    def test_no_volumes(self, text: str) -> None:
        with pytest.raises(ValueError):
            read_volume(text)


INITS = " or ".join(INITIALISERS)
LISTED = "; kitnet layers lists them all"
REFUSED = [
    ("", "the line ends where an input volume such as 28x28x1 should follow", 1),
    ("8x8x1", "the line ends where -> and a layer should follow", 6),
    ("8x8x1 ->", "the line ends where a layer should follow", 9),
    ("8x8x1 ->   ", "the line ends where a layer should follow", 9),
    ("hello -> relu", "a line begins with its input volume, such as 28x28x1, not 'hello'", 0),
    ("0x8x1 -> relu", "a line begins with its input volume, such as 28x28x1, not '0x8x1'", 0),
    ("8x8x1x1x1 -> relu", "a line begins with its input volume, such as 28x28x1, not '8x8x1x1x1'", 0),
    ("INPUT -> relu", "the size of INPUT is not given; write 28x28x1, or say --input 28x28x1", 0),
    ("8x8x1 relu", "expected -> after the input volume, not 'relu'", 6),
    ("8x8x1 -> relu ] relu", "expected -> or the end of the line, not ']'", 14),
    ("8x8x1 -> relu | relu", "expected -> or the end of the line, not '|'", 14),
    ("8x8x1 -> relu relu", "relu does not know 'relu'; layers are separated by ->", 14),
    ("8x8x1 -> relu 6", "relu does not know '6' (write cap=6); layers are separated by ->", 14),
    ("8x8x1 -> conv3-2 2", "conv does not know '2' (write stride=2); layers are separated by ->", 17),
    (
        "8x8x1 -> conv3-2 Stride2",
        "conv does not know 'Stride2' (write stride=2); layers are separated by ->",
        17,
    ),
    ("8x8x1 -> relu6 6", "relu does not know '6'; layers are separated by ->", 15),
    (
        "8x8x1 -> conv3-2 pad1:3x0:2",
        "conv does not know 'pad1:3x0:2' (write pad=1:3x0:2); layers are separated by ->",
        17,
    ),
    (
        "8x8x1 -> pad1:3x0:2",
        "a layer stands behind the name 'pad1', not '3x0:2'; write pad places=1:3x0:2",
        9,
    ),
    ("8x8x1 -> a:3", "a layer stands behind the name 'a', not '3'", 9),
    ("8x8x1 -> conf3-5", "unknown layer 'conf' (did you mean 'conv'?)", 9),
    ("8x8x1 -> zzz", f"unknown layer 'zzz'{LISTED}", 9),
    ("8x8x1 -> dense10", "unknown layer 'dense' (kitnet calls it 'fc'); write fc10", 9),
    ("8x8x1 -> Dense", "unknown layer 'dense' (kitnet calls it 'fc'); write fc120", 9),
    ("8x8x1 -> AvgPool2", "unknown layer 'avgpool' (kitnet calls it 'meanpool'); write meanpool2", 9),
    ("8x8x1 -> ConvT4-3", "unknown layer 'convt' (kitnet calls it 'transposed'); write transposed4-3", 9),
    (
        "8x8x1 -> depthwise3",
        "unknown layer 'depthwise' (kitnet calls it 'conv'); write conv3-16 groups=16, with as many groups "
        "as there are channels",
        9,
    ),
    ("8x8x1 -> dropout0.3", "dropout is written dropout drop=0.3, not 'dropout0.3'", 9),
    ("8x8x1 -> leakyrelu.1", "leakyrelu is written leakyrelu slope=.1, not 'leakyrelu.1'", 9),
    ("8x8x1 -> tanh0.5", "tanh is written tanh, not 'tanh0.5'", 9),
    ("8x8x1 -> BatchNorm2d", "batchnorm is written batchnorm, not 'BatchNorm2d'", 9),
    ("8x8x1 -> maxpool2d3", "maxpool is written maxpool3, not 'maxpool2d3'", 9),
    ("8x8x1 -> conv2d3-16", "conv is written conv3-16, not 'conv2d3-16'", 9),
    ("8x8x1 -> gap", "unknown layer 'gap' (kitnet calls it 'meanpool'); write meanpool global", 9),
    (
        "8x8x1 -> skip",
        "unknown layer 'skip' (kitnet calls it 'residual'); write residual[body | shortcut]",
        9,
    ),
    ("8x8x1 -> mul", "unknown layer 'mul' (kitnet calls it 'multiply'); write multiply[one | other]", 9),
    (
        "8x8x1 -> fc3 -> mse",
        "'mse' is a loss, not a layer; leave it out of the line, and give it to training: quadratic",
        16,
    ),
    ("8x8x1 -> batchnorm2d", "batchnorm is written batchnorm, not 'batchnorm2d'", 9),
    ("8x8x1 -> fc10 foo=2", "fc has no 'foo'; it has units, bias, init", 14),
    ("8x8x1 -> flatten foo=2", "flatten has no 'foo'; it has no arguments", 17),
    ("8x8x1 -> 3conv", "unknown layer '3conv' (did you mean 'conv'?)", 9),
    (
        "8x8x1 -> softmax_cross_entropy",
        "'softmax_cross_entropy' is a loss, not a layer; leave it out of the line, and give it to training: "
        "softmax_cross_entropy",
        9,
    ),
    ("8x8x1 -> conv", "conv needs window and filters, such as conv5-6", 9),
    ("8x8x1 -> conv3", "conv needs filters, such as conv5-6", 9),
    ("8x8x1 -> fc", "fc needs units, such as fc120", 9),
    ("8x8x1 -> conv3-5-7", "conv is written conv5-6, not 'conv3-5-7'", 9),
    ("8x8x1 -> conv3-5/2/3", "conv is written conv5-6, not 'conv3-5/2/3'", 9),
    ("8x8x1 -> tanh5", "tanh is written tanh, not 'tanh5'", 9),
    ("8x8x1 -> maxpool2-3", "maxpool is written maxpool5, not 'maxpool2-3'", 9),
    ("8x8x1 -> conv3.5-7", "window of conv is a size such as 3 or 3x5, not '3.5'", 9),
    (
        "8x8x1 -> conv1234567890-7",
        "window of conv is a size such as 3 or 3x5, not '1234567890'; numbers have 9 digits at most",
        9,
    ),
    (
        "8x8x1 -> fc99999999999999999999",
        "units of fc is a whole number, not '99999999999999999999'; numbers have 9 digits at most",
        9,
    ),
    ("8x8x1 -> fc1.5", "units of fc is a whole number, not '1.5'", 9),
    ("8x8x1 -> fc10/2", "fc has no stride", 9),
    ("8x8x1 -> conv3-5/2 stride=3", "conv has two values for stride", 19),
    ("8x8x1 -> conv3-5 same valid", "conv has two values for pad", 22),
    ("8x8x1 -> conv3-5 stride=", "stride of conv is a size such as 3 or 3x5, not ''", 17),
    (
        "8x8x1 -> conv3-5 stride",
        "conv does not know 'stride' (did you mean 'stride='?); layers are separated by ->",
        17,
    ),
    (
        "8x8x1 -> conv3-5 samee",
        "conv does not know 'samee' (did you mean 'same'?); layers are separated by ->",
        17,
    ),
    ("8x8x1 -> conv3-5 padd=1", "conv has no 'padd' (did you mean 'pad'?)", 17),
    (
        "8x8x1 -> conv3-5 pad=1:2:3",
        "pad of conv is valid, same, full, a number, or one an axis such as 1x2 or 0:1x1:2, not '1:2:3'",
        17,
    ),
    ("8x8x1 -> conv3-5 bias=maybe", "bias of conv is yes or no, not 'maybe'", 17),
    ("8x8x1 -> conv3-5 groups=two", "groups of conv is a whole number, not 'two'", 17),
    ("8x8x1 -> conv3-5 init=hee", f"init of conv is {INITS}, not 'hee'", 17),
    (
        "8x8x1 -> conv3-5 on_misfit=drop",
        "on_misfit of conv is error or floor or ceil or pad or crop, not 'drop'",
        17,
    ),
    (
        "8x8x1 -> conv3-5 table=0.0",
        "table of conv is lenet5, lenet1989, or the input maps of each filter such as 0.1.2/1.2.3/0.2, "
        "not '0.0'",
        17,
    ),
    ("8x8x1 -> add", "add joins branches; write add[one | other]", 9),
    ("8x8x1 -> residual", "residual joins branches; write residual[one | other]", 9),
    ("8x8x1 -> residual[relu", "this bracket is not closed", 17),
    ("8x8x1 -> [relu -> tanh", "this bracket is not closed", 9),
    ("8x8x1 -> residual[adds|b]", "unknown layer 'adds' (did you mean 'add'?)", 18),
    ("8x8x1 -> residual[relu|relu|relu]", "residual[body | shortcut] holds two at most, not 3", 17),
    ("8x8x1 -> concat[relu]", "concat[one | other] joins two branches or more, not 1", 15),
    ("8x8x1 -> add[relu]", "add[one | other] joins two branches or more, not 1", 12),
    ("8x8x1 -> [relu|relu]", "[...] holds one chain, not 2", 9),
    ("8x8x1 -> []", "expected a layer, not ']'", 10),
    ("8x8x1 -> ?", "expected a layer, not '?'", 9),
    ("8x8x1 -> *2", "expected a layer, not '*'", 9),
    ("8x8x1 -> relu -> -> relu", "expected a layer, not '->'", 17),
    ("8x8x1 -> relu*", "the line ends where how often should follow", 15),
    ("8x8x1 -> relu*1.5", "expected a number of repetitions after *, not '1.5'", 14),
    (
        "8x8x1 -> relu*x",
        "the number x of repetitions is not given; say x=2, on the command line --set x=2",
        14,
    ),
    ("8x8x1 -> relu*1001", "a part is repeated 0 to 1000 times, not 1001", 14),
    ("8x8x1 -> relu*0000000002", "a part is repeated 0 to 1000 times, not 0000000002", 14),
    ("8x8x1 -> relu*100*100", "a part is repeated 0 to 1000 times, not 10000", 18),
    ("8x8x1 -> a:", "the line ends where a layer should follow", 12),
    ("8x8x1 -> " + "[" * 51 + "relu", "more than 50 brackets within brackets", 59),
]


@pytest.mark.parametrize(("line", "reason", "column"), REFUSED)
def test_every_refusal_in_its_own_words(line: str, reason: str, column: int) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(line)
    assert str(caught.value) == f"{reason}\n  {line}\n  {' ' * column}^"
    assert (caught.value.reason, caught.value.column) == (reason, column)


def test_nothing_left() -> None:
    with pytest.raises(LanguageError) as caught:
        parse("8x8x1 -> relu?", optional=False)
    assert str(caught.value) == (
        "nothing is left of this network: its layers are left out or repeated 0 times\n  8x8x1 -> relu?\n  ^"
    )


def test_a_line_break_counts_as_a_blank_and_the_caret_still_points() -> None:
    with pytest.raises(LanguageError) as caught:
        parse("8x8x1\n-> foo")
    assert str(caught.value) == f"unknown layer 'foo'{LISTED}\n  8x8x1 -> foo\n           ^"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("8x8x1 -> conv3-4 same -> conv9-3 -> fc1", "conv9-3"),
        ("8x8x3 -> one:conv4-4/3 => out -> fc2", "conv4-4/3"),
        ("8x8x1 -> [conv3-4 -> relu]*5 -> fc10", "conv3-4"),
        ("8x8x1 -> relu -> residual[conv3-4 -> relu] -> fc10", "residual["),  # its sum
        ("8x8x1 -> residual[conv9-1 | relu] -> fc10", "conv9-1"),
        ("8x8x4 -> concat[conv3-4 | conv1-3] -> fc3", "concat["),
        ("8x8x1 -> a:conv3-1 -> maxpool2 -> maxpool3 -> @a -> fc2", "@a"),
        ("8x8x1 -> fc10 => a -> fc3 => a", "fc3"),
    ],
)
def test_sizes_that_do_not_fit_have_a_place_in_the_line(line: str, place: str) -> None:
    with pytest.raises(ShapeError) as caught:
        parse(line)
    assert caught.value.column == line.index(place)


def test_fifty_brackets_are_enough() -> None:
    assert str(parse("8x8x1 -> " + "[" * 50 + "relu" + "]" * 50)) == "8x8x1 -> relu"


def test_brackets_side_by_side_are_not_deep() -> None:
    line = "8x8x1 -> " + " -> ".join(["[relu -> tanh]*2"] * 60)
    assert str(parse(line)) == line


def test_what_is_no_part_cannot_be_written() -> None:
    with pytest.raises(KitnetError) as caught:
        write(3)  # type: ignore[arg-type]
    assert str(caught.value) == "3 is no part of a network"


def test_arguments_are_described() -> None:
    assert describe(Linear) == [
        ("units", "a whole number", ""),
        ("bias", "yes or no", "yes"),
        ("init", INITS, "he"),
    ]
    assert ("stride", "a size such as 3 or 3x5", "none") in describe(MaxPool)


# Networks that Hypothesis writes: every layer keeps the sizes, so that any order fits.
numbers = st.integers(1, 3)
sizes = numbers | st.tuples(numbers, numbers)
pads = st.sampled_from(["valid", "same", "full", 0, 3, (1, 2), ((0, 1), (2, 0)), ((0, 1), 2)])
layers = st.one_of(
    st.builds(
        Convolution,
        sizes,
        st.sampled_from([2, 4]),
        sizes,
        pads,
        sizes,
        st.sampled_from([1, 2]),
        st.none(),
        st.booleans(),
        st.sampled_from(["error", "floor"]),
        st.sampled_from(["he", "glorot", "zeros"]),
    ),
    st.builds(MaxPool, sizes, st.none() | sizes, pads, st.just("floor")),
    st.builds(Linear, st.integers(1, 9), st.booleans()),
    st.sampled_from([Relu(), Identity(), Subsampling(2, 1)]),
)
names = st.sampled_from(["", "", "a", "stem", "x_1"])


def chains(parts: st.SearchStrategy) -> st.SearchStrategy[Chain]:  # type: ignore[type-arg]
    terms = st.builds(Term, parts, names, st.integers(1, 3))
    return st.lists(terms, min_size=1, max_size=3).map(lambda found: Chain(tuple(found)))


def blocks(parts: st.SearchStrategy) -> st.SearchStrategy:  # type: ignore[type-arg]
    inner = chains(parts)
    return st.one_of(
        st.builds(Residual, inner, st.none() | inner),
        st.builds(
            Join, st.sampled_from([Concatenate(), Add()]), st.lists(inner, min_size=2, max_size=3).map(tuple)
        ),
    )


@given(chains(st.recursive(layers, blocks, max_leaves=6)))
def test_what_is_written_is_read_back(body: Chain) -> None:
    """The text alone: whether the sizes fit is not asked."""
    line = f"9x9x2 -> {write(body)}"
    assert read(line) == ((9, 9, 2), body)


@given(chains(st.recursive(layers, blocks, max_leaves=4)))
def test_every_network_equals_the_network_of_its_line(body: Chain) -> None:
    try:
        net = Net.of((40, 40, 2), body)
    except ShapeError:
        return
    again = parse(str(net))
    assert again == net
    assert again.graph.nodes == net.graph.nodes


WORDS = [
    "8x8x1",
    "INPUT",
    "->",
    "→",
    "[",
    "]",
    "|",
    "*",
    "?",
    "*2",
    "*0",
    "*N",
    "CONV",
    "FC",
    "conv3-4",
    "conv",
    "relu",
    "fc3",
]
WORDS += [
    "maxpool2",
    "maxpool2/3",
    "meanpool99",
    "residual[",
    "concat[",
    "add[",
    "same",
    "pad=1:2",
    "floor",
    "a:",
]
WORDS += [
    "stride=0",
    "groups=3",
    "table=0/1",
    "init=he",
    "rbf",
    "softmax",
    "bias=no",
    "=",
    ":",
    "/",
    "-",
    "\n",
]
WORDS += [
    "9" * 5000,
    "1" * 9 + "x" + "1" * 9 + "x3",
    "conv999999999-999999999 full",
    "input:relu",
    "window=2",
]


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
@settings(max_examples=400)
def test_any_text_is_a_network_or_an_error_with_words(text: str) -> None:
    for line in (text, f"8x8x2 -> {text}"):
        try:
            net = parse(line)
        except KitnetError as error:
            assert str(error)
        else:
            assert parse(str(net)) == net


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        (
            "8x8x1 -> [[[relu]*999]*999]*999",
            ShapeError,
            "relu100000: more than 100,000 layers; repeat fewer times",
        ),
        ("8x8x1 -> " + "[" * 100_000, LanguageError, "more than 50 brackets within brackets"),
        ("8x8x1 -> " + "residual[" * 100_000, LanguageError, "more than 50 brackets within brackets"),
        ("8x8x1 -> relu*" + "9" * 100_000, LanguageError, "a part is repeated 0 to 1000 times"),
        ("9" * 100_000 + "x1 -> relu", LanguageError, "a line begins with its input volume"),
        ("8x8x1 -> zz" + "9x" * 100_000 + "z", LanguageError, "unknown layer 'zz'"),
        ("8x8x1 -> fc" + "9" * 100_000, LanguageError, "units of fc is a whole number"),
        pytest.param(
            "8x8x1 -> " + "->".join(["relu"] * 100_001),
            ShapeError,
            "relu100000: more than 100,000 layers",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_bombs_end_quickly(line: str, kind: type[KitnetError], reason: str) -> None:
    start = time.perf_counter()
    with pytest.raises(kind) as caught:
        parse(line)
    assert time.perf_counter() - start < 10  # a bomb would take hours; the machine is shared
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("word", ["maxpool2", "meanpool2", "conv2-3/2", "subsample2"])
def test_describing_a_huge_volume_needs_no_memory(word: str) -> None:
    net = parse(f"999999998x999999998x999999998x3 -> {word}")
    assert net.output_shape == (499999999,) * 3 + (3,)
    assert net.ledger().totals["activation_bytes"] == 4 * 3 * 499999999**3


def test_kitnet_offers_the_language() -> None:
    assert kitnet.parse is parse


def test_a_line_in_rows() -> None:
    """Broken before arrows and bars, as late as the columns allow."""
    net = parse("8x8x1 -> conv3-4 same -> relu -> concat[conv1-2 | conv3-2 same -> relu] -> fc10")
    assert net.text(25).split("\n") == [
        "8x8x1 -> conv3-4 same",
        "  -> relu",
        "  -> concat[conv1-2",
        "  | conv3-2 same -> relu]",
        "  -> fc10",
    ]
    assert max(map(len, net.text(24).split("\n"))) == 21
    for columns in (1, 24, 25, 100, 1000):
        assert parse(net.text(columns)) == net
    assert net.text(1000) == str(net)
