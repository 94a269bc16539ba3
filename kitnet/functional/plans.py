"""Layers as functions: a call runs a plan of a graph with one operand, `x`, and one node, `y`.

Plans are kept, but no memory with them: values lie in an arena that is made for each call, or in the threads'
own memory, and results are written straight into new arrays.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.engine.bind import ALL_GIVEN, Machine, code_of
from kitnet.engine.choice import batch_of
from kitnet.engine.compile import INEXACT
from kitnet.engine.host import inside_a_step
from kitnet.engine.lower.contract import Wishes, called
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.engine.setting import Lanes
from kitnet.kernels.cpu import Cpu, cores, detect
from kitnet.kernels.spec import Batch, whole_vectors
from kitnet.layers import Context, Convolution, MaxPool, MeanPool
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

KEPT = 128  # plans in memory
OWN = 64 << 20  # bytes at most that values take in each thread's memory, which the crew keeps between calls
FILL = 0.6  # of the lanes that filters take, from which on it is quicker than to put the batch there
FITS = {
    "winograd": "3x3 windows, stride and dilation 1, one group",
    "fourier": "planes, windows below 64x64, stride and dilation 1, one group",
}

CONTEXT = Context()
Operation = Convolution | MaxPool | MeanPool


def forward(layer: Operation, x: Array, weights: Mapping[str, Array], algorithm: str = "direct") -> Array:
    """y of C-contiguous float32 arrays, weights by the layer's names. Raises ShapeError for an algorithm that
    is not for such a layer.
    """
    samples = len(x)
    if not samples:
        return np.zeros((0, *layer.output_shape(x.shape[1:])), np.float32)
    function = _function(_problem(layer, x, algorithm, back=False))
    y = np.empty((function.rows or samples, *function.shape), np.float32)
    function.run({"@in x": x, **_named("@weight", weights), "@out y": y}, samples)
    return y[:samples] if function.rows else y


def backward(
    layer: Operation, dy: Array, x: Array, weights: Mapping[str, Array], algorithm: str = "direct"
) -> list[Array]:
    """dx and the gradients of the layer's parameters in their order. Arguments as in `forward`."""
    if not len(x):
        return [np.zeros(s, np.float32) for s in (x.shape, *_shapes(layer.params(x.shape[1:])).values())]
    function = _function(_problem(layer, x, algorithm, back=True))
    dx = np.empty(x.shape, np.float32)
    dw = {name: np.empty(shape, np.float32) for name, shape in function.params.items()}
    arrays = {"@in x": x, "@seed y": dy, "@d x": dx, **_named("@weight", weights), **_named("@dw", dw)}
    function.run(arrays, len(x))
    return [dx, *dw.values()]


def _shapes(params: Mapping[str, Param]) -> dict[str, Shape]:
    return {name: param.shape for name, param in params.items()}


def _named(what: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{what} y.{name}": array for name, array in arrays.items()}


@dataclass(frozen=True)
class Problem:
    """What a plan is made for. It serves all numbers of samples that make the same batch."""

    layer: Operation
    shape: Shape  # of a sample
    algorithm: str
    back: bool
    lanes: Lanes
    batch: Batch
    cpu: Cpu
    samples: int = field(compare=False)


def _problem(layer: Operation, x: Array, algorithm: str, back: bool) -> Problem:
    cpu, shape, samples = detect(), x.shape[1:], len(x)
    batch = batch_of(samples, cpu)
    if isinstance(layer, Convolution):
        lanes = lanes_of_convolution(layer, samples, algorithm, back, cpu)
    else:
        # Whichever leaves fewer lanes empty.
        full = samples * whole_vectors(shape[-1], cpu.lanes) <= batch.groups * batch.images * shape[-1]
        lanes = "channels" if full else "images"
    if lanes == "channels":
        batch = Batch(samples, 1)
    return Problem(_plain(layer, shape), shape, algorithm, back, lanes, batch, cpu, samples)


def lanes_of_convolution(layer: Convolution, samples: int, algorithm: str, back: bool, cpu: Cpu) -> Lanes:
    """What lies in the vector lanes: what is quicker for so many samples, where there is a choice."""
    if back or algorithm == "fourier":
        return "images"
    vectors = -(-layer.filters // cpu.lanes)
    full = layer.groups == 1 and layer.filters >= FILL * vectors * cpu.lanes
    return "channels" if samples < cpu.lanes or full or algorithm == "winograd" else "images"


@functools.lru_cache(KEPT)
def _plain(layer: Operation, shape: Shape) -> Operation:
    """The layer as it is on inputs of this shape, however it was said."""
    axes = layer.axes(shape)
    pad, stride = tuple((a.before, a.after) for a in axes), tuple(a.stride for a in axes)
    plain = replace(layer, window=tuple(a.window for a in axes), stride=stride)
    if min(map(min, pad)) >= 0:  # no padding says that the input is cropped
        plain = replace(plain, pad=pad, on_misfit="floor")
    if isinstance(plain, Convolution):
        return replace(plain, dilation=tuple(a.dilation for a in axes))
    return plain


@functools.lru_cache(KEPT)
def _function(problem: Problem) -> Function:
    return Function(problem)


class Function:
    """A plan as machine code, for arrays that lie anywhere.

    `shape` is that of y for a sample, `params` are those of the parameters. Where y is a single number, all
    `rows` of the batch are written.
    """

    def __init__(self, problem: Problem) -> None:
        self._plan, batch = _planned(problem), problem.batch
        self._code = code_of(self._plan)
        self._machine = self._bound()
        self.shape = problem.layer.output_shape(problem.shape)
        self.params = _shapes(problem.layer.params(problem.shape))
        self.rows = batch.groups * batch.images if math.prod(self.shape) == 1 else None

    def _bound(self) -> Machine:
        return Machine(self._plan, self._code, Weights({}), None, {}, {}, cores(), ALL_GIVEN)

    def run(self, arrays: Mapping[str, Array], count: int) -> None:
        """Run once on these arrays by the plan's buffers, with so many samples."""
        given = [arrays[name] for name in self._machine.moving]
        if inside_a_step():  # of a network, whose end another caller may be waiting for, here
            self._bound().run(given, count, CONTEXT)
            return
        # Threads take turns, as they do for the crew; a forked process with a lock that nobody holds.
        with _turns.setdefault(os.getpid(), threading.Lock()):
            self._machine.run(given, count, CONTEXT)


_turns: dict[int, threading.Lock] = {}


def _planned(problem: Problem) -> Plan:
    """The plan of y alone, or of all gradients. Raises ShapeError."""
    algorithm, graph = problem.algorithm, Graph()
    graph.add("y", problem.layer, graph.operand("x", problem.shape))
    request = Request(outputs=("y",))
    if problem.back:
        request = Request(seeds=("y",), gradients=("x",), weights=True)
    direct = algorithm == "direct"
    plan = make_plan(
        graph,
        Weights(graph.params()),
        problem.samples,
        problem.cpu,
        request,
        threads=cores(),
        wishes=Wishes(forbidden=frozenset(INEXACT)) if direct else Wishes(forced=frozenset({algorithm})),
        layout=problem.lanes,
        most_own=OWN,
    )
    if not direct and not called(plan.choices[0].one.id, algorithm):
        raise ShapeError(f"algorithm {algorithm!r} is for {FITS[algorithm]}", "leave algorithm out")
    return plan
