"""Products of few vectors with a matrix against NumPy: exactly for whole numbers, within the rounding of a
sum for others.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray
from volumes import fitting

from kitnet.kernels import jit
from kitnet.kernels.activation import Activation
from kitnet.kernels.channels import linear
from kitnet.kernels.cpu import Cpu, detect, levels
from kitnet.kernels.spec import Batch, Triple, Volume, whole_vectors

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Problem:
    """Samples of an x of some sizes, channels and pitch; y's pitch is that of whole vectors, or the units."""

    samples: int
    sizes: Triple
    channels: int
    pitch: int
    units: int
    whole: bool = True
    blocks: int = 8

    @property
    def x(self) -> Volume:
        return Volume(self.sizes, self.channels, self.pitch, lanes="channels")

    def y(self, cpu: Cpu) -> Volume:
        pitch = whole_vectors(self.units, cpu.lanes) if self.whole else self.units
        return Volume((1, 1, 1), self.units, pitch, lanes="channels")

    def arrays(self, whole: bool = True) -> tuple[Array, Array, Array]:
        """x (samples, inputs), weight and bias in float64: whole numbers, whose sums are exact, or any."""
        rng, inputs = np.random.default_rng(len(str(self))), self.x.positions * self.channels
        shapes = (self.samples, inputs), (inputs, self.units), (self.units,)
        if whole:
            one, two, three = (rng.integers(-4, 5, s).astype(np.float64) for s in shapes)
        else:
            one, two, three = (rng.standard_normal(s, np.float32).astype(np.float64) for s in shapes)
        return one, two, three


def run(
    p: Problem, x: Array, w: Array, b: Array, cpu: Cpu | None = None, at: str = "end", **options: Any
) -> Array:
    """Twice: the same bits, and inputs stay."""
    cpu, options = cpu or detect(), {"blocks": p.blocks, **options}
    layout = p.y(cpu)
    (code,) = jit.build([linear.forward("linear", cpu, Batch(p.samples, 1), p.x, layout, **options)])
    volume = guarded((p.samples, p.x.positions, p.pitch), at=at)
    volume[..., : p.channels] = x.reshape(p.samples, p.x.positions, p.channels)
    inputs = {"x": volume}
    inputs |= {name: fitting(a.astype(np.float32), at) for name, a in (("weight", w), ("bias", b))}
    kept = {name: a.copy() for name, a in inputs.items()}
    results = []
    for _ in range(2):
        y = guarded((p.samples, layout.pitch), at=at)
        code(**inputs, y=y)
        results.append(y)
    assert results[0].tobytes() == results[1].tobytes()
    assert all(inputs[name].tobytes() == a.tobytes() for name, a in kept.items())
    assert np.isfinite(results[0]).all()
    return results[0][:, : p.units]


CASES = {
    "lenet f6": Problem(1, (1, 1, 1), 120, 128, 84, blocks=1),
    "lenet c5 as a product": Problem(1, (1, 5, 5), 16, 16, 120, blocks=1),
    "lenet output": Problem(1, (1, 1, 1), 84, 84, 10, whole=False, blocks=1),
    "a volume with a pitch": Problem(3, (1, 4, 3), 21, 32, 50),
    "a volume with a pitch, many tiles": Problem(2, (2, 2, 3), 21, 37, 1003, whole=False),
    "fetched ahead": Problem(1, (1, 1, 1), 300, 300, 1000, whole=False),
    "fetched ahead, many tiles": Problem(2, (1, 1, 1), 67, 67, 1999),
    "long runs, many tasks": Problem(1, (1, 1, 1), 21, 21, 2**13 + 5),
    "one number": Problem(1, (1, 1, 1), 1, 1, 1, whole=False),
    "fifteen samples": Problem(15, (1, 1, 1), 33, 48, 131),
    "fifteen samples, one task": Problem(15, (1, 2, 2), 17, 17, 131, blocks=1),
}


@pytest.mark.sample(6)
@pytest.mark.parametrize("at", ["start", "end"])
@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("p", CASES.values(), ids=CASES.keys())
def test_hard_cases(p: Problem, level: str, at: str):
    x, w, b = p.arrays()
    np.testing.assert_array_equal(run(p, x, w, b, detect(level), at), x @ w + b)


def drawn(seed: int) -> Problem:
    """One of endlessly many small problems."""
    pick = random.Random(seed).choice
    channels, units = pick([1, 3, 15, 16, 17, 31, 64, 101]), pick([1, 5, 16, 17, 100, 250, 333, 512])
    sizes = pick([(1, 1, 1), (1, 2, 3), (2, 1, 2), (1, 1, 7)])
    pitch, samples = channels + pick([0, 0, 1, 13]), pick([1, 1, 2, 3, 7, 15])
    return Problem(samples, sizes, channels, pitch, units, pick([True, False]), pick([1, 2, 3, 8, 100]))


@pytest.mark.sample(5)
@pytest.mark.parametrize("seed", range(30))
def test_drawn_problems(seed: int):
    p = drawn(seed)
    x, w, b = p.arrays()
    np.testing.assert_array_equal(run(p, x, w, b, at="end" if seed % 2 else "start"), x @ w + b)


@pytest.mark.parametrize("case", ["lenet f6", "a volume with a pitch, many tiles", "fifteen samples"])
def test_sums_are_within_their_rounding(case: str):
    p = CASES[case]
    x, w, b = p.arrays(whole=False)
    assert (np.abs(run(p, x, w, b) - x @ w - b) <= 4 * EPS * (np.abs(x) @ np.abs(w) + np.abs(b))).all()


@pytest.mark.parametrize("case", ["a volume with a pitch, many tiles", "long runs, many tasks"])
def test_cutting_changes_no_bit(case: str):
    p = CASES[case]
    x, w, b = p.arrays(whole=False)
    y = run(p, x, w, b, blocks=1)
    for blocks in (2, 5, 1000):
        assert run(p, x, w, b, blocks=blocks).tobytes() == y.tobytes()


def test_without_bias_its_pointer_is_left_alone():
    p = CASES["fifteen samples"]
    x, w, b = p.arrays()
    np.testing.assert_array_equal(run(p, x, w, np.full_like(b, np.nan), bias=False), x @ w)


FORMULAS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda v: np.maximum(v, 0),
    "tanh": np.tanh,
    "lecuntanh": lambda v: 1.7159 * np.tanh(v * 2 / 3),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
}


@pytest.mark.parametrize("case", ["lenet f6", "a volume with a pitch, many tiles"])
@pytest.mark.parametrize("word", FORMULAS)
def test_activations(word: str, case: str):
    p = CASES[case]
    x, w, b = p.arrays(whole=False)
    x /= 16  # so that curves are not all at their ends
    got, expected = run(p, x, w, b, activation=word and Activation(word)), FORMULAS[word](x @ w + b)
    size = np.abs(x) @ np.abs(w) + np.abs(b)  # no curve is steeper than 1.15
    assert (np.abs(got - expected) <= 5 * EPS * size + 4 * EPS * np.abs(expected)).all()


@pytest.mark.parametrize(
    ("units", "blocks", "tasks"),
    [(1, 8, 1), (40, 1, 1), (40, 8, 2), (4096, 8, 2), (4096, 1, 1), (2**15, 8, 8), (2**15, 100, 16)],
)
def test_tasks_read_long_runs(units: int, blocks: int, tasks: int):
    x, y = (Volume((1, 1, 1), channels, channels, lanes="channels") for channels in (4, units))
    assert linear.forward("some", detect(), Batch(1, 1), x, y, blocks=blocks).tasks == tasks


def test_what_cannot_be_is_refused():
    one, two, other = (
        Volume((1, 1, 1), 4, 4, lanes="channels"),
        Volume((1, 2, 1), 4, 4, lanes="channels"),
        Volume((1, 1, 1), 4, 4),
    )
    with pytest.raises(ValueError, match=r"gives one position, not \(1, 2, 1\)"):
        linear.forward("refused", detect(), Batch(2, 1), one, two)
    for batch, y in ((Batch(1, 2), one), (Batch(2, 1), other)):
        with pytest.raises(ValueError, match="with channels in the lanes, and groups of one image"):
            linear.forward("refused", detect(), batch, one, y)
