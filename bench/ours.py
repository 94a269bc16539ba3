"""kitnet's side: the engine for networks, the kernels for single layers."""

from __future__ import annotations

import re
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
from side import CHECKED_STEPS, THREADS, Answers, NotYetError, Side, Step
from table import Bench

import kitnet
from kitnet.base.error import KitnetError
from kitnet.base.memory import aligned
from kitnet.engine.builder import Builder
from kitnet.engine.choice import choose
from kitnet.engine.request import Request
from kitnet.engine.run import Scores, TrainingStep
from kitnet.engine.step import KernelStep, Place
from kitnet.engine.values import Setting
from kitnet.kernels.cpu import detect
from kitnet.kernels.crew import Crew
from kitnet.kernels.jit import build
from kitnet.kernels.program import Call, Program
from kitnet.net.objective import usual_loss
from kitnet.optim import Sgd


def _parse(line: str) -> Any:
    """The network of a line, or of a name of the zoo without its auxiliary heads. Raises NotYetError where a
    layer or the network is missing."""
    try:
        if "->" not in line:
            from kitnet.zoo import find  # here, since its import would count in the first steps of others

            line = re.sub(r" -> (\w+:)?side\[.*?=> \w+\]", "", str(find(line).build()))
            line = line.replace("meanpool3/1 same", "meanpool3/1 same count_pad=yes")  # as in torchvision
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
        names = sorted({choice.one.id for choice in self.plan.choices})
        return {
            "multiply_adds": sum(costs),
            "first": costs[0],
            "versions": {"kitnet": kitnet.__version__},
            "algorithms": names,
            "formula_steps": self.plan.formula_steps,
            "direct": not any(word in name.lower() for name in names for word in ("winograd", "fourier")),
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
    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.labels = [labels(bench.batch, self.network.classes, i) for i in range(BATCHES)]

    def build(self) -> None:
        hand_over(self.net)
        rule = Sgd(rate=RATE, momentum=MOMENTUM) if self.bench.task == "train" else None
        self._run = TrainingStep(self.net, self.loss, self.bench.batch, rule, threads=THREADS)
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
    """Single convolutions as the engine computes them in training, on values with the batch in the lanes, as
    they are between the layers of a network.

    What is made of the filters in every step is timed; the conversion of values from and to N,H,W,C is not.
    The steps are those of a builder without any conversions, whose work is cut up as in a plan of few groups.
    """

    def __init__(self, bench: Bench) -> None:
        self._crew, self._cpu, self._layers = Crew(THREADS), detect(), LAYERS[bench.name]
        self._algorithms: set[str] = set()

    def build(self) -> None:
        """Each layer is made when its turn comes."""

    def answers(self) -> Answers:
        found = {}
        for layer in self._layers:
            for what in PASSES:
                program, read = self._program(layer, what)
                self._crew.run(program)
                found[label(layer, what)] = fingerprint(read())
        return found

    def steps(self) -> Iterator[tuple[str, Step]]:
        for layer in self._layers:
            for what in PASSES:
                program, _ = self._program(layer, what)
                yield label(layer, what), lambda program=program: self._crew.run(program)

    def facts(self) -> dict[str, Any]:
        return {
            "versions": {"kitnet": kitnet.__version__},
            "algorithms": sorted(self._algorithms),
            "direct": not any(word in name for name in self._algorithms for word in ("winograd", "fourier")),
        }

    def _program(self, layer: ConvLayer, what: Pass) -> tuple[Program, Any]:
        """The compiled pass on the material's numbers, and what gives its result in PyTorch's layout."""
        net = _parse(
            f"{layer.side}x{layer.side}x{layer.depth} -> "
            f"conv{layer.size}-{layer.filters}/{layer.stride} pad={layer.pad} groups={layer.groups} "
            "floor bias=no"
        )
        b, kernels = self._written(net, layer.batch, what)
        x, y, dx, dy = b.place(0), b.place(1), b.dx(0)[0], b.dx(1)[0]
        path = f"{net.graph.nodes[1].path}.weight"
        weight, gradient = net.weights[path], net.weights.like()[path]
        for k, row in enumerate(filters(layer.filters, layer.weights, 0)):
            weight[..., k] = row.reshape(-1, layer.size, layer.size).transpose(1, 2, 0)
        inputs = images(layer.batch, (layer.side, layer.side, layer.depth), 0)
        outputs = images(layer.batch, (layer.output, layer.output, layer.filters), 1)
        rooms = {name: _floats(size // 4) for name, size in b.buffers.items()}
        rooms |= {f"@weight {path}": weight, f"@dw {path}": gradient, **b.constants}
        rooms[x.ref.buffer] = _into_lanes(inputs, x)
        rooms[dy.ref.buffer] = _into_lanes(outputs, dy)
        stages = [
            [Call(code, **{n: rooms[r.buffer].ctypes.data + r.offset for n, r in step.arguments.items()})]
            for step, code in zip(kernels, build([step.kernel for step in kernels]), strict=True)
        ]

        def read() -> Array:
            if what == "backward weights":
                return gradient.transpose(3, 2, 0, 1)
            place = y if what == "forward" else dx
            return _out_of_lanes(rooms[place.ref.buffer], place, layer.batch)

        self._rooms = rooms  # which the program's addresses mean
        return Program(stages), read

    def _written(self, net: Any, samples: int, what: Pass) -> tuple[Builder, list[KernelStep]]:
        """The steps of a pass, with what they make of the filters, and the builder that wrote them. The
        gradient of the layer's value is given, all others are wanted.
        """
        operand, value = (node.path for node in net.graph.nodes)
        request = Request(train=True, seeds=(value,), gradients=(operand,), weights=True)
        given = net.graph, net.weights
        choices = choose(*given, samples, self._cpu, request, layout="images")
        one = choices.taken[1]
        self._algorithms.add(one.id)
        b = Builder(Setting(*given, self._cpu, request, (one.lanes, one.lanes), choices.batches))
        b.at = 1
        kept = one.forward(b, 1)
        if what != "forward":
            b.prologue, b.steps = [], []
            b.dx(1)
            one.backward(b, 1, kept)
        steps = [step for step in (*b.prologue, *b.steps, *b.epilogue) if isinstance(step, KernelStep)]
        if what != "forward":
            of_weights = what == "backward weights"
            steps = [step for step in steps if ("filter gradient" in step.label) == of_weights]
        return b, steps


def _floats(size: int) -> Array:
    return aligned(4 * size).view(np.float32)[:size]  # of which there may be more


def _shape(place: Place) -> tuple[int, ...]:
    """(groups, positions, channels, images)"""
    batch, volume = place.batch, place.volume
    return batch.groups, volume.positions, volume.channels, batch.images


def _into_lanes(values: Array, place: Place) -> Array:
    """values (N, H, W, C), unused lanes 0."""
    groups, positions, channels, together = _shape(place)
    whole = np.zeros((groups * together, positions, channels), np.float32)
    whole[: len(values)] = values.reshape(len(values), positions, channels)
    lanes = _floats(whole.size).reshape(_shape(place))
    lanes[...] = whole.reshape(groups, together, positions, channels).transpose(0, 2, 3, 1)
    return lanes


def _out_of_lanes(lanes: Array, place: Place, count: int) -> Array:
    """As (N, C, H, W)."""
    rows = lanes.reshape(_shape(place)).transpose(0, 3, 2, 1)
    return rows.reshape(-1, place.volume.channels, *place.volume.sizes[1:])[:count]


def side(bench: Bench) -> Side:
    Crew(THREADS).close()  # the library with its compiler in memory, as the rivals have theirs
    if bench.task == "layers":
        return Layers(bench)
    return Inference(bench) if bench.task == "infer" else Training(bench)
