"""The kernels of a convolution against its formula: exactly for integers, within the rounding of a sum
for others.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray

from kitnet.base.shape import Axis
from kitnet.kernels import convolution, convolution_gradient, jit
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Triple, Volume, Window
from kitnet.kernels.tiling import shares_of
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Problem:
    """A convolution and how its values lie in memory. `axes` of every rank; `samples` fill the groups but for
    some lanes of the last."""

    axes: tuple[Axis, ...]
    depth: int
    filters: int
    groups: int = 1
    samples: int = 3
    images: int = 16
    more: tuple[int, int] = (0, 0)  # channels of pitch beyond those of x and of y
    cut: tuple[int, int, int] = (1, 1, 1)  # blocks, chunks, parts

    def triple(self, what: str, filler: int) -> Triple:
        one, two, three = (filler,) * (3 - len(self.axes)) + tuple(getattr(a, what) for a in self.axes)
        return one, two, three

    @property
    def batch(self) -> Batch:
        return Batch(-(-self.samples // self.images), self.images)

    @property
    def x(self) -> Volume:
        return Volume(self.triple("size", 1), self.depth, self.depth + self.more[0])

    @property
    def y(self) -> Volume:
        return Volume(self.triple("output", 1), self.filters, self.filters + self.more[1])

    @property
    def window(self) -> Window:
        words = ("window", 1), ("stride", 1), ("dilation", 1), ("before", 0)
        return Window(*(self.triple(word, filler) for word, filler in words))

    @property
    def weights(self) -> tuple[int, ...]:
        return *(a.window for a in self.axes), self.depth // self.groups, self.filters

    def arrays(self, whole: bool = True) -> tuple[Array, Array, Array, Array]:
        """x, weight, bias and dy in float64: whole numbers, whose sums are exact, or any."""
        rng = np.random.default_rng(len(str(self)))
        shapes = (
            (self.samples, *(a.size for a in self.axes), self.depth),
            self.weights,
            (self.filters,),
            (self.samples, *(a.output for a in self.axes), self.filters),
        )
        if whole:
            one, two, three, four = (rng.integers(-4, 5, s).astype(np.float64) for s in shapes)
        else:
            one, two, three, four = (rng.standard_normal(s, np.float32).astype(np.float64) for s in shapes)
        return one, two, three, four


def parts_of(p: Problem, *arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The arrays cut into the groups of channels, along their last axes."""
    yield from zip(*(np.split(a, p.groups, -1) for a in arrays), strict=True)


def want_y(p: Problem, x: Array, w: Array, b: Array) -> Array:
    return np.concatenate([correlate(i, f, p.axes) for i, f in parts_of(p, x, w)], -1) + b


def want_dx(p: Problem, dy: Array, w: Array) -> Array:
    return np.concatenate([input_gradient(d, f, p.axes) for d, f in parts_of(p, dy, w)], -1)


def want_dw(p: Problem, x: Array, dy: Array) -> Array:
    return np.concatenate([filter_gradient(i, d, p.axes) for i, d in parts_of(p, x, dy)], -1)


def to_lanes(a: Array, volume: Volume, batch: Batch, at: str) -> Array:
    """(samples, *sizes, channels) as (groups, *sizes, pitch, images) between forbidden pages; the
    channels beyond hold NaN, the lanes of no sample zeros."""
    memory = guarded((batch.groups, *volume.sizes, volume.pitch, batch.images), at=at)
    memory[..., : volume.channels, :] = 0
    rows = a.reshape(len(a), *volume.sizes, volume.channels)
    for sample, row in enumerate(rows):
        memory[sample // batch.images, ..., : volume.channels, sample % batch.images] = row
    return memory


def from_lanes(memory: Array, like: tuple[int, ...], volume: Volume) -> Array:
    """The samples again, having checked that channels beyond were not touched."""
    assert np.isnan(memory[..., volume.channels :, :]).all()
    rows = np.moveaxis(memory[..., : volume.channels, :], -1, 1)
    return rows.reshape(-1, *like[1:])[: like[0]]


def given(a: Array, at: str) -> Array:
    memory = guarded(a.shape, at=at)
    memory[...] = a
    return memory


def twice(k: Kernel, outputs: dict[str, Array], **inputs: Array) -> None:
    """Run a kernel, and again: the same bits."""
    (code,) = jit.build([k])
    before = {name: a.copy() for name, a in outputs.items()}
    code(**inputs, **outputs)
    first = {name: a.copy() for name, a in outputs.items()}
    for name, a in outputs.items():
        a[...] = before[name]
    code(**inputs, **outputs)
    for name, a in outputs.items():
        assert a.tobytes() == first[name].tobytes(), name


def packs(p: Problem, w: Array, cpu: Cpu, at: str = "end", factor: Array | None = None) -> Array:
    """The weights as `forward` reads them, each multiplied by the factor of its filter if there is one."""
    scaled, more = factor is not None, {} if factor is None else {"factor": given(factor, at)}
    k = convolution.pack(
        "pack", cpu, p.batch, p.x, p.y, p.window, groups=p.groups, scaled=scaled, tasks=3
    )  # fmt: skip
    runs = guarded(w.shape, at=at)
    twice(k, {"packed": runs}, weight=given(w, at), **more)
    return runs


def run_forward(
    p: Problem,
    x: Array,
    w: Array,
    b: Array,
    cpu: Cpu | None = None,
    at: str = "end",
    packed: bool = False,
    onto: Array | None = None,
    **options: Any,
) -> Array:
    cpu = cpu or detect()
    k = convolution.forward(
        "forward", cpu, p.batch, p.x, p.y, p.window,
        groups=p.groups, packed=packed, accumulate=onto is not None, **options,
    )  # fmt: skip
    shape = (len(x), *(a.output for a in p.axes), p.filters)
    y = guarded((p.batch.groups, *p.y.sizes, p.y.pitch, p.images), at=at)
    if onto is not None:
        y[...] = to_lanes(onto, p.y, p.batch, at)
    weight = packs(p, w, cpu, at) if packed else given(w, at)
    twice(k, {"y": y}, x=to_lanes(x, p.x, p.batch, at), weight=weight, bias=given(b, at))
    return from_lanes(y, shape, p.y)


def run_input_gradient(
    p: Problem,
    dy: Array,
    w: Array,
    onto: Array | None = None,
    cpu: Cpu | None = None,
    at: str = "end",
    **options: Any,
) -> Array:
    k = convolution.input_gradient(
        "input_gradient", cpu or detect(), p.batch, p.y, p.x, p.window,
        groups=p.groups, accumulate=onto is not None, **options,
    )  # fmt: skip
    shape = (len(dy), *(a.size for a in p.axes), p.depth)
    dx = guarded((p.batch.groups, *p.x.sizes, p.x.pitch, p.images), at=at)
    if onto is not None:
        dx[...] = to_lanes(onto, p.x, p.batch, at)
    twice(k, {"dx": dx}, dy=to_lanes(dy, p.y, p.batch, at), weight=given(w, at))
    return from_lanes(dx, shape, p.x)


def run_filter_gradient(
    p: Problem, x: Array, dy: Array, cpu: Cpu | None = None, at: str = "end", chunks: int = 1, **options: Any
) -> tuple[Array, Array]:
    k = convolution_gradient.filter_gradient(
        "filter_gradient", cpu or detect(), p.batch, p.x, p.y, p.window,
        groups=p.groups, chunks=chunks, **options,
    )  # fmt: skip
    partial, bias = guarded((chunks, math.prod(p.weights)), at=at), guarded((chunks, p.filters), at=at)
    twice(
        k,
        {"partial": partial, "bias_partial": bias},
        x=to_lanes(x, p.x, p.batch, at),
        dy=to_lanes(dy, p.y, p.batch, at),
    )
    return partial.sum(0).reshape(p.weights), bias.sum(0)


def check_exactly(p: Problem, cpu: Cpu | None = None, at: str = "end") -> None:
    """All passes on whole numbers, against the formula, cut as the problem says."""
    x, w, b, dy = p.arrays()
    most = convolution_gradient.most_chunks(p.batch, p.y)
    blocks, chunks, parts = p.cut[0], min(p.cut[1], most), p.cut[2]
    for packed in (False, True):
        y = run_forward(p, x, w, b, cpu, at, packed, blocks=blocks)
        np.testing.assert_array_equal(y, want_y(p, x, w, b))
    np.testing.assert_array_equal(
        run_input_gradient(p, dy, w, None, cpu, at, blocks=blocks), want_dx(p, dy, w)
    )
    dw, db = run_filter_gradient(p, x, dy, cpu, at, chunks, parts=parts)
    np.testing.assert_array_equal(dw, want_dw(p, x, dy))
    np.testing.assert_array_equal(db, dy.sum(tuple(range(dy.ndim - 1))))


def axis(size: int, window: int, stride: int = 1, before: int = 0, after: int = 0, dilation: int = 1) -> Axis:
    output = (size + before + after - dilation * (window - 1) - 1) // stride + 1
    return Axis(size, window, stride, dilation, before, after, output)


CASES = {
    "lenet c1": Problem((axis(32, 5),) * 2, 1, 6, images=32),
    "lenet c3": Problem((axis(14, 5),) * 2, 6, 16, images=32),
    "lenet c5, a window of the whole input": Problem((axis(5, 5),) * 2, 16, 120, images=64, cut=(4, 1, 5)),
    "linear": Problem((axis(1, 1),), 84, 10, samples=40, cut=(2, 3, 2)),
    "same": Problem((axis(8, 3, 1, 1, 1),) * 2, 16, 32, cut=(3, 1, 4)),
    "strided": Problem((axis(9, 3, 2, 1, 1),) * 2, 16, 32, images=32),
    "one tap, strided": Problem((axis(7, 1, 2),) * 2, 13, 5),
    "a stride above the window": Problem((axis(10, 2, 4), axis(11, 3, 5)), 3, 4),
    "windows wholly in padding": Problem((axis(3, 1, 1, 3, 2), axis(2, 2, 2, 5, 4)), 2, 3),
    "padding beyond a dilated window": Problem((axis(4, 3, 2, 8, 7, 2), axis(5, 2, 3, 4, 6, 3)), 3, 17),
    "one place": Problem((axis(1, 5, 1, 2, 2),) * 2, 3, 13),
    "depthwise": Problem((axis(6, 3, 1, 1, 1),) * 2, 11, 11, groups=11, cut=(5, 1, 7)),
    "depthwise with a multiplier": Problem((axis(6, 3, 2, 1, 1),) * 2, 3, 21, groups=3),
    "groups that fill the lanes": Problem((axis(5, 3, 1, 1, 1),) * 2, 6, 34, groups=2, cut=(2, 1, 9)),
    "slices of pitch": Problem((axis(6, 3, 1, 1, 1),) * 2, 5, 7, more=(3, 2)),
    "primes": Problem((axis(7, 3), axis(5, 2)), 23, 29),
    "three axes": Problem((axis(4, 3, 1, 1, 1), axis(5, 2, 2), axis(6, 3, 1, 2, 0)), 3, 17, cut=(4, 1, 3)),
    "one axis, many groups": Problem((axis(9, 4, 1, 2, 1),), 2, 3, samples=150, cut=(2, 4, 2)),
}


@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
@pytest.mark.sample(5)
def test_hard_cases(p: Problem):
    check_exactly(p)


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("case", ["same", "strided", "depthwise", "three axes", "lenet c3", "one place"])
def test_lesser_instruction_sets(level: str, case: str):
    check_exactly(CASES[case], detect(level))


def drawn(seed: int) -> Problem:
    """One of endlessly many small problems, the awkward ones preferred."""
    pick = random.Random(seed).choice
    axes = []
    for _ in range(pick([1, 2, 2, 2, 2, 3])):
        window, stride, dilation = pick([1, 2, 3, 3, 5]), pick([1, 1, 1, 2, 3]), pick([1, 1, 1, 2, 3])
        extent = dilation * (window - 1) + 1
        any_pad = range(extent + 3)
        before, after = pick(
            [(0, 0), (0, 0), (1, 1), (window // 2, window // 2), (pick(any_pad), pick(any_pad))]
        )
        size = max(1, extent - before - after) + pick([0, 0, 1, 2, 3, 4, 5, 6])
        axes.append(axis(size, window, stride, before, after, dilation))
    groups = pick([1, 1, 1, 2, 3, 5])
    depth, filters = pick([1, 1, 2, 3, 5, 7]), pick([1, 2, 3, 4, 6, 7, 11, 13, 16, 17, 37])
    if groups > 1:
        depth, filters = pick([1, 2, 3]), pick([1, 1, 2, 3, 13])
    images = pick([16, 16, 16, 16, 32, 64])
    samples = pick([1, 2, images - 3, images, images + 3])
    more = pick([(0, 0), (0, 0), (2, 0), (0, 3), (1, 1)])
    cut = pick([(1, 1, 1), (2, 1, 1), (3, 2, 2), (7, 2, 3), (100, 3, 100)])
    return Problem(tuple(axes), depth * groups, filters * groups, groups, samples, images, more, cut)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.sample(8)
def test_drawn_problems(seed: int):
    check_exactly(drawn(seed), at="end" if seed % 2 else "start")


@pytest.mark.slow
@pytest.mark.parametrize("level", levels())
def test_many_drawn_problems(level: str):
    for seed in range(1000, 1300):
        check_exactly(drawn(seed), detect(level), at="end" if seed % 2 else "start")


# Rounding, bits, options


@pytest.mark.parametrize("case", ["lenet c1", "same", "strided", "linear", "depthwise", "primes"])
def test_sums_are_within_their_rounding(case: str):
    p = CASES[case]
    x, w, b, dy = p.arrays(whole=False)
    ax, aw, ab, ady = (np.abs(a) for a in (x, w, b, dy))
    close(run_forward(p, x, w, b), want_y(p, x, w, b), want_y(p, ax, aw, ab))
    close(run_input_gradient(p, dy, w), want_dx(p, dy, w), want_dx(p, ady, aw))
    dw, db = run_filter_gradient(p, x, dy)
    close(dw, want_dw(p, x, dy), want_dw(p, ax, ady))
    places = tuple(range(dy.ndim - 1))
    close(db, dy.sum(places), ady.sum(places))


def close(got: Array, want: Array, size: Array) -> None:
    """Within four roundings of the sum of the terms' sizes."""
    assert (np.abs(got - want) <= 4 * EPS * size).all()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["same", "lenet c3", "linear", "depthwise with a multiplier", "three axes"])
def test_cutting_changes_no_bit(case: str):
    p = CASES[case]
    x, w, b, dy = p.arrays(whole=False)
    y, dx = run_forward(p, x, w, b), run_input_gradient(p, dy, w)
    dw, db = run_filter_gradient(p, x, dy)
    for cuts in (2, 5, 1000):
        assert run_forward(p, x, w, b, blocks=cuts).tobytes() == y.tobytes()
        assert run_forward(p, x, w, b, blocks=cuts, packed=True).tobytes() == y.tobytes()
        assert run_input_gradient(p, dy, w, blocks=cuts).tobytes() == dx.tobytes()
        weights, bias = run_filter_gradient(p, x, dy, parts=cuts)
        assert (weights.tobytes(), bias.tobytes()) == (dw.tobytes(), db.tobytes())


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["same", "strided", "primes", "depthwise", "slices of pitch", "windows wholly in padding"]
)
@pytest.mark.parametrize(("word", "added"), [(None, False), ("tanh", False), (None, True), ("tanh", True)])
def test_small_caches_change_no_bit(case: str, word: str | None, added: bool):
    """Where the cache holds little, rows and lines are cut into more pieces."""
    p = CASES[case]
    x, w, b, dy = p.arrays(whole=False)
    small, dx = replace(detect(), l1d=1 << 10, l2=1 << 12), run_input_gradient(p, dy, w)
    options: dict[str, Any] = {"activation": word and Activation(word), "onto": dy if added else None}
    y = run_forward(p, x, w, b, **options)
    for cuts in (1, 5):
        assert run_forward(p, x, w, b, small, blocks=cuts, **options).tobytes() == y.tobytes()
        assert run_forward(p, x, w, b, small, "start", True, **options).tobytes() == y.tobytes()
        assert run_input_gradient(p, dy, w, cpu=small, blocks=cuts).tobytes() == dx.tobytes()


def test_blocks_are_no_more_than_there_is_work():
    p = CASES["linear"]
    options = {"cpu": detect(), "batch": p.batch, "window": p.window}
    k = convolution.forward("few", x=p.x, y=p.y, blocks=1000, **options)
    assert p.batch.groups <= k.tasks <= p.batch.groups * p.filters
    k = convolution_gradient.filter_gradient("few", x=p.x, dy=p.y, chunks=2, parts=1000, **options)
    assert 2 <= k.tasks <= 2 * p.depth * p.filters


@pytest.mark.parametrize("case", ["strided", "windows wholly in padding", "a stride above the window"])
def test_the_input_gradient_can_be_added_to_what_is_there(case: str):
    p = CASES[case]
    x, w, _, dy = p.arrays()
    np.testing.assert_array_equal(run_input_gradient(p, dy, w, onto=x), x + want_dx(p, dy, w))


@pytest.mark.parametrize("case", ["same", "depthwise"])
def test_without_bias_its_pointers_are_left_alone(case: str):
    p = CASES[case]
    x, w, b, dy = p.arrays()
    got = run_forward(p, x, w, np.full_like(b, np.nan), bias=False)
    np.testing.assert_array_equal(got, want_y(p, x, w, 0 * b))
    dw, db = run_filter_gradient(p, x, dy, bias=False)
    np.testing.assert_array_equal(dw, want_dw(p, x, dy))
    assert np.isnan(db).all()


FORMULAS: dict[str | None, Callable[[Array], Array]] = {
    None: lambda v: v,
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "lecuntanh": lambda v: 1.7159 * np.tanh(v * 2 / 3),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
}
SUMS = [
    "same",
    "strided",
    "one place",
    "windows wholly in padding",
    "slices of pitch",
    "three axes",
    "primes",
]
SUMS += ["linear", "depthwise with a multiplier", "groups that fill the lanes"]


@pytest.mark.parametrize(
    ("case", "level"),
    [
        *((case, detect().level) for case in SUMS),
        *(("groups that fill the lanes", level) for level in levels() if level != detect().level),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.sample(8)
def test_a_sum_is_written_over_one_of_its_terms(case: str, level: str, packed: bool):
    """Whole 64ths add up exactly, and only a curve is rounded."""
    p, cpu = CASES[case], detect(level)
    x, w, b, onto = (a / share for a, share in zip(p.arrays(), (64, 1, 64, 64), strict=True))
    for word, bias in (None, True), (None, False), ("relu", True), ("tanh", True), ("sigmoid", False):
        got = run_forward(
            p, x, w, b, cpu, "start", packed, onto, activation=word and Activation(word), bias=bias
        )
        want = FORMULAS[word](want_y(p, x, w, b if bias else 0 * b) + onto)
        most = 0 if word in (None, "relu") else 4 * EPS
        assert (np.abs(got - want) <= most * np.abs(want)).all(), word


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("case", ["primes", "one place", "depthwise with a multiplier", "three axes", "same"])
def test_scaled_weights_are_packed_as_the_products_are(case: str, level: str):
    p, cpu = CASES[case], detect(level)
    w = p.arrays(whole=False)[1].astype(np.float32)
    factor = np.random.default_rng(1).standard_normal(p.filters, np.float32)
    for at in ("start", "end"):
        assert packs(p, w, cpu, at, factor).tobytes() == packs(p, w * factor, cpu, at).tobytes()


@pytest.mark.parametrize("case", ["same", "linear", "slices of pitch"])
@pytest.mark.parametrize("word", ["relu", "tanh", "lecuntanh", "sigmoid"])
def test_activations(word: str, case: str):
    p = CASES[case]
    x, w, b, _ = p.arrays(whole=False)
    got, want = (
        run_forward(p, x, w, b, activation=word and Activation(word)),
        FORMULAS[word](want_y(p, x, w, b)),
    )
    size = want_y(p, *(np.abs(a) for a in (x, w, b)))  # no curve is steeper than 1.15
    assert (np.abs(got - want) <= 5 * EPS * size + 4 * EPS * np.abs(want)).all()


def test_what_cannot_be_is_refused():
    p = CASES["same"]
    options = {"cpu": detect(), "window": p.window}
    few = Batch(1, detect().lanes // 2)
    with pytest.raises(ValueError, match="do not fill vectors"):
        convolution.forward("refused", batch=few, x=p.x, y=p.y, **options)
    with pytest.raises(ValueError, match="do not fill vectors"):
        convolution_gradient.filter_gradient("refused", batch=few, x=p.x, dy=p.y, **options)
    with pytest.raises(ValueError, match="9 chunks of 8 lines"):
        convolution_gradient.filter_gradient("refused", batch=p.batch, x=p.x, dy=p.y, chunks=9, **options)
    own = replace(p.x, own=True)
    with pytest.raises(ValueError, match="one at a time"):
        convolution_gradient.filter_gradient("refused", batch=Batch(2, 16), x=own, dy=p.y, **options)


@pytest.mark.parametrize("registers", [16, 32])
def test_tiles_fit_the_registers_and_cover_the_work(registers: int):
    for count, most in itertools.product(range(1, 60), (1, 2, 5, registers)):
        for shares in shares_of(count, most):
            sizes = shares.sizes()
            assert sum(size * times for size, times in sizes.items()) == count
            assert max(sizes) == shares.most <= most
            starts = [shares.start(i) for i in range(shares.count + 1)]
            assert starts[0] == 0 and starts[-1] == count
            assert {b - a for a, b in itertools.pairwise(starts)} == set(sizes)
