"""The numbers that the teaching material prints, each with its row of the catalogue. What the material calls
convolution is there in both senses: correlation, and, with turned filters, the convolution of mathematics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row
from scipy import signal

import kitnet
from kitnet.base.error import ShapeError
from kitnet.base.shape import Pad, slide
from kitnet.base.spec import Array
from kitnet.functional import convolve
from kitnet.layers import Context, Convolution, Linear, LocallyConnected, MaxPool
from kitnet.layers.window import windows


def correlation(x: Array, w: Array, pad: Pad = "valid", flip: bool = False) -> Array:
    """One map, one filter, through the layer."""
    layer = Convolution(w.shape, 1, pad=pad, bias=False, flip=flip)
    return layer.forward({"weight": w[..., None, None]}, {}, Context(), x[None, ..., None]).y[0, ..., 0]


def convolution(f: Array, g: Array, pad: Pad = "valid") -> Array:
    return correlation(f, g, pad, flip=True)


def array(*rows: object) -> Array:
    return np.array(rows, float)


@row(8)
def test_8_the_sums_of_the_definition() -> None:
    f, g = array(3, 1, 4, 1, 5), array(2, 7, 1)
    full = [sum(f[m - n] * g[n] for n in range(3) if 0 <= m - n < 5) for m in range(7)]
    assert convolution(f, g, "full").tolist() == full


@row(10)
def test_10_cosine_similarity_is_a_correlation_of_unit_windows() -> None:
    x, w = array(3, 4, 0, 8, -6), array(3, 4)
    products, squares = correlation(x, w), correlation(x**2, np.ones(2))
    cosines = products / np.sqrt(squares * (w**2).sum())
    assert cosines.tolist() == [1, 0.6, 0.8, 0]


def same_behind(f: Array, g: Array) -> Pad:
    """SciPy centres 'same' on the full result, which for even filters puts the odd place in front."""
    return tuple((k // 2, (k - 1) // 2) for k in g.shape)


@row(1)
def test_1_one_dimensional_sliding_dot_product() -> None:
    x, w = array(3, 1, 4, 1, 5, 9, 2), array(1, 0, -1)
    assert correlation(x, w).tolist() == [-1, 0, -1, -8, 3]


@row(2)
def test_2_dense_local_and_shared_weights() -> None:
    assert Linear(5, bias=False).params((7,))["weight"].size == 35
    assert LocallyConnected(3, 1, bias=False).params((7, 1))["weight"].size == 15
    assert Convolution(3, 1, bias=False).params((7, 1))["weight"].size == 3


@row(5)
def test_5_a_three_dimensional_filter_is_a_sum_over_two_dimensional_ones() -> None:
    random = np.random.default_rng(0)
    x, w = random.integers(-5, 6, (4, 5, 6)), random.integers(-5, 6, (2, 3, 2))
    y = correlation(x.astype(float), w.astype(float))
    for o in range(3):
        planes = [correlation(x[o + r].astype(float), w[r].astype(float)) for r in range(2)]
        assert np.array_equal(y[o], sum(planes))


@row(6)
def test_6_several_channels_are_correlated_each_and_added() -> None:
    random = np.random.default_rng(0)
    x, w = (
        random.integers(-5, 6, (1, 5, 6, 3)).astype(float),
        random.integers(-5, 6, (3, 2, 3, 1)).astype(float),
    )
    y = Convolution((3, 2), 1, bias=False).forward({"weight": w}, {}, Context(), x).y
    assert np.array_equal(y[0, ..., 0], sum(correlation(x[0, ..., c], w[..., c, 0]) for c in range(3)))


@row(13, 125)
@pytest.mark.parametrize(
    ("pad", "printed"),
    [("valid", [3, 1, 2]), ("full", [0, 1, 3, 1, 2, 3, 0]), ("same", [1, 3, 1, 2, 3])],
)
def test_13_one_dimension(pad: Pad, printed: list[int]) -> None:
    f, g = array(0, 1, 2, -1, 3), array(1, 1, 0)
    assert convolution(f, g, pad).tolist() == printed
    assert signal.convolve(f, g, pad).tolist() == printed


@row(13, 125)
def test_13_correlation_differs() -> None:
    assert correlation(array(0, 1, 2, -1, 3), array(1, 1, 0)).tolist() == [1, 3, 1]


A = array([0, 0, 1, 2], [2, 2, 0, 0], [2, 1, 2, 2], [3, 0, 1, 1])
B = array([0, 0, -1], [1, -1, 1], [-1, 1, 1])
FULL = [
    [0, 0, 0, 0, -1, -2],
    [0, 0, -1, -1, -1, 2],
    [2, 0, -3, 0, 1, 0],
    [0, -1, 4, 3, -1, 1],
    [1, -2, 5, 1, 4, 3],
    [-3, 3, 2, 0, 2, 1],
]
SAME = [[0, -1, -1, -1], [0, -3, 0, 1], [-1, 4, 3, -1], [-2, 5, 1, 4]]


@row(4, 14, 125)
@pytest.mark.parametrize(("pad", "printed"), [("full", FULL), ("valid", [[-3, 0], [4, 3]]), ("same", SAME)])
def test_14_two_dimensions(pad: Pad, printed: list[list[int]]) -> None:
    assert convolution(A, B, pad).tolist() == printed
    assert signal.convolve2d(A, B, pad).tolist() == printed


@row(4, 14)
def test_14_correlation_differs() -> None:
    assert correlation(A, B).tolist() == [[0, 3], [1, 3]]


@row(12)
def test_12_same_is_the_middle_of_full_and_valid_on_a_padded_input() -> None:
    full = convolution(A, B, "full")
    assert np.array_equal(convolution(A, B, "same"), full[1:-1, 1:-1])
    assert np.array_equal(convolution(A, B, "same"), convolution(np.pad(A, 1), B))


@row(11)
@pytest.mark.parametrize("window", [2, 3, 4, 5])
def test_11_scipys_same_is_a_pad_of_this_library(window: int) -> None:
    random = np.random.default_rng(window)
    f = random.integers(-5, 6, 9).astype(float)
    g = random.integers(-5, 6, window).astype(float)
    assert np.array_equal(convolution(f, g, same_behind(f, g)), signal.convolve(f, g, "same", "direct"))
    lengths = [len(convolution(f, g, pad)) for pad in ("valid", "same", "full")]
    assert lengths == [9 - window + 1, 9, 9 + window - 1]


@row(11)
@pytest.mark.parametrize("window", [2, 3, 4, 5])
def test_11_same_of_even_windows_is_one_place_off_that_of_scipy_and_numpy(window: int) -> None:
    """As the documentation of `convolve` says; `pad` as it tells is theirs for all windows."""
    random = np.random.default_rng(window)
    f, g = random.integers(-5, 6, 9).astype(float), random.integers(-5, 6, window).astype(float)
    theirs = signal.convolve(f, g, "same", "direct")
    assert np.array_equal(theirs, np.convolve(f, g, "same"))

    def own(pad: Pad) -> Array:
        return convolve(f[None, :, None], g[:, None, None], pad=pad, flip=True)[0, :, 0]

    assert np.array_equal(own(((window // 2, (window - 1) // 2),)), theirs)
    if window % 2:
        assert np.array_equal(own("same"), theirs)
    else:
        assert np.array_equal(own("same")[:-1], theirs[1:])
        assert not np.array_equal(own("same"), theirs)


X = array([3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1])
K = array([0, 1, 2], [2, 2, 0], [0, 1, 2])


@row(15)
def test_15_the_printed_five_by_five_is_a_correlation() -> None:
    assert correlation(X, K).tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


@row(15)
def test_15_the_true_convolution_of_the_five_by_five() -> None:
    assert convolution(X, K).tolist() == [[18, 20, 19], [10, 9, 17], [11, 8, 14]]


@row(16, 17, 20, 26, 28, 29, 35, 61, 62, 63, 76, 77, 103)
@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("7x7x1 -> conv3-1", (5, 5, 1)),  # 16
        ("7x7x1 -> conv3-1/2", (3, 3, 1)),
        ("7x7x1 -> conv3-1 pad=1", (7, 7, 1)),
        ("5x1 -> conv3-1 pad=1", (5, 1)),  # 17
        ("5x1 -> conv3-1/2 pad=1", (3, 1)),
        ("5x1 -> conv3-1", (3, 1)),
        ("5x5x1 -> conv4-1 pad=2", (6, 6, 1)),  # 20
        ("5x5x1 -> conv3-1 same", (5, 5, 1)),
        ("5x5x1 -> conv3-1 full", (7, 7, 1)),
        ("5x5x3 -> conv3-2/2 pad=1", (3, 3, 2)),  # 26
        ("32x32x3 -> conv3-12 same", (32, 32, 12)),  # 28
        ("32x32x3 -> conv3-12 same -> maxpool2 -> fc10", (10,)),
        ("32x32x3 -> conv1-5", (32, 32, 5)),  # 29
        ("227x227x3 -> conv11-96/4", (55, 55, 96)),  # 35, 103
        ("8x10x3 -> maxpool4x5", (2, 2, 3)),  # 62
        ("224x224x64 -> maxpool2/2", (112, 112, 64)),  # 63
        ("55x55x96 -> maxpool3/2", (27, 27, 96)),  # 61
        ("7x7x512 -> conv7-4096 -> conv1-4096 -> conv1-1000", (1, 1, 1000)),  # 76
        ("12x12x512 -> conv7-4096 -> conv1-4096 -> conv1-1000", (6, 6, 1000)),  # 77
    ],
)
def test_sizes_of_the_material(line: str, output: tuple[int, ...]) -> None:
    assert kitnet.parse(line).output_shape == output


@row(17, 18, 103)
@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "5x1 -> conv3-1/3 pad=1",  # 17
            "conv1: a stride of 3 does not divide: (5 - 3 + 2*1) / 3 + 1 = 2.333 positions of a 3 filter on "
            "its 5x1 input; use stride=2, pad=0:1, a 4x1 or 7x1 input, or write floor to drop the last 1",
        ),
        (
            "10x10x1 -> conv3-1/2",  # 18
            "conv1: a stride of 2 does not divide: (10 - 3 + 2*0) / 2 + 1 = 4.5 positions of a 3x3 filter "
            "on its "
            "10x10x1 input; use stride=1, pad=0:1x0:1, a 9x9x1 or 11x11x1 input, or write floor to drop the "
            "last 1",
        ),
        (
            "224x224x3 -> conv11-96/4",  # 103: the error of the AlexNet paper
            "conv1: a stride of 4 does not divide: (224 - 11 + 2*0) / 4 + 1 = 54.25 positions of an 11x11 "
            "filter "
            "on its 224x224x3 input; use stride=3, a 223x223x3 or 227x227x3 input, a 12x12 filter, or write "
            "floor to drop the last 1",
        ),
    ],
)
def test_sizes_that_the_material_calls_invalid(line: str, text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == text


@row(21)
@pytest.mark.parametrize(
    ("window", "volume", "inputs"),
    [(5, (32, 32, 3), 75), (3, (16, 16, 20), 180), (32, (32, 32, 3), 3072), (200, (200, 200, 3), 120_000)],
)
def test_21_inputs_of_one_neuron(window: int, volume: tuple[int, ...], inputs: int) -> None:
    params = Convolution(window, 1).params(volume)
    assert (params["weight"].size, params["bias"].size, params["weight"].fan_in) == (inputs, 1, inputs)


@row(22)
def test_22_full_local_and_shared_connections() -> None:
    image, units = (1000, 1000, 1), 10**6
    assert Linear(units, bias=False).connections(image) == 10**12
    local = Convolution(10, 1, stride=1, pad=((4, 5), (4, 5)), bias=False)
    unshared = LocallyConnected(10, 1, stride=1, pad=((4, 5), (4, 5)), bias=False)
    assert local.output_shape(image) == unshared.output_shape(image) == image
    assert unshared.params(image)["weight"].size == 10**8
    assert local.connections(image) == 10**8
    assert local.params(image)["weight"].size == 100


@row(23)
def test_23_lenet_c1_against_a_dense_unit() -> None:
    assert Convolution(5, 1, bias=False).params((32, 32, 1))["weight"].size == 25
    assert Linear(1, bias=False).params((32, 32, 1))["weight"].size == 1024


@row(25)
def test_25_the_numpy_indexing_example() -> None:
    random = np.random.default_rng(0)
    X, W0, W1 = (random.integers(-5, 6, shape).astype(float) for shape in ((11, 11, 4), (5, 5, 4), (5, 5, 4)))
    layer = Convolution(5, 2, stride=2)
    weights = {"weight": np.stack([W0, W1], -1), "bias": array(1, -2)}
    V = layer.forward(weights, {}, Context(), X[None]).y[0]
    assert V.shape == (4, 4, 2)
    assert V[0, 0, 0] == (X[:5, :5, :] * W0).sum() + 1
    assert V[1, 0, 0] == (X[2:7, :5, :] * W0).sum() + 1
    assert V[2, 0, 0] == (X[4:9, :5, :] * W0).sum() + 1
    assert V[3, 0, 0] == (X[6:11, :5, :] * W0).sum() + 1
    assert V[0, 0, 1] == (X[:5, :5, :] * W1).sum() - 2
    assert V[1, 0, 1] == (X[2:7, :5, :] * W1).sum() - 2
    assert V[0, 1, 1] == (X[:5, 2:7, :] * W1).sum() - 2
    assert V[2, 3, 1] == (X[4:9, 6:11, :] * W1).sum() - 2


@row(27)
def test_27_a_layer_has_window_times_depth_times_filters_weights() -> None:
    params = Convolution(3, 7).params((9, 9, 5))
    assert params["weight"].shape == (3, 3, 5, 7)
    assert params["bias"].shape == (7,)


@row(29)
def test_29_one_by_one_convolution_is_a_product_at_every_pixel() -> None:
    random = np.random.default_rng(0)
    x, w = random.integers(-5, 6, (1, 4, 5, 3)).astype(float), random.integers(-5, 6, (3, 2)).astype(float)
    y = Convolution(1, 2, bias=False).forward({"weight": w[None, None]}, {}, Context(), x).y
    assert np.array_equal(y, x @ w)


@row(31)
def test_31_two_small_filters_see_what_a_large_one_sees() -> None:
    x = np.zeros((1, 7, 7, 1))
    x[0, 3, 3] = 1
    ones = {"weight": np.ones((3, 3, 1, 1))}
    layer = Convolution(3, 1, pad="same", bias=False)
    y = layer.forward(ones, {}, Context(), layer.forward(ones, {}, Context(), x).y).y
    assert np.count_nonzero(y) == 25
    y = layer.forward(ones, {}, Context(), y).y
    assert np.count_nonzero(y) == 49
    small = kitnet.parse("9x9x8 -> [conv3-8 same bias=no]*3").ledger().totals["parameters"]
    large = kitnet.parse("9x9x8 -> conv7-8 same bias=no").ledger().totals["parameters"]
    assert (small, large) == (27 * 8 * 8, 49 * 8 * 8)


@row(35, 36)
def test_35_and_36_the_matrices_of_im2col() -> None:
    axes = slide((227, 227, 3), 11, 4)
    view = windows(np.zeros((1, 227, 227, 3), np.uint8), axes)
    rows, columns = math.prod(view.shape[:3]), math.prod(view.shape[3:])
    assert (columns, rows) == (363, 3025)  # X_col of the material, which lays windows in columns
    assert columns * rows == 1_098_075
    assert round(columns * rows / (227 * 227 * 3), 1) == 7.1
    assert Convolution(11, 96, 4).params((227, 227, 3))["weight"].size == 96 * 363


@row(104)
def test_104_alexnet_conv1_shared_and_unshared() -> None:
    layer, image = Convolution(11, 96, 4), (227, 227, 3)
    assert math.prod(layer.output_shape(image)) == 290_400
    params = layer.params(image)
    assert (params["weight"].size, sum(p.size for p in params.values())) == (34_848, 34_944)
    assert layer.connections(image) == 290_400 * 364 == 105_705_600


@row(24)
def test_24_depth_columns_and_slices() -> None:
    """Channels last: x[0, row, column] is a depth column, x[0, :, :, d] a depth slice."""
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    column = Convolution(1, 4, bias=False).forward({"weight": np.eye(4)[None, None]}, {}, Context(), x).y
    assert np.array_equal(column[0, 1, 2], x[0, 1, 2])
    assert np.array_equal(MaxPool(1).forward({}, {}, Context(), x).y[0, :, :, 3], x[0, :, :, 3])
