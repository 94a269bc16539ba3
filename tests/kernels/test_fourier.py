"""Convolution by Fourier transforms against the formula of a convolution in float64.

How far it may be off: a transform of N numbers moves errors no further than it moves the numbers, and adds at
most some log2(N) roundings of their norm (Higham, "Accuracy and stability of numerical algorithms", 24.1). So
an output is off by less than eps log2(N) times the sum over the channels of |x| |w|, norms of the channel's
places and taps. The largest error found in 60 drawn problems is a seventh of that; one tap forgotten is some
ten thousand times it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from volumes import Slab, fitting
from volumes import run as run_twice

from kitnet.base.shape import Axis
from kitnet.kernels import fourier, jit
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.layers.convolution import correlate, input_gradient

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Problem:
    """The side of tiles, sizes, window, padding before and after each axis, channels, filters, and channels
    of pitch beyond.
    """

    side: int
    sizes: tuple[int, int]
    window: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    depth: int
    filters: int
    samples: int = 3
    images: int = 16
    more: tuple[int, int] = (0, 0)
    blocks: int = 1

    @property
    def axes(self) -> tuple[Axis, ...]:
        each = zip(self.sizes, self.window, self.pads, strict=True)
        return tuple(Axis(size, taps, 1, 1, *pad, size + sum(pad) - taps + 1) for size, taps, pad in each)

    @property
    def batch(self) -> Batch:
        return Batch(-(-self.samples // self.images), self.images)

    @property
    def x(self) -> Volume:
        return Volume((1, *self.sizes), self.depth, self.depth + self.more[0])

    @property
    def y(self) -> Volume:
        high, wide = (axis.output for axis in self.axes)
        return Volume((1, high, wide), self.filters, self.filters + self.more[1])

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """x, weight, bias and dy."""
        rng = np.random.default_rng(len(str(self)))
        shapes = (
            (self.samples, *self.sizes, self.depth),
            (*self.window, self.depth, self.filters),
            (self.filters,),
            (self.samples, *self.y.sizes[1:], self.filters),
        )
        one, two, three, four = (rng.standard_normal(s, np.float32) for s in shapes)
        return one, two, three, four


def spectra(
    p: Problem, w: Array, cpu: Cpu, at: str = "end", *,
    factor: Array | None = None, turned: bool = False, tasks: int = 2,
) -> Array:  # fmt: skip
    """u of the filters, each multiplied by its factor if there is one."""
    depth, rows = (p.filters, p.depth) if turned else (p.depth, p.filters)
    scaled, more = factor is not None, {} if factor is None else {"factor": fitting(factor, at)}
    kernel = fourier.spectra(
        "spectra", cpu, p.side, (1, *p.window), depth, rows, turned=turned, scaled=scaled, tasks=tasks
    )  # fmt: skip
    (code,) = jit.build([kernel])
    u = guarded(2 * fourier.frequencies(p.side) * depth * rows, at=at)
    run_twice(code, ("u",), weight=fitting(w, at), u=u, **more)
    assert np.isfinite(u).all()
    return u


def run(
    p: Problem, a: Array, w: Array, b: Array | None = None, *, back: bool = False, cpu: Cpu | None = None,
    at: str = "end", onto: Array | None = None, activation: Activation | None = None,
    blocks: int | None = None,
) -> Array:  # fmt: skip
    """y of x, or dx of dy."""
    cpu, window, blocks = cpu or detect(), (1, *p.window), blocks or p.blocks
    source, target = (p.y, p.x) if back else (p.x, p.y)
    pads = [axis.window - 1 - axis.before if back else axis.before for axis in p.axes]
    before: Triple = (0, pads[0], pads[1])
    kernel = fourier.convolve(
        "fourier", cpu, p.batch, source, target, p.side, window, before, bias=b is not None,
        activation=activation, accumulate=onto is not None, blocks=blocks,
    )  # fmt: skip
    (convolve,), u = jit.build([kernel]), spectra(p, w, cpu, at, turned=back, tasks=blocks)
    y = Slab(target, p.batch, at=at)
    if onto is not None:
        y.put(onto)
    bias = fitting(np.full(1, np.nan, np.float32) if b is None else b, at)
    run_twice(convolve, ("y",), x=Slab(source, p.batch, at=at).put(a), u=u, bias=bias, y=y)
    return y.get(p.samples)[:, 0]


def bound(p: Problem, a: Array, w: Array, back: bool = False) -> Array:
    """Of each sample and row, to be spread over the places."""
    places = np.sqrt(np.square(a.astype(np.float64)).sum((1, 2)))
    taps = np.sqrt(np.square(w.astype(np.float64)).sum((0, 1)))
    size = places @ (taps.T if back else taps)
    return EPS * math.log2(p.side**2) * size[:, None, None, :]


def check(p: Problem, cpu: Cpu | None = None, at: str = "end") -> None:
    """Both directions."""
    x, w, b, dy = p.arrays()
    exact = w.astype(np.float64)
    y, dx = run(p, x, w, b, cpu=cpu, at=at), run(p, dy, w, back=True, cpu=cpu, at=at)
    want_y = correlate(x.astype(np.float64), exact, p.axes) + b
    want_dx = input_gradient(dy.astype(np.float64), exact, p.axes)
    assert (np.abs(y - want_y) <= bound(p, x, w) + 2 * EPS * np.abs(b)).all()
    assert (np.abs(dx - want_dx) <= bound(p, dy, w, back=True)).all()


CASES = {
    "one tile": Problem(8, (8, 8), (5, 5), ((0, 0), (0, 0)), 2, 3),
    "same": Problem(16, (13, 15), (7, 7), ((3, 3), (3, 3)), 5, 29, samples=19),
    "a window as large as the tile": Problem(8, (9, 10), (8, 8), ((4, 3), (0, 0)), 2, 3),
    "not square": Problem(16, (20, 6), (2, 11), ((1, 0), (5, 5)), 3, 14, more=(2, 3), blocks=3),
    "larger tiles": Problem(32, (30, 41), (15, 9), ((7, 7), (4, 4)), 2, 3),
    "mostly padding": Problem(8, (1, 2), (5, 4), ((4, 4), (3, 3)), 3, 2),
    "padding beyond the tile": Problem(8, (3, 4), (3, 5), ((11, 2), (0, 9)), 2, 3),
    "chunks and blocks": Problem(8, (13, 11), (5, 5), ((2, 2), (2, 2)), 33, 28, 33, 32, blocks=2),
}


@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
@pytest.mark.sample(5)
def test_hard_cases(p: Problem):
    check(p)


@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.sample(3)
def test_lesser_instruction_sets(level: str):
    check(CASES["not square"], detect(level))


def drawn(seed: int) -> Problem:
    """One of endlessly many small problems."""
    pick = random.Random(seed).choice
    side = pick([8, 8, 16])
    window = pick(range(1, side)), pick(range(1, 8))
    pads = [(pick(range(taps)), pick(range(taps))) for taps in window]
    sizes = [max(1, taps - sum(pad)) + pick(range(12)) for taps, pad in zip(window, pads, strict=True)]
    images = pick([16, 16, 32])
    return Problem(
        side, (sizes[0], sizes[1]), window, (pads[0], pads[1]), pick([1, 2, 3, 7]), pick([1, 3, 13, 14, 31]),
        pick([1, images, images + 3]), images, pick([(0, 0), (0, 0), (1, 2)]), pick([1, 1, 2, 5]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_drawn_problems(seed: int):
    check(drawn(seed), at="end" if seed % 2 else "start")


@pytest.mark.slow
@pytest.mark.parametrize("level", levels())
def test_many_drawn_problems(level: str):
    for seed in range(100, 120):
        check(drawn(seed), detect(level), at="end" if seed % 2 else "start")


@pytest.mark.parametrize("side", fourier.SIDES)
@pytest.mark.sample(6)
def test_the_rms_error_of_many_channels_is_below_a_third_of_a_millionth(side: int):
    """That of the direct sums, of 1600 terms, is 0.66 millionths."""
    p = Problem(side, (14, 14), (5, 5), ((2, 2), (2, 2)), 64, 14)
    x, w, b, _ = p.arrays()
    want = correlate(x.astype(np.float64), w.astype(np.float64), p.axes) + b
    assert np.sqrt(np.square(run(p, x, w, b) - want).mean() / np.square(want).mean()) < 0.3e-6


def test_blocks_change_no_bit():
    p = CASES["chunks and blocks"]
    x, w, b, dy = p.arrays()
    y, dx = run(p, x, w, b), run(p, dy, w, back=True)
    for blocks in (5, 1000):
        assert run(p, x, w, b, blocks=blocks).tobytes() == y.tobytes()
        assert run(p, dy, w, back=True, blocks=blocks).tobytes() == dx.tobytes()


def test_the_gradient_can_be_added_to_what_is_there():
    p = CASES["not square"]
    x, w, _, dy = p.arrays()
    alone = run(p, dy, w, back=True)
    np.testing.assert_array_equal(run(p, dy, w, back=True, onto=x), alone + x)


FORMULAS: dict[str | None, Callable[[Array], Array]] = {
    None: lambda v: v,
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
}


@pytest.mark.parametrize("word", FORMULAS)
@pytest.mark.parametrize("case", ["one tile", "not square"])
@pytest.mark.sample(5)
def test_activations_of_sums(case: str, word: str | None):
    """Of the convolution alone, and of it and what is there, with and without bias."""
    p = CASES[case]
    x, w, b, onto = p.arrays()
    for bias, alone in (b, run(p, x, w, b)), (None, run(p, x, w)):
        for term, total in (None, alone), (onto, alone + onto):
            got = run(p, x, w, bias, onto=term, activation=word and Activation(word))
            want = FORMULAS[word](total.astype(np.float64))
            most = 0 if word in (None, "relu") else 4 * EPS
            np.testing.assert_allclose(got, want, rtol=most, atol=most / 4)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("filters", [1, 3, 29])
def test_spectra_of_scaled_filters_are_those_of_the_products(filters: int, level: str):
    p, cpu = Problem(8, (9, 9), (5, 4), ((0, 0), (0, 0)), 3, filters), detect(level)
    w, factor = p.arrays()[1:3]
    for at in ("start", "end"):
        scaled, before = spectra(p, w, cpu, at, factor=factor), spectra(p, w * factor, cpu, at)
        assert scaled.tobytes() == before.tobytes()
