"""What the laboratory computes: one layer on random numbers, and what comes out in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from kitnet.base.argument import batch_size
from kitnet.base.error import KitnetError, shorten
from kitnet.base.shape import Shape
from kitnet.base.shape import say as say_shape
from kitnet.base.spec import Array
from kitnet.layers import Context, Convolution, MaxPool, MeanPool, SumPool
from kitnet.layers.convolution import half_turn
from kitnet.layers.window import Axes, padded, unpadded
from kitnet.net import parse
from kitnet.net.notation import write_layer

Operation = Convolution | MaxPool | MeanPool | SumPool
Pass = Literal["forward", "data", "weights"]
PASSES: tuple[Pass, ...] = get_args(Pass)

MOST_WORK = 2_000_000_000  # multiply-adds of a pass: a second or so by each algorithm on two cores
MOST_SEEN = 100_000_000  # numbers that a pool looks at, which NumPy copies
MOST_NUMBERS = 1 << 26  # of the input or the output of a batch: 256 MiB
EXAMPLE = "28x28x128 conv3-128 same"


class InapplicableError(Exception):
    """Why an algorithm is not for this layer, or for this pass of it."""


@dataclass(frozen=True)
class Problem:
    """A layer and its arrays in float32: x (N, *sizes, C), w (*window, C/groups, K) or None for a pool, and
    dy (N, *output, K), the gradient that comes back. The layer has no bias.
    """

    layer: Operation
    x: Array
    w: Array | None
    dy: Array

    @property
    def line(self) -> str:
        """The layer in the language, without its bias."""
        return f"{say_shape(self.shape)} -> {write_layer(self.layer)}"

    @property
    def shape(self) -> Shape:
        """Of one sample of x."""
        return self.x.shape[1:]

    @cached_property
    def axes(self) -> Axes:
        return self.layer.axes(self.shape)

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, the gradient of the data and, where there are weights, theirs."""
        return PASSES if self.w is not None else PASSES[:2]

    @property
    def groups(self) -> int:
        return self.layer.groups if isinstance(self.layer, Convolution) else 1

    @property
    def filters(self) -> Array:
        """The filters as they are correlated, turned where the layer turns them."""
        assert self.w is not None
        return self.turned(self.w)

    def turned(self, w: Array) -> Array:
        """The layer's own order of taps from that of the window, or the other way round."""
        return half_turn(w) if isinstance(self.layer, Convolution) and self.layer.flip else w

    @property
    def work(self) -> int:
        """Multiply-adds of a pass of a convolution by its definition, or numbers that a pool looks at."""
        count = self.layer.multiply_adds if self.w is not None else self.layer.connections
        return len(self.x) * count(self.shape)

    @property
    def operations(self) -> int:
        """Of a pass in floating point: a multiply-add is two."""
        return self.work * (2 if self.w is not None else 1)

    def expected(self, which: Pass) -> Array:
        """The result of a pass in float64: of a convolution tap by tap, of a pool by the layer's formula."""
        x, dy = self.x.astype(np.float64), self.dy.astype(np.float64)
        if self.w is None:
            made = self.layer.forward({}, {}, Context(), x)
            (dx,) = self.layer.backward({}, self.layer.kept((x,), made), dy).dx
            return made.y if which == "forward" or dx is None else dx
        xs, ws, dys = (np.split(each, self.groups, -1) for each in (x, self.filters.astype(np.float64), dy))
        parts = [by_taps(which, *each, self.axes) for each in zip(xs, ws, dys, strict=True)]
        whole = np.concatenate(parts, -1)
        return self.turned(whole) if which == "weights" else whole


def by_taps(which: Pass, x: Array, w: Array, dy: Array, axes: Axes) -> Array:
    """y, dx or dw of a convolution, as the sum of what each tap of the window does: it multiplies the places
    that it sees, all positions at once.
    """
    places, every = padded(x, axes), tuple(range(1 + len(axes)))
    y, dx, dw = np.zeros_like(dy), np.zeros_like(places), np.zeros_like(w)
    for tap in np.ndindex(w.shape[:-2]):
        begins = [t * a.dilation for t, a in zip(tap, axes, strict=True)]
        ends = [t + (a.output - 1) * a.stride + 1 for t, a in zip(begins, axes, strict=True)]
        seen = (slice(None), *(slice(t, e, a.stride) for t, e, a in zip(begins, ends, axes, strict=True)))
        match which:
            case "forward":
                y += places[seen] @ w[tap]
            case "data":
                dx[seen] += dy @ w[tap].T
            case "weights":
                dw[tap] = np.tensordot(places[seen], dy, (every, every))
    return {"forward": y, "data": unpadded(dx, axes), "weights": dw}[which]


def read_problem(line: str, batch: int = 1, seed: int = 0) -> Problem:
    """The problem of a line such as `28x28x128 conv3-128 same`, an arrow between volume and layer or not:
    normal random numbers, weights with the standard deviation 1 / sqrt(numbers of a sum). Raises KitnetError
    for what is no convolution or pool, or would take too long.
    """
    batch_size(batch)
    layer, shape = _read(line)
    output = layer.output_shape(shape)
    _refuse_large(layer, shape, output, batch)
    random = np.random.default_rng(seed)

    def normal(*sizes: int) -> Array:
        return random.standard_normal(sizes, np.float32)

    x, dy, w = normal(batch, *shape), normal(batch, *output), None
    if isinstance(layer, Convolution):
        sizes = layer.params(shape)["weight"].shape
        w = normal(*sizes) / np.float32(math.sqrt(math.prod(sizes[:-1])))
    return Problem(layer, x, w, dy)


def _read(line: str) -> tuple[Operation, Shape]:
    volume, *rest = line.split(maxsplit=1) if line.strip() else ("",)
    if not rest:
        raise KitnetError(
            f"the laboratory takes a volume and a layer, not {shorten(line)}; write '{EXAMPLE}'"
        )
    arrow = "" if rest[0].startswith(("->", "→")) else "-> "
    graph = parse(f"{volume} {arrow}{rest[0]}").graph
    if len(graph.nodes) != 2:
        raise KitnetError(
            f"the laboratory takes one layer, but the line has {len(graph.nodes) - 1}; write '{EXAMPLE}'"
        )
    layer, shape = graph.nodes[1].layer, graph.nodes[0].shape
    if not isinstance(layer, Operation):
        word: Any = layer.word if layer else "an operand"
        raise KitnetError(f"the laboratory takes conv, maxpool, meanpool and sumpool, not {word}")
    if isinstance(layer, Convolution):
        if layer.table is not None:
            raise KitnetError("the laboratory takes no connection tables; leave table out")
        layer = replace(layer, bias=False)
    return layer, shape


def _refuse_large(layer: Operation, shape: Shape, output: Shape, batch: int) -> None:
    convolution = isinstance(layer, Convolution)
    each = layer.multiply_adds(shape) if convolution else layer.connections(shape)
    what, most = ("multiply-adds", MOST_WORK) if convolution else ("numbers to look at", MOST_SEEN)
    if each * batch > most:
        remedy = f"a batch of {most // each}" if each <= most else "a smaller layer"
        raise KitnetError(
            f"this layer has {each * batch:,} {what} in a pass; the laboratory takes {most:,} at most, "
            f"so use {remedy}"
        )
    numbers = batch * max(math.prod(shape), math.prod(output))
    if numbers > MOST_NUMBERS:
        raise KitnetError(
            f"the arrays of this layer have up to {numbers:,} numbers; the laboratory takes "
            f"{MOST_NUMBERS:,} at most, so use a smaller layer or batch"
        )
