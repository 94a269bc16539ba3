"""Winograd's filtering with the channels innermost against the formula of a convolution in float64.

The largest error found in 80 drawn problems is three tenths of the bound.
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
from volumes import fitting
from winograd_bound import EPS, bound

from kitnet.base.shape import Axis
from kitnet.kernels import jit
from kitnet.kernels.activation import Activation
from kitnet.kernels.channels import winograd
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.filtering import F2, F4, Filtering
from kitnet.kernels.spec import Batch, Volume, whole_vectors
from kitnet.layers.convolution import correlate

Array = NDArray[Any]


@dataclass(frozen=True)
class Problem:
    """Sizes, padding before and after each axis, channels and filters. Of x and y, `more` is None where
    positions are whole vectors, else how many numbers of the pitch are not their own.
    """

    sizes: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    depth: int
    filters: int
    samples: int = 1
    more: tuple[int | None, int | None] = (None, None)
    blocks: int = 1
    filtering: Filtering = F4

    @property
    def axes(self) -> tuple[Axis, ...]:
        pairs = zip(self.sizes, self.pads, strict=True)
        return tuple(Axis(size, 3, 1, 1, *pad, size + sum(pad) - 2) for size, pad in pairs)

    @property
    def outputs(self) -> tuple[int, int]:
        high, wide = (axis.output for axis in self.axes)
        return high, wide

    def values(self, cpu: Cpu) -> tuple[Volume, Volume]:
        """x and y."""
        both = (self.sizes, self.depth, self.more[0]), (self.outputs, self.filters, self.more[1])
        one, two = (
            Volume(
                (1, *sizes),
                c,
                whole_vectors(c, cpu.lanes) if more is None else c + more,
                lanes="channels",
            )
            for sizes, c, more in both
        )
        return one, two

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """x, weight, bias and addend."""
        rng = np.random.default_rng(len(str(self)))
        shapes = (
            (self.samples, *self.sizes, self.depth),
            (3, 3, self.depth, self.filters),
            (self.filters,),
            (self.samples, *self.outputs, self.filters),
        )
        one, two, three, four = (rng.standard_normal(s, np.float32) for s in shapes)
        return one, two, three, four


def laid_out(
    values: Array | float, samples: int, value: Volume, cpu: Cpu, at: str, beyond: float = np.nan
) -> Array:
    """values (samples, *sizes, channels) in memory between forbidden pages, the last of which begins behind
    the last position's whole vectors, or of a slice behind its last own channel; `beyond` in what no channel
    fills.
    """
    size = samples * value.positions * value.pitch
    memory = guarded(size if value.fills(cpu.lanes) else size - (value.pitch - value.channels), at=at)
    memory[:] = beyond
    positions = own(memory, samples, value)
    positions[...] = values if isinstance(values, float) else values.reshape(positions.shape)
    return memory


def own(memory: Array, samples: int, value: Volume) -> Array:
    """The value's own numbers, (positions of all samples, channels)."""
    shape = (samples * value.positions, value.channels)
    return np.lib.stride_tricks.as_strided(memory, shape, (4 * value.pitch, 4))


def mapped(
    p: Problem, w: Array, cpu: Cpu, tasks: int = 1, at: str = "end", factor: Array | None = None
) -> Array:
    """u of the filters, each multiplied by its factor if there is one, of two runs with the same bits."""
    scaled, more = factor is not None, {} if factor is None else {"factor": fitting(factor, at)}
    kernel = winograd.filters(
        "filters", cpu, p.depth, p.filters, filtering=p.filtering, scaled=scaled, tasks=tasks
    )  # fmt: skip
    (code,) = jit.build([kernel])
    u, again = (
        guarded(p.filtering.frequencies * p.depth * whole_vectors(p.filters, cpu.lanes), at=at) for _ in "12"
    )
    for each in (u, again):
        code(weight=fitting(w, at), u=each, **more)
    assert np.isfinite(u).all()
    assert u.tobytes() == again.tobytes()
    return u


def run(
    p: Problem, x: Array, w: Array, b: Array | None = None, addend: Array | None = None, *,
    cpu: Cpu | None = None, at: str = "end", activation: Activation | None = None, over: bool = False,
) -> Array:  # fmt: skip
    """y (samples, *outputs, filters), of two runs with the same bits; with `over` it lies over the addend."""
    cpu = cpu or detect()
    value_x, value_y = p.values(cpu)
    kernel = winograd.convolve(
        "winograd", cpu, Batch(p.samples, 1), value_x, value_y, (0, p.pads[0][0], p.pads[1][0]),
        bias=b is not None, activation=activation, addend=addend is not None,
        filtering=p.filtering, blocks=p.blocks,
    )  # fmt: skip
    assert kernel.tasks <= p.blocks
    (code,) = jit.build([kernel])
    terms = [] if addend is None else [laid_out(addend, p.samples, value_y, cpu, at, 7.0) for _ in "12"]
    values, bias = laid_out(x, p.samples, value_x, cpu, at), guarded(0) if b is None else fitting(b, at)
    u, results = mapped(p, w, cpu, at=at), []
    for i in range(2):
        y = terms[i] if over else laid_out(np.nan, p.samples, value_y, cpu, at)
        code(x=values, u=u, bias=bias, y=y, **({"addend": terms[i]} if terms else {}))
        results.append(y)
    assert results[0].tobytes() == results[1].tobytes()
    got = own(results[0], p.samples, value_y).reshape(p.samples, *p.outputs, p.filters).copy()
    own(results[0], p.samples, value_y)[...] = 0
    if value_y.fills(cpu.lanes):
        assert np.isfinite(results[0]).all()  # what no channel fills as well
    else:
        assert np.isnan(results[0]).sum() == results[0].size - got.size  # others' channels stay
    return got


def check(p: Problem, cpu: Cpu | None = None, at: str = "end") -> float:
    """With bias and addend; the greatest part of the bound."""
    x, w, b, addend = p.arrays()
    y = run(p, x, w, b, addend, cpu=cpu, at=at)
    want = correlate(x.astype(np.float64), w.astype(np.float64), p.axes) + b + addend
    before = p.pads[0][0], p.pads[1][0]
    most = bound(x, w, before, p.outputs, p.filtering.out) + 2 * EPS * (np.abs(b) + np.abs(addend))
    assert (np.abs(y - want) <= most).all()
    return float((np.abs(y - want) / most).max())


SAME, NONE, FULL = ((1, 1), (1, 1)), ((0, 0), (0, 0)), ((2, 2), (2, 2))
CASES = {
    "one tile": Problem((4, 4), SAME, 2, 3),
    "primes": Problem((7, 5), SAME, 23, 29, samples=3),
    "one channel": Problem((9, 6), NONE, 1, 1),
    "a picture": Problem((9, 11), SAME, 3, 16, more=(0, None)),
    "full": Problem((5, 6), FULL, 3, 17, more=(4, None)),
    "one-sided": Problem((6, 5), ((2, 0), (0, 1)), 19, 21, samples=2, more=(3, 6), blocks=3),
    "one place": Problem((3, 3), NONE, 4, 5),
    "mostly padding": Problem((1, 2), FULL, 3, 2),
    "padding beyond the window": Problem((3, 9), ((5, 6), (4, 0)), 2, 3),
    "chunks and groups": Problem((41, 38), SAME, 20, 170, blocks=8),
    "many channels": Problem((6, 9), SAME, 256, 40, samples=2, blocks=2),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("filtering", [F2, F4], ids=str)
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_hard_cases(p: Problem, filtering: Filtering):
    check(replace(p, filtering=filtering))


@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("case", ["one-sided", "primes"])
def test_lesser_instruction_sets(level: str, case: str):
    check(CASES[case], detect(level))


def drawn(seed: int) -> Problem:
    """One of endlessly many small problems."""
    pick = random.Random(seed).choice
    pads = [(0, 0), (1, 1), (1, 1), (2, 2), (1, 0), (0, 2)]
    high, wide = pick(pads), pick(pads)
    sizes = tuple(max(1, 3 - sum(pad)) + pick(range(22)) for pad in (high, wide))
    return Problem(
        (sizes[0], sizes[1]), (high, wide), pick([1, 3, 7, 16, 17, 33]), pick([1, 3, 15, 16, 31, 70, 130]),
        pick([1, 2, 5]), (pick([None, 0, 5]), pick([None, None, 0, 13])), pick([1, 1, 2, 5, 9]),
        pick([F2, F4]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_drawn_problems(seed: int):
    check(drawn(seed), at="end" if seed % 2 else "start")


@pytest.mark.slow
@pytest.mark.parametrize("level", levels())
def test_many_drawn_problems(level: str):
    for seed in range(100, 130):
        check(drawn(seed), detect(level), at="end" if seed % 2 else "start")


@pytest.mark.parametrize(("filtering", "most"), [(F2, 1e-6), (F4, 4e-6)])
def test_the_error_of_many_channels_is_some_millionths(filtering: Filtering, most: float):
    p = Problem((14, 14), SAME, 128, 128, filtering=filtering)
    x, w, b, _ = p.arrays()
    got = run(p, x, w, b)
    want = correlate(x.astype(np.float64), w.astype(np.float64), p.axes) + b
    assert np.sqrt(np.square(got - want).mean() / np.square(want).mean()) < most


def test_blocks_change_no_bit():
    p = CASES["chunks and groups"]
    x, w, b, _ = p.arrays()
    y = run(p, x, w, b)
    for blocks in (1, 3, 1000):
        assert run(replace(p, blocks=blocks), x, w, b).tobytes() == y.tobytes()


def test_tasks_of_the_filters_change_no_bit():
    p = CASES["primes"]
    w = p.arrays()[1]
    u = mapped(p, w, detect())
    for tasks in (2, 7, 1000):
        assert mapped(p, w, detect(), tasks, at="start").tobytes() == u.tobytes()


@pytest.mark.sample(5)
@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("filters", [1, 16, 29])
@pytest.mark.parametrize("filtering", [F2, F4], ids=str)
def test_scaled_filters_are_mapped_as_the_products_are(filtering: Filtering, filters: int, level: str):
    p, cpu = Problem((4, 4), SAME, 5, filters, filtering=filtering), detect(level)
    w, factor = p.arrays()[1:3]
    for at in ("start", "end"):
        scaled, before = mapped(p, w, cpu, 3, at, factor), mapped(p, w * factor, cpu, 3, at)
        assert scaled.tobytes() == before.tobytes()


def test_neither_bias_nor_addend():
    p = CASES["one-sided"]
    x, w, b, addend = p.arrays()
    alone = run(p, x, w)
    np.testing.assert_array_equal(run(p, x, w, b), alone + b)
    np.testing.assert_array_equal(run(p, x, w, b, addend), alone + b + addend)


@pytest.mark.parametrize("case", ["primes", "chunks and groups", "many channels"])
@pytest.mark.parametrize("word", [None, "relu", "tanh"])
def test_the_addend_may_be_the_target(word: str | None, case: str):
    p = CASES[case]
    apart, over = (
        run(p, *p.arrays(), activation=word and Activation(word), over=each) for each in (False, True)
    )
    np.testing.assert_array_equal(over, apart)


@pytest.mark.parametrize("word", ["relu", "tanh", "sigmoid"])
def test_activations(word: str):
    p = CASES["one-sided"]
    x, w, b, addend = p.arrays()
    formula: dict[str, Callable[[Array], Array]] = {
        "relu": lambda v: np.maximum(v, 0),
        "tanh": np.tanh,
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    }
    want = formula[word](run(p, x, w, b, addend).astype(np.float64))
    np.testing.assert_allclose(
        run(p, x, w, b, addend, activation=word and Activation(word)), want, rtol=4 * EPS, atol=EPS
    )
