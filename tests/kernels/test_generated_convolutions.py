"""Generated convolutions: all three passes against the formula, the whole catalogue of awkward shapes.

Whole numbers must give exactly the formula's results, others differ within the rounding of their sums. Every
buffer lies between forbidden pages, results begin as NaN, channels beside a volume's own may not be touched,
and a second run gives the same bits (`volumes.run`). What takes time is compiling: kernels are compiled by
the dozen, so that all cores are busy, and each runs on both kinds of numbers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from test_convolution import Problem, axis, want_dw, want_dx, want_y
from volumes import Slab, fitting, run

from kitnet.base.shape import Axis
from kitnet.kernels import convolution, convolution_gradient
from kitnet.kernels.activation import RELU, Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import Compiled, build
from kitnet.layers.window import area

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
PROBLEMS, TOGETHER = 1000, 10  # in CI, and compiled at once
FEW = 50  # by default
PRIMES = [2, 3, 5, 7, 11, 13]


@dataclass(frozen=True)
class Case:
    """A problem, and what a caller may choose besides."""

    seed: int
    problem: Problem
    cpu: Cpu
    bias: bool
    activation: Activation | None
    accumulate: bool

    @property
    def at(self) -> str:
        return "end" if self.seed % 2 else "start"

    @cached_property
    def chunks(self) -> int:
        return min(self.problem.cut[1], self.problem.batch.groups)

    def kernels(self) -> list[Kernel]:
        p, cpu, groups = self.problem, self.cpu, {"groups": self.problem.groups}
        blocks, _, parts = p.cut
        return [
            convolution.forward(
                f"forward_{self.seed}", cpu, p.batch, p.x, p.y, p.window,
                bias=self.bias, activation=self.activation, blocks=blocks, **groups,
            ),
            convolution.input_gradient(
                f"input_gradient_{self.seed}", cpu, p.batch, p.y, p.x, p.window,
                accumulate=self.accumulate, blocks=blocks, **groups,
            ),
            convolution_gradient.filter_gradient(
                f"filter_gradient_{self.seed}", cpu, p.batch, p.x, p.y, p.window,
                bias=self.bias, chunks=self.chunks, parts=parts, **groups,
            ),
        ]  # fmt: skip

    def check(self, codes: list[Compiled], whole: bool) -> None:
        forward, input_gradient, filter_gradient = codes
        p, at = self.problem, self.at
        x, w, b, dy = p.arrays(whole)
        old = np.ones_like(x) * self.accumulate
        ax, aw, ab, ady = (np.abs(a) for a in (x, w, b, dy))
        slab_x, slab_dy = (Slab(v, p.batch, at=at).put(a) for v, a in ((p.x, x), (p.y, dy)))
        weight = fitting(w.astype(np.float32), at)
        bias = fitting(b.astype(np.float32) if self.bias else np.full(1, np.nan, np.float32), at)

        y = Slab(p.y, p.batch, at=at)
        run(forward, ("y",), x=slab_x, weight=weight, bias=bias, y=y)
        want, size = want_y(p, x, w, b * self.bias), want_y(p, ax, aw, ab)
        self.compare("y", y.get(p.samples), np.maximum(want, 0) if self.activation else want, size, whole)

        dx = Slab(p.x, p.batch, at=at)
        if self.accumulate:
            dx.put(old)
        run(input_gradient, ("dx",), dy=slab_dy, weight=weight, dx=dx)
        want, size = old + want_dx(p, dy, w), old + want_dx(p, ady, aw)
        self.compare("dx", dx.get(p.samples), want, size, whole)

        partial, bias_partial = guarded((self.chunks, w.size), at=at), guarded((self.chunks, b.size), at=at)
        made = {"partial": partial, "bias_partial": bias_partial}
        run(filter_gradient, tuple(made), x=slab_x, dy=slab_dy, **made)
        self.compare("dw", partial.astype(float).sum(0), want_dw(p, x, dy), want_dw(p, ax, ady), whole)
        if self.bias:
            places = tuple(range(dy.ndim - 1))
            self.compare("db", bias_partial.astype(float).sum(0), dy.sum(places), ady.sum(places), whole)
        else:
            assert np.isnan(bias_partial).all(), f"db was written, though there is none: {self}"

    def compare(self, what: str, got: Array, want: Array, size: Array, whole: bool) -> None:
        got = got.reshape(want.shape)
        if whole:
            np.testing.assert_array_equal(got, want, f"{what} of {self}")
        else:
            assert (np.abs(got - want) <= 4 * EPS * size).all(), f"{what} of {self} is beyond rounding"


def drawn(seed: int) -> Case:
    """One of endlessly many small problems, the awkward ones preferred."""
    pick = random.Random(f"convolution {seed}").choice
    cpu = detect(pick(levels()) if seed % 5 == 0 else None)
    axes = tuple(_axis(pick) for _ in range(pick([1, 1, 2, 2, 2, 2, 2, 3])))
    groups = pick([1, 1, 1, 1, 2, 3, 5])
    depth, filters = pick([1, 1, 2, 3, 5]), pick([1, 1, 2, 3, 4, 6, 17, 37])
    if groups > 1:
        depth, filters = pick([1, 1, 2, 3]), pick([1, 1, 2, 3, 13])
    elif pick([True, False]):
        depth, filters = pick(PRIMES), pick(PRIMES)
    images = cpu.lanes * pick([1, 1, 1, 1, 1, 2, 3, 4])
    samples = pick([1, 1, 1, 2, 3, images - 1, images, images + 3])
    more = pick([(0, 0), (0, 0), (2, 0), (0, 3), (1, 1)])
    cut = pick([(1, 1, 1), (2, 1, 1), (3, 2, 2), (7, 2, 3), (100, 3, 100)])
    problem = Problem(axes, depth * groups, filters * groups, groups, samples, images, more, cut)
    return Case(seed, problem, cpu, pick([True, True, False]), pick([None, RELU]), pick([True, False]))


def _axis(pick: Any) -> Axis:
    window, dilation = pick([1, 2, 3, 3, 5]), pick([1, 1, 1, 2, 3])
    stride = pick([1, 1, 1, 1, 2, 3, window + 1])
    extent = dilation * (window - 1) + 1
    beyond = extent + pick([0, 1, 2])  # the first window lies wholly in padding
    before, after = pick(
        [(0, 0), (0, 0), (1, 1), (window // 2, window // 2), (0, 2), (beyond, 0), (1, beyond)]
    )
    size = max(1, extent - before - after) + pick([0, 0, 1, 2, 3, 4, 6])
    return axis(size, window, stride, before, after, dilation)


def prime(n: int) -> bool:
    return n > 1 and all(n % i for i in range(2, n))


def test_what_is_generated() -> None:
    """So many different ones, and of everything that goes wrong easily a hundred at least."""
    problems = [drawn(seed).problem for seed in range(PROBLEMS)]
    assert len(set(problems)) == PROBLEMS == 1000
    axes = [p.axes for p in problems]
    found = {
        "odd sizes": [all(a.size % 2 for a in each) for each in axes],
        "strides above the window": [any(a.stride > a.window for a in each) for each in axes],
        "windows wholly in padding": [
            any(a.before >= a.extent or (a.output - 1) * a.stride - a.before >= a.size for a in each)
            for each in axes
        ],
        "windows as large as the input": [all(a.extent == a.size for a in each) for each in axes],
        "dilated windows": [any(a.dilation > 1 < a.window for a in each) for each in axes],
        "windows of one place": [area(each) == 1 for each in axes],
        "one channel": [p.depth == 1 for p in problems],
        "prime numbers of channels": [prime(p.depth) and prime(p.filters) for p in problems],
        "groups of channels": [p.groups > 1 for p in problems],
        "a batch of one": [p.samples == 1 for p in problems],
        "a batch of several groups": [p.batch.groups > 1 for p in problems],
        **{f"{rank} axes": [len(each) == rank for each in axes] for rank in (1, 2, 3)},
    }
    counts = {what: sum(each) for what, each in found.items()}
    assert min(counts.values()) >= 30, counts


@pytest.mark.parametrize("first", range(0, FEW, TOGETHER))
@pytest.mark.sample(8)
def test_generated_convolutions(first: int) -> None:
    check(range(first, first + TOGETHER))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, PROBLEMS, 100))
def test_more_generated_convolutions(first: int) -> None:
    check(range(first, min(first + 100, PROBLEMS)))


@pytest.mark.long
@pytest.mark.parametrize("first", range(PROBLEMS, 5 * PROBLEMS, 100))
def test_many_generated_convolutions(first: int) -> None:
    check(range(first, first + 100))


def check(seeds: range) -> None:
    cases = [drawn(seed) for seed in seeds]
    codes = iter(build([kernel for case in cases for kernel in case.kernels()]))
    for case in cases:
        passes = [next(codes) for _ in range(3)]
        for whole in (True, False):
            case.check(passes, whole)
