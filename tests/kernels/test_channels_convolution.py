"""Convolution with the filters in the lanes, and its packed weights, against the formula: exactly for whole
numbers, within the rounding of a sum for others.
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

from kitnet.base.shape import Axis
from kitnet.kernels import jit
from kitnet.kernels.activation import Activation
from kitnet.kernels.channels import convolution
from kitnet.kernels.channels.pack import Packing, pack
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Triple, Volume, Window, whole_vectors
from kitnet.kernels.tiling import Shares
from kitnet.layers.convolution import correlate

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
BEYOND = 7.0  # in the lanes of x that no channel fills


@dataclass(frozen=True)
class Problem:
    """A convolution and how its values lie in memory: `whole` says of x and of y whether positions are whole
    vectors, else they have `more` numbers of pitch beyond their channels.
    """

    axes: tuple[Axis, ...]
    depth: int
    filters: int
    groups: int = 1
    samples: int = 2
    whole: tuple[bool, bool] = (True, True)
    more: tuple[int, int] = (0, 0)
    blocks: int = 8

    def triple(self, what: str, filler: int) -> Triple:
        one, two, three = (filler,) * (3 - len(self.axes)) + tuple(getattr(a, what) for a in self.axes)
        return one, two, three

    def pitch(self, side: int, channels: int, cpu: Cpu) -> int:
        return whole_vectors(channels, cpu.lanes) if self.whole[side] else channels + self.more[side]

    def x(self, cpu: Cpu) -> Volume:
        pitch = self.pitch(0, self.depth, cpu)
        return Volume(self.triple("size", 1), self.depth, pitch, lanes="channels")

    def y(self, cpu: Cpu) -> Volume:
        pitch = self.pitch(1, self.filters, cpu)
        return Volume(self.triple("output", 1), self.filters, pitch, lanes="channels")

    @property
    def batch(self) -> Batch:
        return Batch(self.samples, 1)

    @property
    def window(self) -> Window:
        words = ("window", 1), ("stride", 1), ("dilation", 1), ("before", 0)
        return Window(*(self.triple(word, filler) for word, filler in words))

    def arrays(self, whole: bool = True) -> tuple[Array, Array, Array, Array]:
        """x, weight, bias and addend in float64: whole numbers, whose sums are exact, or any."""
        rng = np.random.default_rng(len(str(self)))
        shapes = (
            (self.samples, *(a.size for a in self.axes), self.depth),
            (*(a.window for a in self.axes), self.depth // self.groups, self.filters),
            (self.filters,),
            (self.samples, *(a.output for a in self.axes), self.filters),
        )
        if whole:
            one, two, three, four = (rng.integers(-4, 5, s).astype(np.float64) for s in shapes)
        else:
            one, two, three, four = (rng.standard_normal(s, np.float32).astype(np.float64) for s in shapes)
        return one, two, three, four


def want(p: Problem, x: Array, w: Array, b: Array) -> Array:
    parts = zip(np.split(x, p.groups, -1), np.split(w, p.groups, -1), strict=True)
    return np.concatenate([correlate(i, f, p.axes) for i, f in parts], -1) + b


def laid_out(values: Array, layout: Volume, at: str, beyond: float) -> Array:
    """(samples, *sizes, pitch) between forbidden pages."""
    memory = guarded((len(values), *layout.sizes, layout.pitch), at=at)
    memory[..., layout.channels :] = beyond
    memory[..., : layout.channels] = values.reshape(len(values), *layout.sizes, layout.channels)
    return memory


def twice(k: Kernel, output: str, target: Array, **inputs: Array) -> None:
    """Run a kernel, and again from what was there: the same bits, and inputs stay."""
    (code,) = jit.build([k])
    before, kept = target.copy(), {name: a.copy() for name, a in inputs.items()}
    code(**inputs, **{output: target})
    first = target.copy()
    target[...] = before
    code(**inputs, **{output: target})
    assert target.tobytes() == first.tobytes()
    assert all(inputs[name].tobytes() == a.tobytes() for name, a in kept.items())


def packed(
    cpu: Cpu, packing: Packing, w: Array, tasks: int = 1, at: str = "end", factor: Array | None = None
) -> Array:
    """The weights as `forward` reads them, each multiplied by the factor of its filter if there is one."""
    target, more = guarded(packing.size, at=at), {} if factor is None else {"factor": fitting(factor, at)}
    k = pack("pack", cpu, packing, scaled=factor is not None, tasks=tasks)
    twice(k, "packed", target, weight=fitting(w.astype(np.float32), at), **more)
    return target


def run(
    p: Problem, x: Array, w: Array, b: Array, addend: Array | None = None,
    cpu: Cpu | None = None, at: str = "end", **options: Any,
) -> Array:  # fmt: skip
    cpu = cpu or detect()
    vx, vy, blocks = p.x(cpu), p.y(cpu), options.pop("blocks", p.blocks)
    k = convolution.forward(
        "forward", cpu, p.batch, vx, vy, p.window,
        groups=p.groups, addend=addend is not None, blocks=blocks, **options,
    )  # fmt: skip
    packing = convolution.packing(cpu, p.batch, vx, vy, p.window, groups=p.groups, blocks=blocks)
    inputs = {"x": laid_out(x, vx, at, BEYOND), "packed": packed(cpu, packing, w, at=at)}
    inputs["bias"] = fitting(b.astype(np.float32), at)
    if addend is not None:
        inputs["addend"] = laid_out(addend, vy, at, 0.0)
    y = guarded((p.samples, *vy.sizes, vy.pitch), at=at)
    twice(k, "y", y, **inputs)
    others = y[..., vy.channels :]
    assert np.isfinite(others).all() if vy.fills(cpu.lanes) else np.isnan(others).all()
    return y[..., : vy.channels].reshape(p.samples, *(a.output for a in p.axes), p.filters)


def check_exactly(p: Problem, cpu: Cpu | None = None, at: str = "end") -> None:
    x, w, b, addend = p.arrays()
    expected = want(p, x, w, b)
    np.testing.assert_array_equal(run(p, x, w, b, None, cpu, at), expected)
    np.testing.assert_array_equal(run(p, x, w, b, addend, cpu, at), expected + addend)


def axis(size: int, window: int, stride: int = 1, before: int = 0, after: int = 0, dilation: int = 1) -> Axis:
    output = (size + before + after - dilation * (window - 1) - 1) // stride + 1
    return Axis(size, window, stride, dilation, before, after, output)


CASES = {
    "lenet c1": Problem((axis(28, 5, 1, 2, 2),) * 2, 1, 6, whole=(False, True), blocks=1),
    "lenet c3": Problem((axis(14, 5),) * 2, 6, 16),
    "lenet c5, a window of the whole input": Problem((axis(5, 5),) * 2, 16, 120),
    "one tap, all samples in a column": Problem((axis(5, 1),) * 2, 24, 40, samples=3),
    "one tap, strided": Problem((axis(7, 1, 2),) * 2, 13, 5),
    "one tap, padded": Problem((axis(4, 1, 1, 1, 2),) * 2, 5, 17),
    "same": Problem((axis(8, 3, 1, 1, 1),) * 2, 16, 32),
    "same, few lines": Problem((axis(7, 3, 1, 1, 1),) * 2, 64, 80),
    "strided, three channels": Problem((axis(19, 7, 2, 3, 3),) * 2, 3, 64, whole=(False, True)),
    "many channels": Problem((axis(3, 1),) * 2, 1024, 33, samples=1),
    "a stride above the window": Problem((axis(10, 2, 4), axis(11, 3, 5)), 3, 4),
    "windows wholly in padding": Problem((axis(3, 1, 1, 3, 2), axis(2, 2, 2, 5, 4)), 2, 3),
    "padding beyond a dilated window": Problem((axis(4, 3, 2, 8, 7, 2), axis(5, 2, 3, 4, 6, 3)), 3, 17),
    "dilated without padding": Problem((axis(9, 3, 1, 0, 0, 2),) * 2, 4, 20, whole=(False, True)),
    "depthwise": Problem((axis(6, 3, 1, 1, 1),) * 2, 37, 37, groups=37),
    "depthwise, strided": Problem((axis(9, 3, 2, 1, 1),) * 2, 32, 32, groups=32),
    "depthwise with a multiplier": Problem((axis(6, 3, 2, 1, 1),) * 2, 3, 21, groups=3),
    "groups that fill the lanes": Problem((axis(5, 3, 1, 1, 1),) * 2, 6, 96, groups=2),
    "groups across the lanes": Problem((axis(5, 3),) * 2, 12, 45, groups=3),
    "slices of pitch": Problem((axis(6, 3, 1, 1, 1),) * 2, 5, 7, whole=(False, False), more=(3, 2)),
    "slices of pitch in groups": Problem((axis(6, 2),) * 2, 6, 44, 2, whole=(False, False), more=(3, 21)),
    "primes": Problem((axis(7, 3), axis(5, 2)), 23, 29, samples=5),
    "three axes": Problem((axis(4, 3, 1, 1, 1), axis(5, 2, 2), axis(6, 3, 1, 2, 0)), 3, 17),
    "one axis": Problem((axis(9, 4, 1, 2, 1),), 2, 3, samples=15),
}


@pytest.mark.sample(5)
@pytest.mark.parametrize("at", ["start", "end"])
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_hard_cases(p: Problem, at: str):
    check_exactly(p, at=at)


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in levels() if level != detect().level])
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_lesser_instruction_sets(p: Problem, level: str):
    check_exactly(p, detect(level))


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
    depth, filters = pick([1, 1, 2, 3, 5, 7, 33]), pick([1, 2, 3, 6, 7, 11, 13, 16, 17, 37, 64, 81, 130])
    if groups > 1:
        depth, filters = pick([1, 1, 2, 3]), pick([1, 1, 2, 3, 13, 19, 33])
    samples, blocks = pick([1, 1, 2, 3, 7]), pick([1, 2, 3, 8, 8, 100])
    whole = pick([(True, True), (True, True), (False, True), (True, False), (False, False)])
    more = pick([(0, 0), (0, 0), (2, 0), (0, 3), (1, 19)])
    return Problem(tuple(axes), depth * groups, filters * groups, groups, samples, whole, more, blocks)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.sample(9)
def test_drawn_problems(seed: int):
    check_exactly(drawn(seed), at="end" if seed % 2 else "start")


@pytest.mark.slow
@pytest.mark.parametrize("level", levels())
def test_many_drawn_problems(level: str):
    for seed in range(1000, 1300):
        check_exactly(drawn(seed), detect(level), at="end" if seed % 2 else "start")


# Rounding, bits, options


@pytest.mark.parametrize("case", ["lenet c1", "same", "strided, three channels", "depthwise", "primes"])
def test_sums_are_within_their_rounding(case: str):
    p = CASES[case]
    x, w, b, addend = p.arrays(whole=False)
    got, size = run(p, x, w, b, addend), want(p, *(np.abs(a) for a in (x, w, b))) + np.abs(addend)
    assert (np.abs(got - want(p, x, w, b) - addend) <= 4 * EPS * size).all()


@pytest.mark.parametrize("case", ["same", "lenet c3", "depthwise", "groups across the lanes", "three axes"])
def test_cutting_changes_no_bit(case: str):
    p = CASES[case]
    x, w, b, _ = p.arrays(whole=False)
    y = run(p, x, w, b, blocks=1)
    for blocks in (2, 5, 1000):
        assert run(p, x, w, b, blocks=blocks).tobytes() == y.tobytes()


@pytest.mark.parametrize("case", ["same", "primes", "depthwise"])
def test_a_sample_alone_gives_the_same_bits(case: str):
    p = CASES[case]
    x, w, b, _ = p.arrays(whole=False)
    alone = run(replace(p, samples=1), x[:1], w, b)
    assert alone.tobytes() == run(p, x, w, b)[:1].tobytes()


def test_there_are_as_many_tasks_as_asked_for():
    p, cpu = CASES["same, few lines"], detect()
    for blocks in (1, 2, 8, 13):
        k = convolution.forward("some", cpu, p.batch, p.x(cpu), p.y(cpu), p.window, blocks=blocks)
        assert blocks <= k.tasks < 2 * blocks
    k = convolution.forward("all", cpu, p.batch, p.x(cpu), p.y(cpu), p.window, blocks=10_000)
    assert 2 * 4 <= k.tasks <= 2 * 7 * 80


def test_tasks_of_large_values_read_what_the_second_cache_holds():
    cpu, side = replace(detect(), l2=1 << 16), 64
    x = Volume((1, side, side), 16, 16, lanes="channels")  # four times that cache
    window = Window((1, 3, 3), before=(0, 1, 1))
    many = convolution.forward("many", cpu, Batch(1, 1), x, x, window, blocks=8)
    assert 16 <= many.tasks < 32 and many.scratch_bytes < 1 << 15
    assert convolution.forward("one", cpu, Batch(1, 1), x, x, window, blocks=1).tasks == 1


@pytest.mark.parametrize("case", ["same", "depthwise"])
def test_without_bias_its_pointer_is_left_alone(case: str):
    p = CASES[case]
    x, w, b, _ = p.arrays()
    np.testing.assert_array_equal(run(p, x, w, np.full_like(b, np.nan), bias=False), want(p, x, w, 0 * b))


FORMULAS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "lecuntanh": lambda v: 1.7159 * np.tanh(v * 2 / 3),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
}


@pytest.mark.parametrize("case", ["same", "slices of pitch", "groups across the lanes", "depthwise"])
@pytest.mark.parametrize("word", FORMULAS)
def test_activations(word: str, case: str):
    p = CASES[case]
    x, w, b, addend = p.arrays(whole=False)
    got = run(p, x, w, b, addend, activation=word and Activation(word))
    expected = FORMULAS[word](want(p, x, w, b) + addend)
    size = want(p, *(np.abs(a) for a in (x, w, b))) + np.abs(addend)  # no curve is steeper than 1.15
    assert (np.abs(got - expected) <= 5 * EPS * size + 4 * EPS * np.abs(expected)).all()


@pytest.mark.sample(3)
@pytest.mark.parametrize("case", ["same", "many channels", "one tap, padded", "groups across the lanes"])
@pytest.mark.parametrize("word", FORMULAS)
def test_the_addend_may_be_the_target(word: str, case: str):
    """Whole 64ths add up exactly, and only a curve is rounded."""
    p, cpu = CASES[case], detect()
    x, w, b, addend = (a / share for a, share in zip(p.arrays(), (64, 1, 64, 64), strict=True))
    vx, vy, how = p.x(cpu), p.y(cpu), {"groups": p.groups, "blocks": p.blocks}
    k = convolution.forward(
        "onto", cpu, p.batch, vx, vy, p.window, addend=True, activation=word and Activation(word), **how
    )
    weights = packed(cpu, convolution.packing(cpu, p.batch, vx, vy, p.window, **how), w)
    y = laid_out(addend, vy, "end", 0.0)
    (code,) = jit.build([k])
    code(x=laid_out(x, vx, "end", BEYOND), packed=weights, bias=fitting(b.astype(np.float32)), addend=y, y=y)
    expected = FORMULAS[word](want(p, x, w, b) + addend)
    got, most = y[..., : vy.channels].reshape(expected.shape), 0 if word == "relu" else 4 * EPS
    assert (np.abs(got - expected) <= most * np.abs(expected)).all()


def test_channels_that_do_not_fall_into_groups_are_refused():
    p, cpu = CASES["same"], detect()
    with pytest.raises(ValueError, match="16 and 32 channels do not fall into 3 groups"):
        convolution.forward("refused", cpu, p.batch, p.x(cpu), p.y(cpu), p.window, groups=3)


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("level", levels())
def test_weights_are_packed_in_the_order_of_the_tiles(level: str, tasks: int):
    cpu = detect(level)
    lanes, filters = cpu.lanes, 3 * cpu.lanes - 1
    p = Packing(groups=2, taps=3, depth=5, filters=filters, lanes=lanes, shares=Shares(3, 2))
    w = np.random.default_rng(1).standard_normal((3, 5, 2 * filters))
    got = packed(cpu, p, w, tasks)
    whole = np.zeros((3, 5, 2, 3 * lanes))
    whole[..., :filters] = w.reshape(3, 5, 2, filters)
    runs = [
        whole[:, :, group, part] for group in range(2) for part in (slice(2 * lanes), slice(2 * lanes, None))
    ]
    np.testing.assert_array_equal(got, np.concatenate([run.ravel() for run in runs]).astype(np.float32))


@pytest.mark.sample(5)
@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_scaled_weights_are_packed_as_the_products_are(beyond: int, level: str, tasks: int):
    cpu, random = detect(level), np.random.default_rng(1)
    filters = 2 * cpu.lanes + beyond
    shares = Shares(-(-filters // cpu.lanes), 2)
    p = Packing(groups=2, taps=3, depth=5, filters=filters, lanes=cpu.lanes, shares=shares)
    w = random.standard_normal((3, 5, 2 * filters), np.float32)
    factor = random.standard_normal(2 * filters, np.float32)
    for at in ("start", "end"):
        scaled, before = packed(cpu, p, w, tasks, at, factor), packed(cpu, p, w * factor, tasks, at)
        assert scaled.tobytes() == before.tobytes()
