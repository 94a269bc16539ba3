"""A case with its arrays: what every check runs a layer on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kitnet.base.random import stream
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers import Backward, Case, Context, Forward, Kept, Layer

PATH = "layer"  # the place of the layer under test, in graphs and random streams
STEP = 1e-3  # of the differences in `gradient.py`; operands are drawn so that no kink is nearer

Where = int | str  # the number of an operand, or the name of a parameter


def require(condition: bool, text: str) -> None:
    """Raise AssertionError with this text unless the condition holds (`python -O` included)."""
    if not condition:
        raise AssertionError(text)


def frozen(array: Array) -> Array:
    """The same numbers, read-only, so that a formula which writes to its arguments stops at once."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def freeze(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: frozen(array) for name, array in arrays.items()}


@dataclass(frozen=True)
class Trial:
    """A layer with operands, weights, state and context. All arrays are read-only."""

    layer: Layer
    x: tuple[Array, ...]
    w: dict[str, Array]
    state: dict[str, Array]
    ctx: Context

    @classmethod
    def of(cls, case: Case, *, seed: int = 0, train: bool = False, attempt: int = 0) -> Trial:
        """The case's operands, all of them and the weights drawn in float64 from `seed` and `attempt`.

        State is what one step of training on other operands makes of its beginning: running statistics that
        are neither 0 nor 1.
        """
        random = stream(seed, f"testing/{case.layer}", attempt)
        params, buffers = case.layer.params(*case.shapes), case.layer.state(*case.shapes)
        w = freeze({name: random.standard_normal(param.shape) for name, param in params.items()})
        begin = {
            name: np.broadcast_to(b.value, b.shape).astype(b.dtype or float) for name, b in buffers.items()
        }
        trial = cls(
            case.layer, _draw(case, random), w, freeze(begin), Context(train=True, seed=seed, path=PATH)
        )
        if begin:
            after = trial.forward().state
            trial = replace(trial, state=freeze({**begin, **after}), x=_draw(case, random))
        return trial.mode(train)

    def mode(self, train: bool) -> Trial:
        return replace(self, ctx=replace(self.ctx, train=train))

    def astype(self, dtype: Any) -> Trial:
        """The same numbers rounded to another precision; what is no floating-point number stays."""

        def rounded(a: Array) -> Array:
            return frozen(a.astype(dtype)) if a.dtype.kind == "f" else a

        w, state = ({k: rounded(a) for k, a in arrays.items()} for arrays in (self.w, self.state))
        return replace(self, x=tuple(map(rounded, self.x)), w=w, state=state)

    def shard(self, first: int, last: int) -> Trial:
        """Samples first .. last - 1, at their places in the whole batch."""
        x = tuple(frozen(one[first:last]) for one in self.x)
        return replace(self, x=x, ctx=replace(self.ctx, first_sample=self.ctx.first_sample + first))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The operands' shapes without the batch."""
        return tuple(one.shape[1:] for one in self.x)

    @property
    def samples(self) -> int:
        return len(self.x[0])

    def __str__(self) -> str:
        mode = " in training" if self.ctx.train else ""
        return f"{self.layer} on {' and '.join(map(say, self.shapes))}{mode}"

    def forward(self) -> Forward:
        return self.layer.forward(self.w, self.state, self.ctx, *self.x)

    def definition(self) -> Array:
        return self.layer.definition(self.w, self.state, self.ctx, *self.x)

    def kept(self, made: Forward, wants: tuple[bool, ...] = ()) -> Kept:
        """What the layer's declarations let backward see of this run, and nothing else."""
        keeps = self.layer.keeps
        declared = self.layer.extras(*self.shapes)
        kept = Kept(
            tuple(one.shape for one in self.x),
            extras={name: frozen(a) for name, a in made.extras.items() if name in declared},
            wants=wants or (True,) * len(self.x),
        )
        if "x" in keeps:
            kept = replace(kept, x=self.x)
        return replace(kept, y=frozen(made.y)) if "y" in keeps else kept

    def backward(self, kept: Kept, dy: Array) -> Backward:
        return self.layer.backward(self.w, kept, dy)

    def dy(self, made: Forward) -> Array:
        """A gradient to send back: normal numbers in y's shape and precision."""
        random = stream(self.ctx.seed, f"testing/dy/{self.layer}")
        return frozen(random.standard_normal(made.y.shape).astype(made.y.dtype))


def trials(case: Case, seed: int) -> Iterator[Trial]:
    """The case in evaluation, and in training where that makes a difference."""
    trial = Trial.of(case, seed=seed)
    yield trial
    if trial.state or not np.array_equal(trial.forward().y, trial.mode(True).forward().y):
        yield trial.mode(True)


def _draw(case: Case, random: np.random.Generator) -> tuple[Array, ...]:
    shapes = tuple((case.batch, *shape) for shape in case.shapes)
    drawn = case.draw(random, shapes) if case.draw else tuple(_spread(random, shape) for shape in shapes)
    return tuple(map(frozen, drawn))


def _spread(random: np.random.Generator, shape: Shape) -> Array:
    """Normal numbers of which no two, nor any and 0, lie within 5 steps: a difference that moves each by two
    steps at most meets no kink of a maximum or of max(x, 0)."""
    values = random.standard_normal(shape)
    for sign in (-1, 1):
        side = values * sign > 0
        ranks = np.empty(side.sum(), int)
        ranks[np.argsort(np.abs(values[side]))] = np.arange(ranks.size)
        values[side] += sign * 5 * STEP * (1 + ranks)
    return values
