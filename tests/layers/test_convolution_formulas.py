"""Convolution: the loops of the definition, the im2col product and SciPy say the same, in one to three
dimensions; its gradients are convolutions; every way to write it agrees exactly on whole numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from kitnet.base.error import ShapeError
from kitnet.base.shape import slide
from kitnet.base.spec import Array
from kitnet.layers import Convolution, Kept
from kitnet.layers.contract import Context
from kitnet.layers.convolution import (
    correlate,
    correlate_by_loops,
    filter_gradient,
    filter_gradient_as_correlation,
    input_gradient,
    input_gradient_by_col2im,
    turn,
)
from kitnet.layers.window import Axes, output_sizes, overlap_add, windows


def whole_numbers(seed: int, *shape: int) -> Array:
    """Small whole numbers: every sum of products of them is exact in any order."""
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(float)


@st.composite
def slidings(draw: st.DrawFn, *, tight: bool = False) -> tuple[tuple[int, ...], Axes, int]:
    """(sizes, axes, seed) of rank 1 to 3; `tight`: no place of the padded input beyond the last window."""
    rank = draw(st.integers(1, 3))
    highest = (9, 6, 4)[rank - 1]

    def numbers(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    window, stride, dilation = numbers(1, 3), numbers(1, 3), numbers(1, 2)
    pads = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank))
    extents = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    sizes = tuple(
        draw(st.integers(max(1, e - sum(p)), max(1, e - sum(p)) + highest))
        for e, p in zip(extents, pads, strict=True)
    )
    if tight:
        sizes = tuple(
            n - (n + sum(p) - e) % s if (n + sum(p) - e) % s < n else n
            for n, p, e, s in zip(sizes, pads, extents, stride, strict=True)
        )
    axes = slide((*sizes, 1), window, stride, pads, dilation, "floor")
    return sizes, axes, draw(st.integers(0, 10**6))


def by_scipy(x: Array, w: Array, axes: Axes) -> Array:
    """Channel by channel: pad, spread the filter by its dilation, correlate, take every stride-th place."""
    spread = np.zeros((*(a.extent for a in axes), *w.shape[-2:]))
    spread[tuple(slice(None, None, a.dilation) for a in axes)] = w
    padded = np.pad(x, [(0, 0), *((a.before, a.after) for a in axes), (0, 0)])
    y = np.zeros((len(x), *output_sizes(axes), w.shape[-1]))
    for n, c, k in np.ndindex(len(x), *w.shape[-2:]):
        dense = signal.correlate(padded[n, ..., c], spread[..., c, k], "valid", "direct")
        places = tuple(slice(None, None, a.stride) for a in axes)
        y[n, ..., k] += dense[places]
    return y


@row(34, 35)
@given(slidings(), st.integers(1, 2), st.integers(1, 3), st.integers(1, 2))
def test_loops_and_im2col_and_scipy_agree(
    sliding: tuple[tuple[int, ...], Axes, int], batch: int, depth: int, filters: int
) -> None:
    sizes, axes, seed = sliding
    x = whole_numbers(seed, batch, *sizes, depth)
    w = whole_numbers(seed + 1, *(a.window for a in axes), depth, filters)
    y = correlate(x, w, axes)
    assert np.array_equal(y, correlate_by_loops(x, w, axes))
    assert np.array_equal(y, by_scipy(x, w, axes))


@row(40, 47)
@given(slidings(), st.integers(1, 2), st.integers(1, 3), st.integers(1, 2))
def test_gradients_are_convolutions(
    sliding: tuple[tuple[int, ...], Axes, int], batch: int, depth: int, filters: int
) -> None:
    sizes, axes, seed = sliding
    x = whole_numbers(seed, batch, *sizes, depth)
    w = whole_numbers(seed + 1, *(a.window for a in axes), depth, filters)
    dy = whole_numbers(seed + 2, batch, *output_sizes(axes), filters)
    dx = input_gradient(dy, w, axes)
    assert dx.shape == x.shape
    assert np.array_equal(dx, input_gradient_by_col2im(dy, w, axes))
    dw = filter_gradient(x, dy, axes)
    assert dw.shape == w.shape
    assert np.array_equal(dw, filter_gradient_as_correlation(x, dy, axes))
    # <correlate(x, w), dy> is linear in x and in w, and both gradients are its adjoints: exact equality
    inner = (correlate(x, w, axes) * dy).sum()
    assert inner == (x * dx).sum() == (w * dw).sum()


@row(50)
@given(slidings(), st.integers(1, 2))
def test_col2im_is_the_adjoint_of_im2col(sliding: tuple[tuple[int, ...], Axes, int], depth: int) -> None:
    sizes, axes, seed = sliding
    x = whole_numbers(seed, 2, *sizes, depth)
    seen = windows(x, axes)
    d = whole_numbers(seed + 1, *seen.shape)
    assert (seen * d).sum() == (x * overlap_add(d, axes)).sum()


@given(slidings(tight=True), st.integers(1, 3))
def test_the_layer_is_the_formulas_group_by_group(
    sliding: tuple[tuple[int, ...], Axes, int], groups: int
) -> None:
    sizes, axes, seed = sliding
    layer = Convolution(
        tuple(a.window for a in axes),
        2 * groups,
        tuple(a.stride for a in axes),
        tuple((a.before, a.after) for a in axes),
        tuple(a.dilation for a in axes),
        groups,
        on_misfit="floor",
    )
    x = whole_numbers(seed, 2, *sizes, 3 * groups)
    w = {name: whole_numbers(seed, *p.shape) for name, p in layer.params(x.shape[1:]).items()}
    y = layer.forward(w, {}, Context(), x).y
    dy = whole_numbers(seed + 1, *y.shape)
    back = layer.backward(w, Kept((x.shape,), (x,)), dy)
    for g in range(groups):
        maps, filters = slice(3 * g, 3 * g + 3), slice(2 * g, 2 * g + 2)
        one = by_scipy(x[..., maps], w["weight"][..., filters], axes) + w["bias"][filters]
        assert np.array_equal(y[..., filters], one)
        dw = filter_gradient(x[..., maps], dy[..., filters], axes)
        assert np.array_equal(back.dw["weight"][..., filters], dw)
        dx = input_gradient_by_col2im(dy[..., filters], w["weight"][..., filters], axes)
        assert back.dx[0] is not None
        assert np.array_equal(back.dx[0][..., maps], dx)
    assert np.array_equal(back.dw["bias"], dy.sum(tuple(range(dy.ndim - 1))))


@row(9)
@given(slidings())
def test_turning_makes_correlation_a_true_convolution(sliding: tuple[tuple[int, ...], Axes, int]) -> None:
    sizes, _, seed = sliding
    window = tuple(min(3, n) for n in sizes)
    f, g = whole_numbers(seed, *sizes), whole_numbers(seed + 1, *window)
    x, w = f[None, ..., None], turn(g[..., None, None])
    for mode in ("valid", "full"):
        axes = slide((*sizes, 1), window, pad=mode)  # type: ignore[arg-type]
        assert np.array_equal(correlate(x, w, axes)[0, ..., 0], signal.convolve(f, g, mode, "direct"))


@row(9)
def test_turn_turns_every_axis_and_exchanges_maps_and_filters() -> None:
    w = whole_numbers(0, 2, 3, 4, 5)
    turned = turn(w)
    assert turned.shape == (2, 3, 5, 4)
    for r, s, c, k in np.ndindex(*w.shape):
        assert turned[1 - r, 2 - s, k, c] == w[r, s, c, k]
    plane = w[..., 0, 0]
    assert np.array_equal(turned[..., 0, 0], np.rot90(plane, 2))  # catalogue 9: two quarter turns


@row(43)
def test_input_gradient_is_the_full_true_convolution_of_dy_with_w() -> None:
    dy, w = whole_numbers(1, 4, 5), whole_numbers(2, 3, 2)
    (high, wide) = slide((6, 6, 1), (3, 2))
    dx = input_gradient(dy[None, ..., None], w[..., None, None], (high, wide))
    assert np.array_equal(dx[0, ..., 0], signal.convolve2d(dy, w, "full"))


@row(43)
def test_filter_gradient_is_the_valid_correlation_of_x_and_dy() -> None:
    x, dy = whole_numbers(1, 6, 6), whole_numbers(2, 4, 5)
    axes = slide((6, 6, 1), (3, 2))
    dw = filter_gradient(x[None, ..., None], dy[None, ..., None], axes)
    assert np.array_equal(dw[..., 0, 0], signal.correlate2d(x, dy, "valid"))


def test_a_true_convolution_has_the_gradients_with_the_turns_exchanged() -> None:
    """y = x * g = correlation with the turned g; dx is a full correlation and dg the convolution of turned x
    with dy."""
    x, g, dy = whole_numbers(1, 6, 7), whole_numbers(2, 3, 2), whole_numbers(3, 4, 6)
    axes = slide((6, 7, 1), (3, 2))
    w = turn(g[..., None, None])
    assert np.array_equal(correlate(x[None, ..., None], w, axes)[0, ..., 0], signal.convolve2d(x, g, "valid"))
    dx = input_gradient(dy[None, ..., None], w, axes)[0, ..., 0]
    assert np.array_equal(dx, signal.correlate2d(dy, g, "full"))
    dg = turn(filter_gradient(x[None, ..., None], dy[None, ..., None], axes))[..., 0, 0]
    assert np.array_equal(dg, signal.convolve2d(np.rot90(x, 2), dy, "valid"))


@row(42, 47)
def test_a_residual_goes_back_where_it_came_from() -> None:
    """Catalogue 42: output (0, 1) reads the places (0..1, 1..2) and sends its gradient to those alone."""
    axes = slide((3, 3, 1), 2)
    w = np.array([[1.0, 2.0], [3.0, 4.0]])[..., None, None]
    dy = np.zeros((1, 2, 2, 1))
    dy[0, 0, 1] = 1
    expected = [[0, 1, 2], [0, 3, 4], [0, 0, 0]]
    assert np.array_equal(input_gradient(dy, w, axes)[0, ..., 0], expected)


def test_bias_is_one_number_a_filter() -> None:
    layer = Convolution(1, 2)
    w = {"weight": np.zeros((1, 1, 3, 2)), "bias": np.array([5.0, -7.0])}
    y = layer.forward(w, {}, Context(), np.ones((1, 2, 2, 3))).y
    assert (y[..., 0] == 5).all()
    assert (y[..., 1] == -7).all()


def test_dx_is_left_out_where_nobody_wants_it() -> None:
    layer, x = Convolution(2, 3), whole_numbers(0, 1, 3, 3, 2)
    w = {name: whole_numbers(1, *p.shape) for name, p in layer.params((3, 3, 2)).items()}
    back = layer.backward(w, Kept((x.shape,), (x,), wants=(False,)), whole_numbers(2, 1, 2, 2, 3))
    assert back.dx == (None,)


@row(30)
def test_dilation_two_reads_every_other_place() -> None:
    """Catalogue 30 calls this dilation 1: w0 x0 + w1 x2 + w2 x4."""
    layer = Convolution(3, 1, dilation=2, bias=False)
    x, w = np.array([1.0, 10, 100, 1000, 10000])[None, :, None], np.array([1.0, 2, 3])[:, None, None]
    assert layer.forward({"weight": w}, {}, Context(), x).y.item() == 1 + 200 + 30000


@pytest.mark.parametrize(
    ("layer", "volume", "text"),
    [
        (Convolution(3, 0), (5, 5, 1), "0 filters are not possible; use 1 or more"),
        (Convolution(3, 4, groups=0), (5, 5, 1), "4 filters in 0 groups are not possible; use 1 or more"),
        (
            Convolution(3, 4, groups=2),
            (5, 5, 3),
            "2 groups do not divide a depth of 3 and 4 filters; use a divisor of both",
        ),
        (
            Convolution(3, 3, groups=2),
            (5, 5, 4),
            "2 groups do not divide a depth of 4 and 3 filters; use a divisor of both",
        ),
        (
            Convolution(7, 4),
            (5, 5, 16),
            "a 7x7 filter does not fit its 5x5x16 input: (5 - 7 + 2*0) / 1 + 1 = -1; use pad=1, a 7x7x16 "
            "input, "
            "or a 5x5 filter",
        ),
    ],
)
def test_misfits_in_their_own_words(layer: Convolution, volume: tuple[int, ...], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(volume)
    assert str(caught.value) == text


def test_fans_are_the_connections_of_one_unit() -> None:
    weight = Convolution(5, 8, groups=2).params((9, 9, 6))["weight"]
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((5, 5, 3, 8), 75, 100)
    assert weight.decay
    assert not Convolution(5, 8).params((9, 9, 6))["bias"].decay


@given(slidings(), st.integers(1, 3), st.integers(1, 3))
def test_counts_are_those_of_the_loops(
    sliding: tuple[tuple[int, ...], Axes, int], depth: int, filters: int
) -> None:
    sizes, axes, _ = sliding
    layer = Convolution(
        tuple(a.window for a in axes),
        filters,
        tuple(a.stride for a in axes),
        tuple((a.before, a.after) for a in axes),
        tuple(a.dilation for a in axes),
        on_misfit="floor",
    )
    taps, positions = math.prod(a.window for a in axes), math.prod(output_sizes(axes))
    assert layer.multiply_adds((*sizes, depth)) == taps * depth * filters * positions
    assert layer.connections((*sizes, depth)) == (taps * depth + 1) * filters * positions
