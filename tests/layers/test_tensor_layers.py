"""Layers that put numbers elsewhere, reduce, resize and join two values: by hand-made numbers, and what they
refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.base.spec import Array
from kitnet.layers import (
    Constant,
    Context,
    DepthToSpace,
    Divide,
    Expand,
    Exponentiate,
    Gather,
    L2Pool,
    Layer,
    MatrixProduct,
    Minimum,
    Permute,
    Reduce,
    Reshape,
    Resize,
    Slice,
    SpaceToDepth,
    Subtract,
)
from kitnet.net.notation import read_layer, write_layer

X = np.arange(12.0).reshape(1, 2, 3, 2)  # row by row


def run(layer: Layer, *x: Array) -> Array:
    return layer.forward({}, {}, Context(), *x).y


def gradients(layer: Layer, dy: Array, *x: Array) -> list[Array]:
    made = layer.forward({}, {}, Context(), *x)
    back = layer.backward({}, layer.kept(x, made), dy)
    return [dx for dx in back.dx if dx is not None]


def test_permuted_axes_by_hand() -> None:
    """The maps first, as other libraries have them."""
    y = run(Permute((3, 1, 2)), X)
    assert y.tolist() == [[[[0, 2, 4], [6, 8, 10]], [[1, 3, 5], [7, 9, 11]]]]
    assert gradients(Permute((3, 1, 2)), y, X)[0].tolist() == X.tolist()


def test_reshaping_is_row_by_row() -> None:
    assert run(Reshape((3, 4)), X).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]
    assert run(Reshape(12), X).shape == (1, 12)
    assert kitnet.parse("2x3x2 -> reshape to=12 -> reshape to=3x4").output_shape == (3, 4)


def test_a_shuffle_is_two_reshapes_and_a_permutation() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 6), np.float32)
    parts = kitnet.parse("3x2x6 -> reshape to=3x2x2x3 -> permute order=1,2,4,3 -> reshape to=3x2x6")
    np.testing.assert_array_equal(parts(x), kitnet.parse("3x2x6 -> shuffle2")(x))


def test_expanding_repeats_and_gathers_the_gradient() -> None:
    x = np.array([[[5.0], [7.0]]])
    assert run(Expand((2, 2, 3)), x).tolist() == [[[[5] * 3, [7] * 3]] * 2]
    dy = np.arange(12.0).reshape(1, 2, 2, 3)
    assert gradients(Expand((2, 2, 3)), dy, x)[0].tolist() == [
        [[0 + 1 + 2 + 6 + 7 + 8], [3 + 4 + 5 + 9 + 10 + 11]]
    ]


def test_slices_by_hand_forwards_and_backwards() -> None:
    assert run(Slice((1, 0, 1), (1, 3, 1)), X).tolist() == [[[[7], [9], [11]]]]
    back = Slice((1, 2, 0), (2, 2, 2), (-1, -2, 1))
    assert run(back, X).tolist() == [[[[10, 11], [6, 7]], [[4, 5], [0, 1]]]]
    (dx,) = gradients(back, np.ones((1, 2, 2, 2)), X)
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1], [1, 0, 1]]


def test_gathered_places_may_come_twice() -> None:
    assert run(Gather(2, (2, 0, 2)), X)[0, 0].tolist() == [[4, 5], [0, 1], [4, 5]]
    (dx,) = gradients(Gather(2, (2, 0, 2)), np.ones((1, 2, 3, 2)), X)
    assert dx[0, 0, :, 0].tolist() == [1, 0, 2]


def test_reductions_by_hand() -> None:
    assert run(Reduce("mean", (1, 2)), X).tolist() == [[[[5, 6]]]]
    assert run(Reduce("sum", (3,)), X).tolist() == [[[[1], [5], [9]], [[13], [17], [21]]]]
    assert run(Reduce("max", (2, 3)), X).tolist() == [[[[5]], [[11]]]]
    assert run(Reduce("min", (1, 3)), X).tolist() == [[[[0], [2], [4]]]]
    assert (
        gradients(Reduce("mean", (1, 2)), np.full((1, 1, 1, 2), 6.0), X)[0].tolist()
        == np.ones_like(X).tolist()
    )


def test_the_first_of_equal_numbers_has_the_gradient() -> None:
    x = np.array([[[1.0, 3], [3, 2]]])
    assert gradients(Reduce("max", (1, 2)), np.array([[[9.0]]]), x)[0].tolist() == [[[0, 9], [0, 0]]]
    assert gradients(Minimum(), np.ones((1, 2)), np.array([[1.0, 2]]), np.array([[1.0, 1]]))[0].tolist() == [
        [1, 0]
    ]


def test_blocks_of_channels_become_places() -> None:
    """The numbers of ONNX's page on DepthToSpace, in the order of maps here: row by row, channels last."""
    x = np.arange(8.0).reshape(1, 1, 1, 8)
    assert run(DepthToSpace(2), x).tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]
    assert run(DepthToSpace(2, "CRD"), x).tolist() == [[[[0, 4], [1, 5]], [[2, 6], [3, 7]]]]
    for order in ("DCR", "CRD"):
        there, back = DepthToSpace(2, order), SpaceToDepth(2, order)  # type: ignore[arg-type]  # one of the two
        assert run(back, run(there, x)).tolist() == x.tolist()


def test_constants_learn() -> None:
    net = kitnet.parse("2x2x3 -> add[identity | constant to=2x2x3]").initialise(0)
    assert net.weights["add1.1.constant1.weight"].tolist() == np.zeros((2, 2, 3)).tolist()
    net.weights["add1.1.constant1.weight"][...] = 2
    x = np.ones((5, 2, 2, 3), np.float32)
    assert (net(x) == 3).all()
    made = Constant(2).backward(
        {},
        Constant(2).kept((x,), Constant(2).forward({"weight": np.ones(2)}, {}, Context(), x)),
        np.ones((5, 2)),
    )
    assert made.dx == (None,)
    assert made.dw["weight"].tolist() == [5, 5]


A, B = np.array([[4.0, 9, 1]]), np.array([[2.0, 0.5, 4]])


def test_joins_of_two_by_hand() -> None:
    assert run(Subtract(), A, B).tolist() == [[2, 8.5, -3]]
    assert run(Divide(), A, B).tolist() == [[2, 18, 0.25]]
    assert run(Exponentiate(), A, B).tolist() == [[16, 3, 1]]
    assert run(Minimum(), A, B).tolist() == [[2, 0.5, 1]]
    dy = np.ones((1, 3))
    assert [dx.tolist() for dx in gradients(Subtract(), dy, A, B)] == [[[1, 1, 1]], [[-1, -1, -1]]]
    assert [dx.tolist() for dx in gradients(Divide(), dy, A, B)] == [[[0.5, 2, 0.25]], [[-1, -36, -1 / 16]]]


def test_what_has_no_slope_sends_0() -> None:
    zero, dy = np.zeros((1, 1)), np.ones((1, 1))
    assert [dx.tolist() for dx in gradients(Divide(), dy, A[:, :1], zero)] == [[[0]], [[0]]]
    assert [dx.tolist() for dx in gradients(Exponentiate(), dy, zero, zero)] == [[[0]], [[0]]]
    assert run(Divide(), A[:, :1], zero).tolist() == [[math.inf]]


def test_matrix_products_by_hand() -> None:
    a, b = np.array([[[1.0, 2], [3, 4]]]), np.array([[[0.0, 1], [1, 1]]])
    assert run(MatrixProduct(), a, b).tolist() == [[[2, 3], [4, 7]]]
    assert MatrixProduct().multiplications((2, 2), (2, 2)) == 8


def test_resizing_by_hand() -> None:
    """The numbers of the examples of ONNX's Resize (opset 19), along one axis."""
    x = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1)
    assert run(Resize(2), x).ravel().tolist() == [1, 3]
    assert run(Resize(2, "linear"), x).ravel().tolist() == [1.5, 3.5]
    assert run(Resize(2, "linear", "align_corners"), x).ravel().tolist() == [1, 4]
    assert run(Resize(8, "linear"), x).ravel().tolist() == [1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4]
    assert run(Resize(2, rounding="ceil", centres="asymmetric"), x).ravel().tolist() == [1, 3]
    assert run(Resize(3, "linear", "crop", region=(0.0, 2.0)), x).ravel().tolist() == [1, 4, 0]
    assert run(Resize(2, "cubic"), x).ravel().tolist() == [1.375 + 0.03125, 3.625 - 0.03125]


def test_resizing_by_whole_factors_is_upsampling() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 2))
    for mode, other in (("nearest", "nearest"), ("linear", "bilinear")):
        by_factor = kitnet.parse(f"3x2x2 -> upsample2 {other}").graph.nodes[1].layer
        assert by_factor is not None
        np.testing.assert_allclose(run(Resize((6, 4), mode), x), run(by_factor, x), rtol=1e-12)


def test_norms_by_hand() -> None:
    x = np.array([1.0, -2, 2, 0]).reshape(1, 4, 1)
    assert run(L2Pool(3, 1, p=1.0), x).ravel().tolist() == [5, 4]
    assert run(L2Pool(2, p=3.0), x).ravel().tolist() == pytest.approx([9 ** (1 / 3), 2])
    (dx,) = gradients(L2Pool(2, p=1.0), np.array([[[1.0], [10]]]), x)
    assert dx.ravel().tolist() == [1, -1, 10, 0]


@pytest.mark.parametrize(
    "text",
    [
        "permute order=3,1,2",
        "slice start=0,2 size=1x3 step=1,-1",
        "slice start=2 size=3",
        "gather axis=1 indices=0",
        "expand to=4",
        "reduce mean over=1,2",
        "constant to=1x1x8",
        "resize8x6 linear centres=align_corners",
        "resize8 scale=0.5,2.5 centres=crop region=-0.1,0,1,1e-05",
        "depthtospace2 CRD",
        "power exponent=-1.5",
        "normpool2 p=3",
    ],
)
def test_each_is_written_as_it_is_read(text: str) -> None:
    layer = read_layer(text)
    assert read_layer(write_layer(layer)) == layer
    assert sorted(write_layer(layer).split()) == sorted(text.split())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "2x3 -> permute order=1,1",
            "permute1: 1,1 is no order of the axes of 2x3; name each from 1 to 2 once",
        ),
        (
            "2x3 -> reshape to=4",
            "reshape1: the 6 numbers of 2x3 do not make 4, which holds 4; use sizes with the same product",
        ),
        (
            "2x3 -> expand to=4x3",
            "expand1: 2x3 does not expand to 4x3; its sizes are those of the result or 1",
        ),
        (
            "2x3 -> slice start=0 size=2",
            "slice1: the start 0 has 1 numbers, but 2x3 has 2 axes; give one an axis",
        ),
        ("2x3 -> slice start=0,0 size=0x1", "slice1: a size of 0x1 is not possible; use 1 or more"),
        (
            "2x3 -> slice start=0,0 size=2x2 step=1,0",
            "slice1: a step of 0 along axis 2 is not possible; use 1, or -1 to go back",
        ),
        (
            "2x3 -> slice start=0,2 size=2x2",
            "slice1: a slice from place 2 to 3 does not lie in the 3 places of axis 2 of 2x3; places are "
            "0 to 2",
        ),
        ("2x3 -> gather axis=3 indices=0", "gather1: 2x3 has no axis 3; its axes are 1 to 2"),
        ("2x3 -> gather axis=1 indices=2", "gather1: axis 1 of 2x3 has no place 2; its places are 0 to 1"),
        ("2x3 -> reduce sum over=0", "reduce1: 2x3 has no axis 0; its axes are 1 to 2"),
        ("2x3 -> reduce sum over=1,1", "reduce1: 1,1 names an axis twice; name each axis once"),
        (
            "2x2x6 -> depthtospace2",
            "depthtospace1: the 6 channels of 2x2x6 make no blocks of 4 places; use a number of channels "
            "that "
            "4 divides",
        ),
        (
            "3x2x6 -> spacetodepth2",
            "spacetodepth1: blocks of 2 places do not divide 3x2x6; use sizes that they divide",
        ),
        (
            "6 -> depthtospace2",
            "depthtospace1: depthtospace is for volumes such as 28x28x4, but its input is 6",
        ),
        ("2x6 -> spacetodepth0", "spacetodepth1: a block of 0 is not possible; use 1 or more"),
        (
            "4 -> subtract[identity | fc3]",
            "subtract1: subtract takes equal volumes, but got 4 and 3 (so far: 4 -> "
            "subtract1.0.identity1 4 and "
            "4 -> subtract1.1.fc1 3); make them equal",
        ),
        (
            "4 -> divide[identity | identity | identity]",
            "divide1: divide joins two branches, but got 3 (so far: 4 -> divide1.0.identity1 4 and 4 -> "
            "divide1.1.identity1 4 and 4 -> divide1.2.identity1 4); write divide[divide[one | other] | "
            "third]",
        ),
        (
            "2x3 -> matmul[identity | identity]",
            "matmul1: no matrix product of 2x3 and 2x3 (so far: 2x3 -> matmul1.0.identity1 2x3 and 2x3 -> "
            "matmul1.1.identity1 2x3); the last axis of the first is as long as the last but one of the "
            "second, "
            "and the axes before are equal",
        ),
        (
            "2x2 -> matmul[identity | identity | identity]",
            "matmul1: matmul joins two branches, but got 3 (so far: 2x2 -> matmul1.0.identity1 2x2 and "
            "2x2 -> "
            "matmul1.1.identity1 2x2 and 2x2 -> matmul1.2.identity1 2x2); write matmul[matmul[one | other] | "
            "third]",
        ),
        ("3x2 -> resize0", "resize1: a size of 0 is not possible; use 1 or more"),
        (
            "3x2 -> resize6 scale=1,2",
            "resize1: a scale of 1,2 does not fit 3x2; give 1 numbers above 0, one for each axis but the "
            "depth",
        ),
        (
            "3x2 -> resize6 region=0,1",
            "resize1: centres=crop and a region go together; give both, or none of them",
        ),
        (
            "3x2 -> resize6 centres=crop region=0,1,2",
            "resize1: a region of 3 numbers does not fit 3x2; give 2, the beginning of each axis but the "
            "depth, "
            "then the ends",
        ),
        (
            "4x2 -> normpool2 p=0.5",
            "normpool1: there is no norm of p = 0.5; use a number from 1 on, such as 2",
        ),
        ("4 -> celu alpha=0", "celu1: an alpha of 0 is not possible; use a number above 0, such as 1"),
        ("4 -> selu scale=-1", "selu1: scale of selu is not below 0, but -1; use 0 or more"),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("4 -> permute", "permute needs order, such as permute order=3,1,2"),
        (
            "4 -> permute order=a",
            "order of permute is whole numbers with commas between, such as 3,1,2, not 'a'",
        ),
        (
            "4 -> gather axis=1 indices=1-",
            "indices of gather is whole numbers with commas between, such as 3,1,2, not '1-'",
        ),
        ("4x1 -> resize8 scale=x", "scale of resize is numbers with commas between, such as 0.5,2, not 'x'"),
        ("4 -> reduce over=1", "reduce needs of, such as reduce mean over=1,2"),
    ],
)
def test_what_cannot_be_read(line: str, reason: str) -> None:
    with pytest.raises(LanguageError) as caught:
        kitnet.parse(line)
    assert caught.value.reason == reason


def test_what_is_no_list_of_numbers() -> None:
    with pytest.raises(KitnetError) as caught:
        Permute("abc")  # type: ignore[arg-type]
    assert (
        str(caught.value) == "Permute: order is whole numbers with commas between, such as 3,1,2, not 'abc'"
    )


@pytest.mark.parametrize("word", ["minimum", "subtract", "divide", "exponentiate", "matmul"])
def test_joins_want_two(word: str) -> None:
    graph = kitnet.Graph()
    x = graph.operand("x", (4,))
    with pytest.raises(ShapeError) as caught:
        graph.add("y", kitnet.layers.LAYERS[word](), x)
    assert str(caught.value) == f"y: {word} joins two branches or more; write {word}[one | other]"
