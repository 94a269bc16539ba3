"""Winograd's filtering against the formula of a convolution in float64.

The largest error found in 120 drawn problems is half of the bound, with a tile that lies mostly in padding;
with 128 channels it is a thirtieth. What the bound measures is what the maps cost: with F(4x4, 3x3) some 50
times the direct form's sum of |x| |w|.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from winograd_bound import EPS, bound

from kitnet.base.shape import Axis
from kitnet.kernels import jit, winograd
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.filtering import F2, F4, Filtering
from kitnet.kernels.spec import Batch, Volume
from kitnet.layers.convolution import correlate, input_gradient

Array = NDArray[Any]


@dataclass(frozen=True)
class Problem:
    """Sizes, padding before and after each axis, channels, filters, and channels of pitch beyond."""

    sizes: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    depth: int
    filters: int
    samples: int = 3
    images: int = 16
    more: tuple[int, int] = (0, 0)
    blocks: int = 1
    filtering: Filtering = F4

    @property
    def axes(self) -> tuple[Axis, ...]:
        pairs = zip(self.sizes, self.pads, strict=True)
        return tuple(Axis(size, 3, 1, 1, *pad, size + sum(pad) - 2) for size, pad in pairs)

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(a.output for a in self.axes)

    @property
    def batch(self) -> Batch:
        return Batch(-(-self.samples // self.images), self.images)

    @property
    def x(self) -> Volume:
        return Volume((1, *self.sizes), self.depth, self.depth + self.more[0])

    @property
    def y(self) -> Volume:
        return Volume((1, self.outputs[0], self.outputs[1]), self.filters, self.filters + self.more[1])

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """x, weight, bias and dy."""
        rng = np.random.default_rng(len(str(self)))
        shapes = (
            (self.samples, *self.sizes, self.depth),
            (3, 3, self.depth, self.filters),
            (self.filters,),
            (self.samples, *self.outputs, self.filters),
        )
        one, two, three, four = (rng.standard_normal(s, np.float32) for s in shapes)
        return one, two, three, four


def to_lanes(a: Array, volume: Volume, batch: Batch, at: str) -> Array:
    """(samples, *sizes, channels) in the lanes between forbidden pages; channels beyond hold NaN, the lanes
    of no sample zeros.
    """
    memory = guarded((batch.groups, *volume.sizes, volume.pitch, batch.images), at=at)
    memory[..., : volume.channels, :] = 0
    for sample, row in enumerate(a):
        group, lane = divmod(sample, batch.images)
        memory[group, 0, ..., : volume.channels, lane] = row
    return memory


def given(a: Array, at: str) -> Array:
    memory = guarded(a.shape, at=at)
    memory[...] = a
    return memory


def mapped(
    p: Problem, w: Array, cpu: Cpu, at: str = "end", *,
    factor: Array | None = None, turned: bool = False, tasks: int = 2,
) -> Array:  # fmt: skip
    """u of the filters, each multiplied by its factor if there is one."""
    depth, rows = (p.filters, p.depth) if turned else (p.depth, p.filters)
    scaled, more = factor is not None, {} if factor is None else {"factor": given(factor, at)}
    kernel = winograd.filters(
        "filters", cpu, depth, rows, turned=turned, filtering=p.filtering, scaled=scaled, tasks=tasks
    )  # fmt: skip
    (code,) = jit.build([kernel])
    u = guarded(p.filtering.frequencies * depth * rows, at=at)
    code(weight=given(w, at), u=u, **more)
    assert np.isfinite(u).all()
    return u


def run(
    p: Problem, a: Array, w: Array, b: Array | None = None, *, back: bool = False, cpu: Cpu | None = None,
    at: str = "end", onto: Array | None = None, activation: Activation | None = None,
    blocks: int | None = None,
) -> Array:  # fmt: skip
    """y of x, or dx of dy; the filters are mapped and the kernel is run twice, for the same bits."""
    cpu, before = cpu or detect(), tuple(axis.before for axis in p.axes)
    source, target = (p.y, p.x) if back else (p.x, p.y)
    high, wide = (2 - pad if back else pad for pad in before)
    kernel = winograd.convolve(
        "winograd", cpu, p.batch, source, target, (0, high, wide), bias=b is not None,
        activation=activation, accumulate=onto is not None, filtering=p.filtering, blocks=blocks or p.blocks,
    )  # fmt: skip
    (convolve,), u = jit.build([kernel]), mapped(p, w, cpu, at, turned=back, tasks=blocks or p.blocks)
    values, bias = to_lanes(a, source, p.batch, at), given(np.zeros(1) if b is None else b, at)
    results = []
    for _ in range(2):
        y = guarded((p.batch.groups, *target.sizes, target.pitch, p.images), at=at)
        if onto is not None:
            y[...] = to_lanes(onto, target, p.batch, at)
        convolve(x=values, u=u, bias=bias, y=y)
        results.append(y)
    assert results[0].tobytes() == results[1].tobytes()
    assert np.isnan(results[0][..., target.channels :, :]).all()
    rows_of = np.moveaxis(results[0][:, 0, ..., : target.channels, :], -1, 1)
    return rows_of.reshape(-1, *rows_of.shape[2:])[: p.samples]


def forward_bound(p: Problem, x: Array, w: Array) -> Array:
    return bound(x, w, tuple(axis.before for axis in p.axes), p.outputs, p.filtering.out)


def backward_bound(p: Problem, dy: Array, w: Array) -> Array:
    before = tuple(2 - axis.before for axis in p.axes)
    return bound(dy, w[::-1, ::-1].swapaxes(2, 3), before, p.sizes, p.filtering.out)


def check(p: Problem, cpu: Cpu | None = None, at: str = "end") -> None:
    """Both directions."""
    x, w, b, dy = p.arrays()
    exact = w.astype(np.float64)
    y, dx = run(p, x, w, b, cpu=cpu, at=at), run(p, dy, w, back=True, cpu=cpu, at=at)
    want_y = correlate(x.astype(np.float64), exact, p.axes) + b
    want_dx = input_gradient(dy.astype(np.float64), exact, p.axes)
    assert (np.abs(y - want_y) <= forward_bound(p, x, w) + 2 * EPS * np.abs(b)).all()
    assert (np.abs(dx - want_dx) <= backward_bound(p, dy, w)).all()


SAME, NONE, FULL = ((1, 1), (1, 1)), ((0, 0), (0, 0)), ((2, 2), (2, 2))
CASES = {
    "one tile": Problem((4, 4), SAME, 2, 3),
    "primes": Problem((7, 5), SAME, 23, 29, samples=19),
    "one channel": Problem((9, 6), NONE, 1, 1),
    "full": Problem((5, 6), FULL, 3, 17),
    "one-sided": Problem((6, 5), ((2, 0), (0, 1)), 5, 7, more=(2, 3), blocks=3),
    "one place": Problem((3, 3), NONE, 4, 5),
    "mostly padding": Problem((1, 2), FULL, 3, 2),
    "padding beyond the window": Problem((3, 9), ((5, 6), (4, 0)), 2, 3),
    "chunks and blocks": Problem((22, 21), SAME, 40, 28, images=32, samples=33, blocks=2),
}


@pytest.mark.parametrize("filtering", [F2, F4], ids=str)
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
@pytest.mark.sample(8)
def test_hard_cases(p: Problem, filtering: Filtering):
    check(replace(p, filtering=filtering))


@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("case", ["one-sided"])
def test_lesser_instruction_sets(level: str, case: str):
    check(CASES[case], detect(level))


def drawn(seed: int) -> Problem:
    """One of endlessly many small problems."""
    pick = random.Random(seed).choice
    pads = [(0, 0), (1, 1), (1, 1), (2, 2), (1, 0), (0, 2)]
    high, wide = pick(pads), pick(pads)
    sizes = tuple(max(1, 3 - sum(pad)) + pick(range(12)) for pad in (high, wide))
    images = pick([16, 16, 32])
    return Problem(
        (sizes[0], sizes[1]), (high, wide), pick([1, 2, 3, 7, 17]), pick([1, 3, 13, 14, 15, 31]),
        pick([1, images, images + 3]), images, pick([(0, 0), (0, 0), (1, 2)]), pick([1, 1, 2, 5]),
        pick([F2, F4]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_drawn_problems(seed: int):
    check(drawn(seed), at="end" if seed % 2 else "start")


@pytest.mark.slow
@pytest.mark.parametrize("level", levels())
def test_many_drawn_problems(level: str):
    for seed in range(140, 160):
        check(drawn(seed), detect(level), at="end" if seed % 2 else "start")


@pytest.mark.parametrize(("filtering", "most"), [(F2, 1e-6), (F4, 4e-6)])
def test_the_error_of_many_channels_is_some_millionths(filtering: Filtering, most: float):
    p = Problem((14, 14), SAME, 128, 128, samples=2, filtering=filtering)
    x, w, b, _ = p.arrays()
    got = run(p, x, w, b)
    want = correlate(x.astype(np.float64), w.astype(np.float64), p.axes) + b
    assert np.sqrt(np.square(got - want).mean() / np.square(want).mean()) < most
    assert (np.abs(got - want) <= forward_bound(p, x, w) + 2 * EPS * np.abs(b)).all()


@pytest.mark.slow
def test_blocks_change_no_bit():
    p = CASES["chunks and blocks"]
    x, w, b, dy = p.arrays()
    y, dx = run(p, x, w, b), run(p, dy, w, back=True)
    for blocks in (5, 1000):
        assert run(p, x, w, b, blocks=blocks).tobytes() == y.tobytes()
        assert run(p, dy, w, back=True, blocks=blocks).tobytes() == dx.tobytes()


@pytest.mark.parametrize("size", [1 << 12, 1 << 17, None])
def test_the_size_of_the_cache_changes_no_bit(size: int | None):
    """It decides how large chunks are, and whether shares of the filters are multiplied in bunches."""
    p = Problem((6, 9), SAME, 9, 150)
    x, w, b, _ = p.arrays()
    other = run(p, x, w, b, cpu=replace(detect(), l2=size))
    assert other.tobytes() == run(p, x, w, b, cpu=replace(detect(), l2=1 << 21)).tobytes()


def test_the_gradient_can_be_added_to_what_is_there():
    p = CASES["one-sided"]
    x, w, _, dy = p.arrays()
    alone = run(p, dy, w, back=True)
    np.testing.assert_array_equal(run(p, dy, w, back=True, onto=x), alone + x)


FORMULAS: dict[str | None, Callable[[Array], Array]] = {
    None: lambda v: v,
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
}


@pytest.mark.slow
@pytest.mark.parametrize("word", FORMULAS)
@pytest.mark.parametrize("case", ["one-sided", "chunks and blocks"])
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
@pytest.mark.parametrize("filtering", [F2, F4], ids=str)
def test_scaled_filters_are_mapped_as_the_products_are(filtering: Filtering, filters: int, level: str):
    p, cpu = Problem((4, 4), SAME, 19, filters, filtering=filtering), detect(level)
    w, factor = p.arrays()[1:3]
    for at in ("start", "end"):
        scaled, before = mapped(p, w, cpu, at, factor=factor), mapped(p, w * factor, cpu, at)
        assert scaled.tobytes() == before.tobytes()
