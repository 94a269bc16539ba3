"""Rows of the catalogue on convolution and its way back that are more than one worked example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row
from scipy import signal

import kitnet
from kitnet.base.spec import Array
from kitnet.functional import convolve, convolve_backward, dilation_of, normalised_correlation
from kitnet.layers import (
    Bias,
    Context,
    Convolution,
    Kept,
    Layer,
    Linear,
    LocallyConnected,
    TransposedConvolution,
)


def whole_numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(float)


def backward(layer: Layer, w: dict[str, Array], x: Array, dy: Array) -> tuple[Array, dict[str, Array]]:
    found = layer.backward(w, Kept((x.shape,), (x,)), dy)
    assert found.dx[0] is not None
    return found.dx[0], dict(found.dw)


@row(3)
def test_several_filters_give_a_map_each() -> None:
    x, w = whole_numbers(0, 1, 6, 7, 2), whole_numbers(1, 3, 3, 2, 4)
    y = convolve(x, w)
    assert y.shape == (1, 4, 5, 4)
    for k in range(4):
        assert np.array_equal(y[..., k : k + 1], convolve(x, w[..., k : k + 1]))


@row(7)
@pytest.mark.parametrize("points", [50, 200, 800])
def test_a_finely_sampled_convolution_approaches_the_integral(points: int) -> None:
    """x(a) = e^-a and w(a) = e^-2a from 0 on: the integral over x(a) w(t - a) is e^-t - e^-2t. The sum is off
    by the distance of two samples, where t is 0."""
    step = 4 / points
    t = np.arange(points) * step
    x, w = np.exp(-t), np.exp(-2 * t)
    s = step * convolve(x[None, :, None], w[:, None, None], pad=((points - 1, 0),), flip=True)[0, :, 0]
    error = np.abs(s - (np.exp(-t) - np.exp(-2 * t)))
    assert error.max() == error[0] == pytest.approx(step)


@row(9)
def test_convolution_is_correlation_with_the_filter_turned_by_two_quarters() -> None:
    f, g = whole_numbers(0, 1, 6, 7, 1), whole_numbers(1, 3, 4, 1, 1)
    turned = np.rot90(g, 2)
    assert np.array_equal(convolve(f, g, pad="full", flip=True), convolve(f, turned, pad="full"))
    assert np.array_equal(
        convolve(f, g, pad="full", flip=True)[0, ..., 0], signal.convolve2d(f[0, ..., 0], g[..., 0, 0])
    )


@row(10)
def test_cosines_of_windows_and_filters() -> None:
    x, w = np.array([3.0, 4, 0, 8, -6, 0, 0]), np.array([3.0, 4])
    y = normalised_correlation(x[None, :, None], w[:, None, None])[0, :, 0]
    assert y.tolist() == [1, 0.6, 0.8, 0, -0.6, 0]


@row(10)
def test_a_cosine_does_not_depend_on_the_length_of_a_window() -> None:
    random = np.random.default_rng(0)
    x, w = random.standard_normal((2, 6, 7, 3), np.float32), random.standard_normal((3, 3, 3, 2), np.float32)
    y = normalised_correlation(x, w, stride=2, pad=1, on_misfit="floor")
    assert y.dtype == np.float32 and abs(y).max() <= 1 + 1e-6
    np.testing.assert_allclose(
        normalised_correlation(100 * x, w, stride=2, pad=1, on_misfit="floor"), y, atol=1e-6
    )
    for k in range(2):  # nor on the other filters
        alone = normalised_correlation(x, w[..., k : k + 1], stride=2, pad=1, on_misfit="floor")
        np.testing.assert_allclose(alone[..., 0], y[..., k], atol=1e-6)
    own = normalised_correlation(x, np.ascontiguousarray(x[0, 1:4, 2:5, :, None]))
    assert own[0, 1, 2, 0] == pytest.approx(1, abs=1e-6)


@row(19)
@pytest.mark.parametrize(("window", "pad"), [(3, 1), (5, 2)])
def test_half_the_window_keeps_the_size(window: int, pad: int) -> None:
    same, given = Convolution(window, 1, pad="same"), Convolution(window, 1, pad=pad)
    assert [(a.before, a.after) for a in same.axes((9, 8, 1))] == [(pad, pad)] * 2
    assert same.output_shape((9, 8, 1)) == given.output_shape((9, 8, 1)) == (9, 8, 1)


@row(20)
@pytest.mark.parametrize(
    ("i", "k", "s", "p", "a", "o"),
    [  # figures 4.1 to 4.7 of Dumoulin & Visin: i' = 2, 6, 5, 7, 2, 3, 3
        (2, 3, 1, 0, 0, 4),
        (6, 4, 1, 2, 0, 5),
        (5, 3, 1, 1, 0, 5),
        (7, 3, 1, 2, 0, 5),
        (2, 3, 2, 0, 0, 5),
        (3, 3, 2, 1, 0, 5),
        (3, 3, 2, 1, 1, 6),
    ],
)
def test_transposed_arithmetic(i: int, k: int, s: int, p: int, a: int, o: int) -> None:
    layer = TransposedConvolution(k, 1, s, p, a)
    assert layer.output_shape((i, i, 1)) == (o, o, 1)
    assert o == s * (i - 1) + k - 2 * p + a
    assert Convolution(k, 1, s, p, on_misfit="floor").output_shape((o, o, 1)) == (i, i, 1)


@row(20)
def test_a_transposed_convolution_is_the_way_back_of_one() -> None:
    """<conv(y), x> = <y, transposed(x)> for all x and y: the same filters, (3, 2, K, C)."""
    w, x, y = whole_numbers(0, 3, 2, 4, 5), whole_numbers(1, 1, 3, 4, 5), whole_numbers(2, 1, 7, 5, 4)
    conv = Convolution((3, 2), 5, stride=(2, 1), bias=False).forward({"weight": w}, {}, Context(), y).y
    layer = TransposedConvolution((3, 2), 4, stride=(2, 1), bias=False)
    back = layer.forward({"weight": w}, {}, Context(), x).y
    assert (conv * x).sum() == (y * back).sum()


@row(30)
def test_dilation_counted_from_nought() -> None:
    x, w = np.array([1.0, 10, 100, 1000, 10000])[None, :, None], np.array([1.0, 2, 3])[:, None, None]
    assert convolve(x, w, dilation=dilation_of(0))[0, 0, 0] == 1 + 20 + 300
    assert convolve(x, w, dilation=dilation_of(1))[0, 0, 0] == 1 + 200 + 30000
    assert dilation_of((0, 3)) == (1, 4)


@row(33)
def test_maps_of_edge_filters_are_brightest_at_their_edges() -> None:
    """A bright square on dark ground: one filter answers to bright above dark, the other to bright left of
    dark."""
    x = np.zeros((1, 12, 12, 1))
    x[0, 3:8, 4:9, 0] = 1
    above = np.array([[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]])
    y = convolve(x, np.stack([above, above.T], -1)[:, :, None, :], pad="same")[0]
    rows, columns = (np.argwhere(y[..., k] == y[..., k].max()) for k in range(2))
    assert y[..., 0].max() == y[..., 1].max() == 3
    assert set(rows[:, 0]) == {7, 8} and set(rows[:, 1]) == {5, 6, 7}  # the lower edge
    assert set(columns[:, 1]) == {8, 9} and set(columns[:, 0]) == {4, 5, 6}  # the right edge


@row(32)
def test_image_filters() -> None:
    x = whole_numbers(0, 1, 6, 7, 1)
    identity = np.zeros((3, 3))
    identity[1, 1] = 1
    assert np.array_equal(convolve(x, identity[..., None, None], pad="same"), x)
    sharpen = -np.ones((3, 3))
    sharpen[1, 1] = 9
    assert np.array_equal(
        convolve(np.full((1, 5, 5, 1), 4.0), sharpen[..., None, None]), np.full((1, 3, 3, 1), 4.0)
    )
    step = np.repeat([0.0, 8.0], 3)[None, None, :, None] * np.ones((1, 3, 6, 1))
    assert convolve(step, sharpen[..., None, None])[0, 0, :, 0].tolist() == [0, -24, 32, 8]


@row(32)
@pytest.mark.parametrize("axis", ["horizontal", "vertical", "45 degrees"])
def test_edge_filters_see_edges_of_their_direction_alone(axis: str) -> None:
    """Filters that sum to 0 answer with 0 where nothing changes, or changes along the edge only."""
    above = np.array([[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]])
    oblique = np.array([[2.0, 1, 0], [1, 0, -1], [0, -1, -2]])
    filters = {"horizontal": above, "vertical": above.T, "45 degrees": oblique}
    i, j = np.mgrid[:9, :9]
    images = {"horizontal": i, "vertical": j, "45 degrees": i + j}  # darker across the edge
    x = -images[axis].astype(float)[None, ..., None]
    answers = {name: convolve(x, w[..., None, None])[0, ..., 0] for name, w in filters.items()}
    assert {len(np.unique(y)) for y in answers.values()} == {1}  # the same everywhere
    strength = {name: y[0, 0] / np.linalg.norm(filters[name]) for name, y in answers.items()}
    assert max(strength, key=strength.__getitem__) == axis
    flat = np.full((1, 5, 5, 1), 7.0)
    assert not convolve(flat, filters[axis][..., None, None]).any()


@row(32)
def test_embossing_casts_a_shadow_and_wide_sharpening_keeps_the_mean() -> None:
    """A bright square has a bright upper left and a dark lower right border; 5x5 of -1 with 25 in the middle
    leaves what is flat as it is."""
    x = np.zeros((1, 9, 9, 1))
    x[0, 3:6, 3:6, 0] = 1
    emboss = np.array([[-1.0, -1, 0], [-1, 0, 1], [0, 1, 1]])
    y = convolve(x, emboss[..., None, None], pad="same")[0, ..., 0]
    assert (y[2, 2], y[6, 6], y[4, 4], y[0, 0]) == (1, -1, 0, 0)
    wide = -np.ones((5, 5))
    wide[2, 2] = 25
    flat = np.full((1, 7, 7, 1), 3.0)
    assert np.array_equal(convolve(flat, wide[..., None, None]), np.full((1, 3, 3, 1), 3.0))


@row(37)
def test_a_product_of_spectra_is_the_circular_convolution() -> None:
    f, g = np.array([0.0, 1, 2, -1, 3]), np.array([1.0, 1, 0])

    def by_spectra(n: int) -> list[float]:
        return np.fft.irfft(np.fft.rfft(f, n) * np.fft.rfft(g, n), n).round(12).tolist()

    ring = np.concatenate([f[-2:], f])[None, :, None].astype(np.float32)  # as `pad2:0 circular` makes it
    padded = kitnet.parse("5x1 -> pad places=2:0 circular").graph
    assert padded.nodes[-1].shape == (7, 1)
    assert convolve(ring, g[:, None, None].astype(np.float32), flip=True)[0, :, 0].tolist() == by_spectra(5)
    assert by_spectra(5) == [3, 1, 3, 1, 2]
    assert (
        by_spectra(7) == convolve(f[None, :, None], g[:, None, None], pad="full", flip=True)[0, :, 0].tolist()
    )
    assert by_spectra(7) == [0, 1, 3, 1, 2, 3, 0]


@row(37)
def test_transforms_give_what_the_direct_sum_gives() -> None:
    random = np.random.default_rng(0)
    x, w = (
        random.standard_normal((2, 20, 20, 3), np.float32),
        random.standard_normal((7, 7, 3, 4), np.float32),
    )
    direct = convolve(x, w, flip=True)
    np.testing.assert_allclose(convolve(x, w, flip=True, algorithm="fourier"), direct, atol=1e-4)
    np.testing.assert_allclose(direct, convolve(x.astype(float), w.astype(float), flip=True), atol=1e-4)


@row(39)
def test_every_position_has_filters_of_its_own() -> None:
    """With the same filters everywhere it is a convolution; with others at one position only that changes."""
    x, w = whole_numbers(0, 2, 5, 6, 3), whole_numbers(1, 3, 3, 3, 4)
    local, conv = LocallyConnected(3, 4, bias=False), Convolution(3, 4, bias=False)
    shared = np.broadcast_to(w, (3, 4, *w.shape)).copy()
    y = local.forward({"weight": shared}, {}, Context(), x).y
    assert np.array_equal(y, conv.forward({"weight": w}, {}, Context(), x).y)
    shared[1, 2] = 0
    z = local.forward({"weight": shared}, {}, Context(), x).y
    assert not z[:, 1, 2].any()
    z[:, 1, 2] = y[:, 1, 2]
    assert np.array_equal(z, y)


@row(104)
def test_alexnets_first_layer_unshared() -> None:
    layer, image = LocallyConnected(11, 96, 4), (227, 227, 3)
    params = layer.params(image)
    assert math.prod(layer.output_shape(image)) == 290_400
    assert sum(p.size for p in params.values()) == 290_400 * (363 + 1) == 105_705_600
    assert layer.connections(image) == 105_705_600


@row(40, 43)
@pytest.mark.parametrize("flip", [False, True])
def test_the_way_back_is_two_convolutions_in_both_conventions(flip: bool) -> None:
    """Forward correlation: dx = full convolution of dy and w, dw = valid correlation of x and dy. Forward
    convolution: dx = full correlation of dy and w, dw = valid convolution of turned x and dy."""
    x, w, dy = whole_numbers(0, 6, 7), whole_numbers(1, 3, 2), whole_numbers(2, 4, 6)
    dx, dw, db = convolve_backward(dy[None, ..., None], x[None, ..., None], w[..., None, None], flip=flip)
    y = convolve(x[None, ..., None], w[..., None, None], flip=flip)[0, ..., 0]
    if flip:
        assert np.array_equal(y, signal.convolve2d(x, w, "valid"))
        assert np.array_equal(dx[0, ..., 0], signal.correlate2d(dy, w, "full"))
        assert np.array_equal(dw[..., 0, 0], signal.convolve2d(np.flip(x), dy, "valid"))
    else:
        assert np.array_equal(y, signal.correlate2d(x, w, "valid"))
        assert np.array_equal(dx[0, ..., 0], signal.convolve2d(dy, w, "full"))
        assert np.array_equal(dw[..., 0, 0], signal.correlate2d(x, dy, "valid"))
    assert db == dy.sum()


@row(41)
def test_the_residual_goes_back_through_the_activation() -> None:
    """delta = (next delta, padded from 2x2 to 4x4, correlated with the turned filter) * f'(z)."""
    net = kitnet.parse("3x3x1 -> sigmoid -> conv2-1 bias=no")
    z, w, delta = whole_numbers(0, 3, 3) / 4, whole_numbers(1, 2, 2), whole_numbers(2, 2, 2)
    net.weights["conv1.weight"][...] = w[..., None, None]
    gradients = net.tape(z[None, ..., None].astype(np.float32)).backward(
        delta[None, ..., None].astype(np.float32)
    )
    a = 1 / (1 + np.exp(-z))
    padded = np.pad(delta, 1)
    assert padded.shape == (4, 4)
    expected = signal.correlate2d(padded, np.rot90(w, 2), "valid") * a * (1 - a)
    np.testing.assert_allclose(gradients["input"][0, ..., 0], expected, rtol=1e-5, atol=1e-6)
    dw = signal.correlate2d(a, delta, "valid")
    np.testing.assert_allclose(gradients["conv1.weight"][..., 0, 0], dw, rtol=1e-5)


@row(42)
def test_which_weights_a_residual_meets() -> None:
    """The delta of place (1, 2), from 1 on, of a 3x3 input reaches the outputs (1, 1) and (1, 2) alone, by
    the weights (0, 1) and (0, 0)."""
    layer = Convolution(2, 1, bias=False)
    w, dy = np.array([[1.0, 2], [3, 4]])[..., None, None], np.zeros((1, 2, 2, 1))
    found = {}
    for o in np.ndindex(2, 2):
        dy[...] = 0
        dy[0, *o, 0] = 1
        dx, _ = backward(layer, {"weight": w}, np.zeros((1, 3, 3, 1)), dy)
        if dx[0, 0, 1, 0]:
            found[o] = dx[0, 0, 1, 0]
    assert found == {(0, 0): w[0, 1, 0, 0], (0, 1): w[0, 0, 0, 0]}


@row(44)
def test_one_dimension_goes_back_by_the_turned_filter() -> None:
    w, dy = np.array([1.0, 2, 3]), np.array([10.0, 100, 1000])
    dx, _ = backward(
        Convolution(3, 1, bias=False), {"weight": w[:, None, None]}, np.zeros((1, 5, 1)), dy[None, :, None]
    )
    assert dx[0, :, 0].tolist() == [10, 120, 1230, 2300, 3000]
    assert np.array_equal(dx[0, :, 0], np.correlate(np.pad(dy, 2), w[::-1], "valid"))


@row(45)
def test_the_three_formulas_are_those_of_a_straight_line() -> None:
    """y = w x + b: dx = w dy, dw = x dy, db = dy."""
    x, w, b, dy = 3.0, -2.0, 5.0, 7.0
    line = {"weight": np.full((1, 1), w), "bias": np.full(1, b)}
    assert Linear(1).forward(line, {}, Context(), np.full((1, 1), x)).y == w * x + b
    dx, dw = backward(Linear(1), line, np.full((1, 1), x), np.full((1, 1), dy))
    assert (dx.item(), dw["weight"].item(), dw["bias"].item()) == (w * dy, x * dy, dy)


@row(49)
def test_the_gradient_of_shared_weights_is_the_sum_over_positions() -> None:
    """Of what each position would give a filter of its own."""
    x, w, dy = whole_numbers(0, 2, 5, 6, 3), whole_numbers(1, 3, 3, 3, 4), whole_numbers(2, 2, 3, 4, 4)
    shared = {"weight": w, "bias": np.zeros(4)}
    own = {"weight": np.broadcast_to(w, (3, 4, *w.shape)).copy(), "bias": np.zeros((3, 4, 4))}
    dx, dw = backward(Convolution(3, 4), shared, x, dy)
    other, each = backward(LocallyConnected(3, 4), own, x, dy)
    assert np.array_equal(dx, other)
    assert np.array_equal(dw["weight"], each["weight"].sum((0, 1)))
    assert np.array_equal(dw["bias"], each["bias"].sum((0, 1)))


@row(75)
def test_a_convolution_is_a_sparse_matrix_with_equal_blocks() -> None:
    """Column by column, from what each place alone gives."""
    conv, w = Convolution(2, 1, bias=False), whole_numbers(1, 2, 2, 1, 1)
    places = np.eye(9).reshape(9, 3, 3, 1)
    matrix = conv.forward({"weight": w}, {}, Context(), places).y.reshape(9, 4)
    x = whole_numbers(2, 2, 3, 3, 1)
    dense = Linear(4, bias=False).forward({"weight": matrix}, {}, Context(), x).y
    assert np.array_equal(dense.reshape(2, 2, 2, 1), conv.forward({"weight": w}, {}, Context(), x).y)
    assert np.count_nonzero(matrix) <= 16 and np.count_nonzero(matrix == 0) >= 20
    assert np.array_equal(matrix[:8, 0][matrix[:8, 0] != 0], matrix[1:, 1][matrix[1:, 1] != 0])


@row(130)
def test_many_channels_are_one_valid_convolution_of_three_axes() -> None:
    x, w = whole_numbers(0, 6, 7, 4), whole_numbers(1, 3, 2, 4)
    y = convolve(x[None], w[..., None])[0, ..., 0]
    volume = signal.convolve(x, w[::-1, ::-1, ::-1], "valid", "direct")
    assert volume.shape == (4, 6, 1)
    assert np.array_equal(y, volume[..., 0])


@row(131)
def test_the_gradient_of_a_bias() -> None:
    """Fully connected: delta. Convolution: its sum over all positions. A bias a position: delta again."""
    dy, dense = whole_numbers(0, 1, 3, 4, 2), whole_numbers(1, 1, 5)
    _, dw = backward(Linear(5), {"weight": np.zeros((3, 5)), "bias": np.zeros(5)}, np.zeros((1, 3)), dense)
    assert np.array_equal(dw["bias"], dense[0])
    _, _, db = convolve_backward(dy, np.zeros((1, 4, 5, 1)), np.zeros((2, 2, 1, 2)))
    assert np.array_equal(db, dy.sum((0, 1, 2)))
    _, dw = backward(Bias(), {"bias": np.zeros((3, 4, 2))}, np.zeros_like(dy), dy)
    assert np.array_equal(dw["bias"], dy[0])


@row(132)
def test_the_network_of_1989_has_a_bias_a_unit() -> None:
    """Which 8 of the 12 maps each of H2's sees is not published; any 8 have these counts."""
    table = "/".join(".".join(str(c) for c in sorted((k + i) % 12 for i in range(8))) for k in range(12))
    net = kitnet.parse(
        "16x16x1 -> conv5-12/2 pad=2:1x2:1 bias=no -> bias -> tanh"
        f" -> conv5-12/2 pad=2:1x2:1 table={table} bias=no -> bias -> tanh -> fc30 -> tanh -> fc10"
    )
    rows = {node.path: node for node in net.graph.nodes}
    assert rows["bias1"].shape == (8, 8, 12) and rows["bias2"].shape == (4, 4, 12)

    def count(what: str, *paths: str) -> int:
        graph = net.graph
        if what == "parameters":
            return sum(p.size for path, p in graph.params().items() if path.rpartition(".")[0] in paths)
        return sum(rows[p].layer.connections(*graph.shapes_into(rows[p])) for p in paths)

    layers = [("conv1", "bias1"), ("conv2", "bias2"), ("fc1",), ("fc2",)]
    assert [count("parameters", *paths) for paths in layers] == [1068, 2592, 5790, 310]
    assert [count("connections", *paths) for paths in layers] == [19968, 38592, 5790, 310]
    totals = net.ledger().totals
    assert (totals["parameters"], totals["connections"]) == (9760, 64660)
