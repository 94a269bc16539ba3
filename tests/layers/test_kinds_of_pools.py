"""Dilated windows, counted padding, and what each kind of pool does where its formula alone does not say
it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kitnet
from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis
from kitnet.base.spec import Array
from kitnet.layers import (
    Context,
    Kept,
    L2Pool,
    Layer,
    MaxPool,
    MeanPool,
    SquarePool,
    StochasticPool,
    SumPool,
    Unpool,
)
from kitnet.net import Graph, Net


def pool(layer: Layer, *x: Array, train: bool = False, path: str = "") -> Array:
    shaped = (one[None, ..., None] for one in x)
    return layer.forward({}, {}, Context(train, path=path), *shaped).y[0, ..., 0]


def send_back(layer: Layer, x: Array, dy: Array, train: bool = False) -> Array:
    x, dy = x[None, ..., None], dy[None, ..., None]
    made = layer.forward({}, {}, Context(train), x)
    kept = layer.kept((x,), made)
    (dx,) = layer.backward({}, kept, dy).dx
    assert dx is not None
    return dx[0, ..., 0]


# Windows


@pytest.mark.parametrize("kind", [MaxPool, MeanPool, SumPool, SquarePool, L2Pool])
def test_taps_lie_apart(kind: type[MaxPool]) -> None:
    functions = {MaxPool: np.max, MeanPool: np.mean, SumPool: np.sum}
    functions |= {SquarePool: lambda a: (a**2).sum(), L2Pool: np.linalg.norm}
    x = np.array([1.0, 2, 2, 1, 5, 6, 0])
    want = [functions[kind](x[[i, i + 2, i + 4]]) for i in range(3)]
    assert pool(kind(3, 1, dilation=2), x) == pytest.approx(np.array(want), rel=1e-15)


def test_the_language_says_dilation_and_counted_padding() -> None:
    net = kitnet.parse("9x9x1 -> meanpool3/2 pad=1 dilation=2 count_pad=yes")
    assert net.graph.nodes[1].layer == MeanPool(3, 2, 1, dilation=2, count_pad=True)
    assert str(net) == "9x9x1 -> meanpool3/2 pad=1 dilation=2 count_pad=yes"
    assert net.output_shape == (4, 4, 1)


def test_counted_padding_lowers_the_means_at_the_border() -> None:
    x = np.full((3, 3), 6.0)
    layer = MeanPool(3, 2, pad=1, count_pad=True)
    assert pool(layer, x) == pytest.approx(np.full((2, 2), 6 * 4 / 9))
    dx = send_back(layer, x, np.full((2, 2), 9.0))
    assert dx == pytest.approx(np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]))


AXES = [
    Axis(size, window, stride, dilation, before, after, output)
    for size, window, stride, dilation, before, after in itertools.product(
        (1, 2, 3, 5), (1, 2, 3), (1, 2, 3), (1, 2, 3, 4, 6), (0, 1, 2, 5), (0, 2, 5)
    )
    if (output := (size + before + after - dilation * (window - 1) - 1) // stride + 1) > 0
]


def test_a_window_in_padding_alone_is_refused_wherever_it_lies() -> None:
    """As the taps say, one by one, of every window; a dilated one may reach over the whole input."""
    refused = set()
    for axis in AXES:
        empty = any(
            all(
                not 0 <= o * axis.stride + t * axis.dilation - axis.before < axis.size
                for t in range(axis.window)
            )
            for o in range(axis.output)
        )
        found = axis.empty is not None
        assert found == empty, axis
        refused.add((found, axis.dilation > axis.size))
    assert len(refused) == 4


def test_sizes_without_end_are_refused_at_once() -> None:
    """The windows of a volume that is only described are not visited one by one."""
    huge = 10**9 - 1
    with pytest.raises(ShapeError) as caught:
        MaxPool(2, 1, pad=2).output_shape((huge, 1))
    assert str(caught.value) == (
        "a 2 pooling window lies wholly in padding, where there is nothing to pool: window 1 of 1000000002 "
        "begins at place 0*1 - 2 = -2 and ends at -2 + 2 - 1 = -1, outside the places 0 to 999999998 of its "
        "999999999x1 input; use pad=1, or a 3 pooling window"
    )


# L2 pooling


def test_the_norm_of_zeros_has_no_slope() -> None:
    x = np.array([[0.0, 0, 3, 4], [0, 0, 0, 0]])
    assert pool(L2Pool(2), x).tolist() == [[0, 5]]
    dx = send_back(L2Pool(2), x, np.array([[7.0, 10]]))
    assert dx.tolist() == [[0, 0, 6, 8], [0, 0, 0, 0]]


def test_words_of_others_lead_to_l2_pooling() -> None:
    for word in ("l2pool2", "lppool2", "l2pool3/2"):
        with pytest.raises(kitnet.KitnetError) as caught:
            kitnet.parse(f"4x4x1 -> {word}")
        name = word.split("pool")[0] + "pool"
        told, written = str(caught.value).splitlines()[0].split("; write ")
        assert told == f"unknown layer {name!r} (kitnet calls it 'normpool')" and written[:8] == "normpool"


# Stochastic pooling


def test_numbers_below_zero_are_never_drawn_and_have_no_weight() -> None:
    x = np.array([-5.0, 3, -1, 1])
    assert pool(StochasticPool(4), x).item() == (9 + 1) / 4
    drawn = {pool(StochasticPool(4), x, train=True, path=str(i)).item() for i in range(40)}
    assert drawn == {1, 3}
    assert send_back(StochasticPool(4), x, np.array([1.0]))[[0, 2]].tolist() == [0, 0]


@pytest.mark.parametrize("train", [False, True])
def test_a_window_without_a_positive_number_gives_zero(train: bool) -> None:
    x = np.array([0.0, 0, -1, -2, 0, 2])
    assert pool(StochasticPool(2), x, train=train).tolist() == [0, 0, 2]
    dx = send_back(StochasticPool(2), x, np.array([5.0, 6, 7]), train)
    assert dx[:5].tolist() == [0, 0, 0, 0, 0]
    assert dx[5] == 7  # y = x where a single number is positive


def test_the_gradient_goes_where_the_number_was_drawn() -> None:
    x = np.arange(1.0, 17).reshape(4, 4)
    y = pool(StochasticPool(2), x, train=True)
    dx = send_back(StochasticPool(2), x, np.array([[1.0, 2], [3, 4]]), train=True)
    assert [x[dx == d].item() for d in (1, 2, 3, 4)] == y.ravel().tolist()
    assert np.count_nonzero(dx) == 4


# Unpooling


def test_what_was_largest_comes_back_to_its_place() -> None:
    """In one line, as in a network that goes down and up again."""
    x = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    net = kitnet.parse("4x4x1 -> unpool2[maxpool2 | identity]")
    assert str(net) == "4x4x1 -> unpool2[maxpool2 | identity]"
    y = net(x[None, ..., None])
    assert y[0, ..., 0].tolist() == [[0, 0, 0, 0], [0, 6, 0, 8], [3, 0, 0, 0], [0, 0, 0, 4]]  # type: ignore[call-overload]


def test_where_windows_overlap_what_comes_to_a_place_is_added() -> None:
    seen = np.zeros((5, 5))
    seen[2, 2] = 1  # in all four windows of 3x3, two apart
    y = pool(Unpool(3, 2), np.array([[1.0, 10], [100, 1000]]), seen)
    assert y[2, 2] == y.sum() == 1111


def test_unpooling_is_the_way_back_of_the_max_pool_and_its_own_way_back_reads_the_winners() -> None:
    random = np.random.default_rng(0)
    x, a, dy = (random.standard_normal((2, *shape, 3)) for shape in ((6, 7), (3, 3), (6, 7)))
    unpool, maxpool = Unpool(2, on_misfit="floor"), MaxPool(2, on_misfit="floor")
    made = unpool.forward({}, {}, Context(), a, x)
    winners = maxpool.forward({}, {}, Context(), x)
    (want,) = maxpool.backward({}, Kept((x.shape,), extras=winners.extras), a).dx
    np.testing.assert_array_equal(made.y, want)
    da, dx = unpool.backward({}, unpool.kept((a, x), made), dy).dx
    assert dx is None and da is not None
    assert (da * a).sum() == pytest.approx((dy * made.y).sum(), rel=1e-12)
    again = unpool.backward({}, unpool.kept((winners.y, x), made), x).dx[0]
    np.testing.assert_array_equal(again, winners.y)  # of x itself the largest values


def test_a_deconvolutional_network_needs_a_graph_alone() -> None:
    """The way up of Zeiler and Fergus: unpool with the switches of the way down, then rectify."""
    graph = Graph()
    image = graph.operand("image", (6, 6, 1))
    pooled = graph.add("pool", MaxPool(2), image)
    top = graph.add("top", MaxPool(3), pooled)
    up = graph.add("up", Unpool(2), graph.add("less", Unpool(3), top, pooled), image)
    graph.output("seen", up)
    x = np.random.default_rng(0).uniform(1, 2, (1, 6, 6, 1))
    y = Net(graph).initialise(0, np.float64)({"image": x})
    assert isinstance(y, np.ndarray)
    np.testing.assert_array_equal(y, np.where(x == x.max(), x, 0))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            ((2, 2, 3), (5, 4, 3)),
            "a stride of 2 does not divide: (5 - 2 + 2*0) / 2 + 1 = 2.5 positions of a 2x2 pooling window on "
            "its 5x4x3 input; use stride=1x2, pad=0:1x0, a 4x4x3 or 6x4x3 input, or write floor to drop the "
            "last 1",
        ),
        (
            ((2, 2, 3), (4, 6, 3)),
            "max pooling 4x6x3 gives 2x3x3, but what is to be unpooled is 2x2x3; use the window and stride "
            "of the max pool, and as many channels",
        ),
        (
            ((2, 2, 3),),
            "unpool reads two operands, a pooled volume and what the max pool saw, but got 1; write "
            "unpool2[pooled | seen]",
        ),
    ],
)
def test_what_cannot_be_unpooled(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Unpool(2).output_shape(*shapes)
    assert str(caught.value) == message
