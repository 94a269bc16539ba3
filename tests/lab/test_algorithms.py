"""Every algorithm of the laboratory gives what the definition says in every pass, or says why it does
not."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from catalogue import row
from scipy import signal

from kitnet.base.spec import Array
from kitnet.engine.lower import implementations
from kitnet.lab.algorithm import Algorithm
from kitnet.lab.comparison import algorithms_for
from kitnet.lab.generated import generated, kernels_of, planned
from kitnet.lab.im2col import matrix_of_windows
from kitnet.lab.loops import LOOPS, convolve_by_loops
from kitnet.lab.problem import InapplicableError, Pass, Problem, read_problem
from kitnet.lab.spectra import convolve_by_fourier
from kitnet.layers import Convolution
from kitnet.layers.equivalent_matrix import count_entries, entries

EPS = float(np.finfo(np.float32).eps)
LINES = [  # the first of five is quickly compiled
    ("9x3 conv3-4/2 flip=yes", 2),
    ("9x8x4 conv3-5 same", 3),
    ("7x6x2 conv2x3-16 pad=1:0x2:1", 1),
    ("8x8x16 conv3-16 same flip=yes", 17),
    ("8x9x3 conv3-2 dilation=2 full", 2),
    ("9x3 sumpool2 floor", 2),
    ("9x7x4 conv3-6/2 pad=1 floor flip=yes groups=2", 2),
    ("6x6x6 conv3-6 groups=6", 2),  # depthwise
    ("4x5x4x3 conv2-4", 2),
    ("7x7x3 conv3-4/3 pad=1 on_misfit=ceil", 1),
    ("7x5x2 maxpool regions=2x3", 2),
    ("7x7x3 maxpool3/2", 3),
    ("7x5x2 meanpool3/2 pad=1", 2),
    ("7x5x2 meanpool2 pad=1 count_pad=yes floor", 2),
]


def magnitude(problem: Problem, which: str) -> float:
    """The largest sum of |a| |b|: the error of any order of summing is a few eps of it."""
    w = None if problem.w is None else abs(problem.w)
    return float(Problem(problem.layer, abs(problem.x), w, abs(problem.dy)).expected(which).max())


def applied(problem: Problem, which: str, one: Algorithm) -> Array | None:
    """The result of the numbers that an algorithm computes, NaN for others; None where it does not apply."""
    try:
        ready = one.prepare(problem, which)
    except InapplicableError:
        return None
    found = ready.run()
    if ready.sampled is None:
        return found.copy()
    whole = np.full_like(problem.expected(which), np.nan)
    whole.flat[ready.sampled] = found
    return whole


@row(34, 35, 37)
@pytest.mark.sample(5)
@pytest.mark.parametrize(("line", "batch"), LINES)
def test_every_algorithm_gives_the_sums(line: str, batch: int) -> None:
    problem = read_problem(line, batch)
    for which in problem.passes:
        expected, least = problem.expected(which), magnitude(problem, which)
        names = []
        for one in algorithms_for(problem, 1):
            found = applied(problem, which, one)
            if found is None:
                continue
            names.append(one.name)
            bound = 8 * EPS * least * (40 if "winograd4" in one.name else 4 if "winograd" in one.name else 1)
            some = ~np.isnan(found)
            assert found.shape == expected.shape and some.any()
            np.testing.assert_allclose(found[some], expected[some], rtol=0, atol=bound, err_msg=one.name)
        assert {"loops", "im2col"} <= set(names) and any("." in name for name in names)


def test_what_is_expected_is_scipys() -> None:
    problem = read_problem("9x8x3 conv3x2-4", 2)
    x, w, dy = (array.astype(float) for array in (problem.x, problem.w, problem.dy))
    y, dx, dw = (problem.expected(which) for which in problem.passes)
    for n, k in np.ndindex(2, 4):
        planes = [signal.correlate2d(x[n, ..., c], w[..., c, k], "valid") for c in range(3)]
        np.testing.assert_allclose(y[n, ..., k], sum(planes), atol=1e-12)
    for n, c in np.ndindex(2, 3):
        back = [signal.convolve2d(dy[n, ..., k], w[..., c, k]) for k in range(4)]
        np.testing.assert_allclose(dx[n, ..., c], sum(back), atol=1e-12)
    for c, k in np.ndindex(3, 4):
        seen = [signal.correlate2d(x[n, ..., c], dy[n, ..., k], "valid") for n in range(2)]
        np.testing.assert_allclose(dw[..., c, k], sum(seen), atol=1e-12)


@row(34, 37)
def test_loops_and_spectra_in_float64() -> None:
    random = np.random.default_rng(0)
    x, w = random.standard_normal((2, 6, 7, 2)), random.standard_normal((3, 2, 2, 3))
    axes = Convolution((3, 2), 3, bias=False).axes((6, 7, 2))
    expected = np.stack(
        [
            [sum(signal.correlate2d(x[n, ..., c], w[..., c, k], "valid") for c in range(2)) for k in range(3)]
            for n in range(2)
        ]
    )
    for convolve in (convolve_by_loops, convolve_by_fourier):
        np.testing.assert_allclose(np.moveaxis(convolve(x, w, axes), -1, 1), expected, atol=1e-12)


@row(75)
def test_the_sparse_matrix_has_every_filter_at_every_position() -> None:
    problem = read_problem("4x5x2 conv3-3 same", 1)
    made = entries(problem.layer, problem.shape)
    assert made.shape == (40, 60)
    inside = (3 * 4 - 2) * (3 * 5 - 2)  # taps of all windows that lie on the image
    assert len(made.which) == count_entries(problem.layer, problem.shape) == inside * 2 * 3
    dense = made.dense(problem.w).T
    x = np.arange(40.0)
    expected = [
        signal.correlate2d(x.reshape(4, 5, 2)[..., c], problem.w[..., c, 0], "same") for c in range(2)
    ]
    np.testing.assert_allclose((dense @ x).reshape(4, 5, 3)[..., 0], sum(expected), rtol=1e-5, atol=1e-5)
    assert (np.unique(dense[dense != 0]) == np.unique(problem.w)).all()


@row(35)
def test_a_row_of_im2col_is_a_window() -> None:
    x = np.arange(32).reshape(1, 4, 4, 2)
    rows = matrix_of_windows(x, Convolution(3, 1).axes((4, 4, 2)))
    assert rows.shape == (4, 18)
    assert rows[1].tolist() == x[0, 0:3, 1:4].ravel().tolist()


# What ran is what was asked for


KERNELS = {
    "conv.direct.images": ("convolution", "input_gradient", "filter_gradient"),
    "conv.winograd2.images": ("winograd", "winograd_gradient", None),
    "conv.winograd4.images": ("winograd", "winograd_gradient", "winograd_filter_gradient"),
    "conv.fourier.images": ("fourier", "fourier_gradient", None),
    "conv.direct.channels": ("convolution", None, None),
    "conv.winograd2.channels": ("winograd", None, None),
    "conv.winograd4.channels": ("winograd", None, None),
    "conv.tiles.images": (None, None, None),  # for bf16
}


def test_the_kernels_of_every_implementation() -> None:
    problem = read_problem("12x12x16 conv3-32 same", 16)
    found: dict[str, list[tuple[str, ...] | None]] = {}
    for one in (each for each in implementations() if each.is_for(problem.layer)):
        found[one.id] = []
        for which in problem.passes:
            try:
                found[one.id].append(kernels_of(planned(one, 1, problem, which)))
            except InapplicableError:
                found[one.id].append(None)
    assert found.keys() == KERNELS.keys() == {one.name for one in generated(problem.layer, 1)}
    for name, wanted in KERNELS.items():
        for kernels, kernel in zip(found[name], wanted, strict=True):
            assert (kernels is None) == (kernel is None), name
            assert kernels is None or kernel in kernels, name


def test_the_two_sizes_of_winograd_are_two_kernels() -> None:
    problem = read_problem("12x12x16 conv3-32 same", 16)
    texts = []
    for one in (
        each for each in implementations() if each.id.endswith(("winograd2.images", "winograd4.images"))
    ):
        steps = planned(one, 1, problem, "forward").steps
        texts += [step.kernel.text for step in steps if step.label == "y forward"]
    assert len(texts) == len(set(texts)) == 2


@pytest.mark.parametrize(
    ("line", "which", "name", "reason"),
    [
        ("8x8x2 conv3-2", "data", "conv.direct.channels", "only for scores"),
        ("8x8x2 conv5-2", "forward", "conv.winograd4.images", "only for 3x3 windows"),
        ("8x8x2 conv3-2/2 floor", "forward", "conv.fourier.images", "only for stride 1 and dilation 1"),
        ("4x4x4x2 conv2-2", "forward", "conv.fourier.images", "only for planes"),
        ("8x8x2 conv3-2", "weights", "conv.fourier.images", "its gradient of the weights is the direct sum"),
        (
            "8x8x2 conv3-2",
            "weights",
            "conv.winograd2.images",
            "its gradient of the weights is that of F(4x4,3x3)",
        ),
        (
            "8x8x2 conv3-3",
            "weights",
            "conv.winograd4.images",
            "only for filters that fill the lanes; else it is the direct sum",
        ),
        ("8x8x4 conv3-4 groups=2", "forward", "fourier", "written without groups; the layer has 2"),
        ("8x8x4 maxpool2", "forward", "fourier", "only for convolutions"),
        (
            "2000x1500x1 conv1-1",
            "weights",
            "loops",
            "a single number would take 3,000,000 steps, of 2,000,000 at most",
        ),
        ("8x8x4 maxpool2", "forward", "matrix", "only for convolutions"),
        (
            "28x28x128 conv3-128 same",
            "forward",
            "matrix",
            "the matrix would take 2,942 MiB; it is built below 256",
        ),
        (
            "220x220x64 conv11-4",
            "forward",
            "im2col",
            "the matrix would take 1,303 MiB, of 512 at most",
        ),
        (
            "96x96x128 conv1-256",
            "forward",
            "fourier",
            "the spectra would take 1,166 MiB, of 256 at most",
        ),
    ],
)
def test_why_an_algorithm_does_not_apply(line: str, which: str, name: str, reason: str) -> None:
    problem = read_problem(line)
    (one,) = [each for each in algorithms_for(problem, 1) if each.name == name]
    with pytest.raises(InapplicableError) as caught:
        one.prepare(problem, which)
    assert str(caught.value) == reason


# Sampling


def test_loops_compute_a_part_that_is_spread_over_the_result() -> None:
    problem = read_problem("16x16x16 conv3-16", 2)
    (loops,) = [each for each in algorithms_for(problem, 1) if each.name == "loops"]
    for which in problem.passes:
        ready, expected = loops.prepare(problem, which), problem.expected(which)
        share = ready.sampled.size / expected.size
        assert share == pytest.approx(10_000 / (2 * 14 * 14 * 9 * 16 * 16), rel=0.3)
        assert ready.sampled[0] == 0 and (ready.sampled.size == 1 or ready.sampled[-1] == expected.size - 1)
        np.testing.assert_allclose(
            ready.run(), expected.flat[ready.sampled], rtol=0, atol=8 * EPS * magnitude(problem, which)
        )
    assert math.prod(problem.dy.shape) == 2 * 14 * 14 * 16


def test_loops_take_as_long_for_a_product_in_every_pass() -> None:
    """Within three times: what does not change stands outside the innermost loop, of which there are as many
    products in each pass."""
    problem = read_problem("16x16x64 conv3-64 same", 1, 0)

    def seconds(which: Pass) -> float:
        ready = LOOPS.prepare(problem, which)
        assert ready.sampled is not None
        times = []
        for _ in range(3):
            start = time.process_time()
            ready.run()
            times.append(time.process_time() - start)
        return min(times) / ready.sampled.size * math.prod(problem.expected(which).shape)

    forward, data, weights = (seconds(which) for which in problem.passes)
    assert data < 3 * forward
    assert weights < 3 * forward
