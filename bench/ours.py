"""kitnet's side: the engine for networks, the kernels for single layers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
from layers import LAYERS, PASSES, ConvLayer, Pass, label
from material import (
    BATCHES,
    MOMENTUM,
    RATE,
    Array,
    filters,
    fingerprint,
    images,
    labels,
    vector,
)
from networks import Bench
from side import CHECKED_STEPS, THREADS, Answers, NotYetError, Side, Step

import kitnet
from kitnet.base.error import KitnetError
from kitnet.engine.plan import batch_of
from kitnet.engine.run import Scores, TrainingStep
from kitnet.kernels import convolution, convolution_gradient, update
from kitnet.kernels.cpu import detect
from kitnet.kernels.crew import Call, Crew, Program
from kitnet.kernels.jit import aligned, build
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.net.objective import usual_loss
from kitnet.optim import Sgd

_PIECES = 8  # that the work of one kernel is cut into at least, as the engine does


def _parse(line: str) -> Any:
    """The network. Raises NotYetError where a layer is missing."""
    try:
        return kitnet.parse(line)
    except KitnetError as error:
        raise NotYetError(f"kitnet cannot build this network yet: {str(error).splitlines()[0]}") from None


def _pytorch_layout(net: Any, path: str, w: Array) -> Array:
    """A view of a weight, or of its gradient, with filters first and channels before sizes."""
    node = net.graph.nodes[net.graph.find(path.rpartition(".")[0])]
    (shape,) = net.graph.shapes_into(node)
    if w.ndim == 1:
        return w
    if node.layer.word == "fc" and len(shape) > 1:
        w = w.reshape(*shape, w.shape[-1])
    return np.moveaxis(w, (-1, -2), (0, 1))


def hand_over(net: Any) -> None:
    """Fill the network with the weights that every side gets."""
    seen: set[str] = set()
    for number, path in enumerate(net.weights):
        w, node = net.weights[path], path.rpartition(".")[0]
        if w.ndim == 1:
            w[...] = vector("bias" if node in seen else "scale", w.size, number)
        else:
            view = _pytorch_layout(net, path, w)
            for row, values in zip(view, filters(len(view), w.size // len(view), number), strict=True):
                row[...] = values.reshape(row.shape)
        seen.add(node)


class _Network:
    """What training and inference share."""

    def __init__(self, bench: Bench) -> None:
        assert bench.network is not None
        self.bench, self.network = bench, bench.network
        self.net = _parse(bench.network.line)
        self.loss = usual_loss(self.net.graph)
        count = 1 if bench.task == "infer" else BATCHES
        self.images = [images(bench.batch, bench.network.shape, i) for i in range(count)]
        self.plan: Any = None

    def facts(self) -> dict[str, Any]:
        products = ("conv", "fc")  # norms are not counted on either side
        costs = [row.multiply_adds for row in self.net.ledger().rows if row.kind in products]
        names = sorted({choice.name for choice in self.plan.choices})
        return {
            "multiply_adds": sum(costs),
            "first": costs[0],
            "versions": {"kitnet": kitnet.__version__},
            "algorithms": names,
            "formula_steps": self.plan.formula_steps,
            "direct": not any(word in name.lower() for name in names for word in ("winograd", "fft")),
        }


class Inference(_Network):
    def build(self) -> None:
        hand_over(self.net)
        self._scores = Scores(self.net, self.loss, self.bench.batch, threads=THREADS)
        self.plan = self._scores.plan

    def answers(self) -> Answers:
        return {"scores": self._scores(self.images[0])}

    def steps(self) -> Iterator[tuple[str, Step]]:
        x, run = self.images[0], self._scores
        yield "step", lambda: run(x)


class Training(_Network):
    """The engine's step always updates the weights, for the task `gradient` too: more than the rivals do."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.labels = [labels(bench.batch, self.network.classes, i) for i in range(BATCHES)]

    def build(self) -> None:
        hand_over(self.net)
        rule = Sgd(rate=RATE if self.bench.task == "train" else 1e-12, momentum=MOMENTUM)
        memory = {"velocity": self.net.weights.like().flat}
        self._run = TrainingStep(self.net, self.loss, self.bench.batch, rule, memory, threads=THREADS)
        self.plan = self._run.plan

    def answers(self) -> Answers:
        losses, gradients = [], []
        for i in range(CHECKED_STEPS if self.bench.task == "train" else 1):
            found, _ = self._run(self.images[i], self.labels[i], i)
            losses.append(float(found.mean()))
            if not i:
                found_now = self._run.gradient.items()
                gradients = [fingerprint(_pytorch_layout(self.net, path, dw)) for path, dw in found_now]
        return {"losses": losses, "gradients": gradients}

    def steps(self) -> Iterator[tuple[str, Step]]:
        turn = cycle(zip(self.images, self.labels, strict=True))
        run = self._run

        def step() -> None:
            x, classes = next(turn)
            run(x, classes, 0)

        yield "step", step


class Layers:
    """Single convolutions on values whose batch lies in the lanes, as the engine holds them between layers.

    The conversion from and to N,H,W,C is not timed.
    """

    def __init__(self, bench: Bench) -> None:
        self._crew, self._cpu = Crew(THREADS), detect()

    def build(self) -> None:
        """Each layer is made when its turn comes."""

    def answers(self) -> Answers:
        found = {}
        for layer in LAYERS:
            for what in PASSES:
                program, read = self._program(layer, what)
                self._crew.run(program)
                found[label(layer, what)] = fingerprint(read())
        return found

    def steps(self) -> Iterator[tuple[str, Step]]:
        for layer in LAYERS:
            for what in PASSES:
                program, _ = self._program(layer, what)
                yield label(layer, what), lambda program=program: self._crew.run(program)

    def facts(self) -> dict[str, Any]:
        return {"versions": {"kitnet": kitnet.__version__}, "direct": True}

    def _program(self, layer: ConvLayer, what: Pass) -> tuple[Program, Any]:
        """The compiled pass on the material's numbers, and what gives its result in PyTorch's layout."""
        cpu, batch = self._cpu, batch_of(layer.batch, self._cpu)
        size, stride, pad = layer.size, layer.stride, layer.pad
        window = Window((1, size, size), (1, stride, stride), before=(0, pad, pad))
        x = Volume((1, layer.side, layer.side), layer.depth, layer.depth)
        y = Volume((1, layer.output, layer.output), layer.filters, layer.filters)
        blocks = max(1, -(-_PIECES // batch.groups))
        weight = _floats(size * size * layer.depth * layer.filters).reshape(size, size, layer.depth, -1)
        for k, row in enumerate(filters(layer.filters, layer.depth * size * size, 0)):
            weight[..., k] = row.reshape(layer.depth, size, size).transpose(1, 2, 0)
        inputs = images(layer.batch, (layer.side, layer.side, layer.depth), 0)
        outputs = images(layer.batch, (layer.output, layer.output, layer.filters), 1)
        if what == "forward":
            made = convolution.forward("forward", cpu, batch, x, y, window, bias=False, blocks=blocks)
            result = _room(y, batch)
            (code,) = build([made])
            call = Call(code, x=_into_lanes(inputs, x, batch), weight=weight, bias=weight, y=result)
            return Program([[call]]), lambda: _out_of_lanes(result, y, batch, layer.batch)
        if what == "backward data":
            made = convolution.input_gradient("input_gradient", cpu, batch, y, x, window, blocks=blocks)
            result = _room(x, batch)
            (code,) = build([made])
            call = Call(code, dy=_into_lanes(outputs, y, batch), weight=weight, dx=result)
            return Program([[call]]), lambda: _out_of_lanes(result, x, batch, layer.batch)
        chunks = batch.groups if batch.groups >= _PIECES else 1
        parts = 1 if chunks > 1 else _PIECES
        made = convolution_gradient.filter_gradient(
            "filter_gradient", cpu, batch, x, y, window, bias=False, chunks=chunks, parts=parts
        )
        partial, total = _floats(chunks * weight.size), _floats(weight.size)
        code, summing = build([made, update.reduce("reduce", cpu, chunks, weight.size, _PIECES)])
        given = {"x": _into_lanes(inputs, x, batch), "dy": _into_lanes(outputs, y, batch)}
        rest = {"partial": partial, "bias_partial": total}  # not written
        known = {name: array for name, array in {**given, **rest}.items() if name in code.arguments}
        stages = [[Call(code, **known)]]
        if chunks > 1:
            stages.append([Call(summing, partial=partial, y=total)])
        dw = (total if chunks > 1 else partial).reshape(weight.shape)
        return Program(stages), lambda: dw.transpose(3, 2, 0, 1)


def _floats(size: int) -> Array:
    return aligned(4 * size).view(np.float32)[:size]  # of which there may be more


def _room(volume: Volume, batch: Batch) -> Array:
    """(groups, positions, channels, images)"""
    shape = batch.groups, volume.positions, volume.channels, batch.images
    return _floats(int(np.prod(shape))).reshape(shape)


def _into_lanes(values: Array, volume: Volume, batch: Batch) -> Array:
    """values (N, H, W, C), unused lanes 0."""
    whole = np.zeros((batch.groups * batch.images, volume.positions, volume.channels), np.float32)
    whole[: len(values)] = values.reshape(len(values), *whole.shape[1:])
    lanes = _room(volume, batch)
    lanes[...] = whole.reshape(batch.groups, batch.images, *whole.shape[1:]).transpose(0, 2, 3, 1)
    return lanes


def _out_of_lanes(lanes: Array, volume: Volume, batch: Batch, count: int) -> Array:
    """As (N, C, H, W)."""
    rows = lanes.transpose(0, 3, 2, 1).reshape(-1, volume.channels, *volume.sizes[1:])
    return rows[:count]


def side(bench: Bench) -> Side:
    if bench.task == "layers":
        return Layers(bench)
    return Inference(bench) if bench.task == "infer" else Training(bench)
