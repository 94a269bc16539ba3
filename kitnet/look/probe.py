"""A network made ready to be looked into.

probe = Probe(model)                        # or a network; makes its plans once
inside = probe(image, target=3)             # uint8 (h,w,c) as a file has it, or numbers as the input has
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kitnet.base.argument import real_array
from kitnet.base.error import KitnetError, ShapeError, nearest_or_all, shorten
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.arrays import Prepared
from kitnet.data.preparation import Preparation
from kitnet.layers import Context, Loss
from kitnet.look.inside import Inside, probabilities
from kitnet.net import Graph, Net, Tape, usual_loss
from kitnet.net.objective import Goal, goals_of, scores_of, with_goals
from kitnet.net.reference import State
from kitnet.train import Model, pick_engine

BATCH = 64  # pictures at once, where there are many


class Probe:
    """A network made ready to be looked into, image after image. Weights are taken as they are in each call.

    Of a `Model` come the preparation of pictures (without its views), the names of classes, and the loss; a
    plain network takes pictures of any size, resized to its input, 0 to 255 as 0 to 1. `engine` is "compiled"
    or "formula", `train` True lets layers behave as in training. Plans take direct sums alone, so that the
    products of a number come to it. Raises KitnetError for a network of several inputs.
    """

    def __init__(
        self,
        of: Model | Net,
        *,
        loss: Loss | None = None,
        engine: str | None = None,
        train: bool = False,
        threads: int = 1,
        layout: str | None = None,
    ) -> None:
        self.net = of.net if isinstance(of, Model) else of
        self.trained = of.preparation if isinstance(of, Model) else None  # how pictures are prepared
        if len(self.net.operands) != 1:
            raise KitnetError(
                f"this network reads {' and '.join(self.net.operands)}; only networks of one input can be "
                "looked into"
            )
        (self.input,) = self.net.operands
        usual = of.loss if isinstance(of, Model) else usual_loss(self.net.graph)
        self.loss = usual if loss is None else loss
        self.scored = self.net.graph.nodes[scores_of(self.net.graph, self.loss)].path
        scores = self.net.graph.nodes[self.net.graph.find(self.scored)].shape
        count = int(np.prod(scores))
        self.classes = of.classes if isinstance(of, Model) else tuple(map(str, range(count)))
        self.engine = pick_engine(engine)
        if self.net.weights.dtype != np.float32:
            self.engine = "formula"  # the compiled one computes in float32 alone
        self._context = Context(train=train)
        self._how: dict[str, Any] = {"threads": threads, "layout": layout}
        self._readouts: dict[tuple[Any, ...], Any] = {}

    def through(self, change: Callable[[Net], Net]) -> Probe:
        """The same for another network of the same values, such as one with another way back."""
        other = copy.copy(self)
        other.net, other._readouts = change(self.net), {}
        return other

    def prepared(self, image: Any) -> Array:
        """A picture, uint8 (h,w,c), brought to the input, or numbers (H,W,C) as they are. Raises
        KitnetError."""
        pixels = real_array("image", image)
        shape = self.net.input_shape
        if pixels.dtype == np.uint8 and pixels.ndim == 3:
            return self.preparation.prepare(pixels[None])[0]
        if pixels.shape != shape:
            raise ShapeError(
                f"image: expected a picture, uint8 (h,w,c), or numbers of {say(shape)} as the network reads "
                f"them, but got {pixels.dtype} {pixels.shape}"
            )
        return pixels.astype(self.net.weights.dtype)

    @property
    def preparation(self) -> Prepared:
        """The model's own, or that of a plain network. Raises DataError for an input that is no picture."""
        if self.trained is not None:
            return self.trained
        shape = self.net.input_shape
        depth = shape[-1]
        return Preparation(shape, shape[:2], (0.0,) * depth, (1.0,) * depth)  # type: ignore[arg-type]  # it checks

    def batch(self, x: Array, path: str | None = None) -> Array:
        """The scores (N,classes) of prepared pictures (N,H,W,C), or another value (N, *shape) of them."""
        path = self.scored if path is None else path
        if self.engine == "formula":
            found = Tape(self.net.graph, self.net.weights, self.net.state, self._context, {self.input: x})[
                path
            ]
        else:
            kind = ("batch", path)
            if kind not in self._readouts:
                from kitnet.engine import Scores  # which needs llvmlite

                threads = self._how["threads"]
                self._readouts[kind] = Scores(self.net, self.loss, BATCH, values=(path,), threads=threads)
            scores = self._readouts[kind]
            scores.refresh()
            scores(x)
            found = scores.values[path]
        return found.reshape(len(x), -1) if path == self.scored else found

    def certainty(self, scores: Array) -> Array:
        """Probabilities of scores (N,classes), or the scores where there are none."""
        found = probabilities(self.loss, scores)
        return scores if found is None else found

    def class_number(self, given: int | str) -> int:
        """The number of a class, given so or by its name. Raises KitnetError."""
        if isinstance(given, str) and given in self.classes:
            return self.classes.index(given)
        number = int(given) if isinstance(given, int | np.integer) or str(given).isdecimal() else -1
        if not 0 <= number < len(self.classes):
            raise KitnetError(
                f"no class {shorten(given)}{nearest_or_all(str(given), self.classes)}; give a name, or a "
                f"number from 0 to {len(self.classes) - 1}"
            )
        return number

    def __call__(
        self,
        image: Any,
        target: int | str | None = None,
        *,
        output: int | str | None = None,
        seeds: Mapping[str, Array] | None = None,
    ) -> Inside:
        """Values, and gradients of one of these: the loss of a `target` class, the score of the class
        `output`, or the sum over values times `seeds`, arrays by the paths of values. Raises KitnetError."""
        if sum(one is not None for one in (target, output, seeds)) > 1:
            raise KitnetError("give a target, an output or seeds; not two of them")
        graph, operands = self.net.graph, {self.input: self.prepared(image)[None]}
        dtype = self.net.weights.dtype
        begun: dict[str, Array] = {path: np.asarray(one, dtype)[None] for path, one in (seeds or {}).items()}
        if output is not None:
            shape = graph.nodes[graph.find(self.scored)].shape
            begun = {self.scored: np.eye(len(self.classes), dtype=dtype)[[self.class_number(output)]]}
            begun[self.scored] = begun[self.scored].reshape(1, *shape)
        if target is not None:
            (goal,) = goals_of(graph, self.loss)
            graph = with_goals(graph, [goal])
            operands[goal.target] = self._target(goal, target)
            begun = {goal.path: np.ones(1, dtype)}
        values, gradients, state = self._run(graph, operands, begun)
        return Inside(
            graph,
            self.net.weights.astype(dtype),
            state,
            self._context,
            {path: value[0] for path, value in values.items()},
            gradients,
            {path: seed[0] for path, seed in begun.items()},
            self.classes,
            self.loss,
            self.scored,
        )

    def _target(self, goal: Goal, given: int | str) -> Array:
        number = np.array([self.class_number(given)])
        if goal.form != "classes":
            raise KitnetError(f"{goal.loss.word} takes no class as target; ask for an output instead")
        return goal.spread(goal.checked(number, 1), self.net.weights.dtype)

    def _run(
        self, graph: Graph, operands: Mapping[str, Array], seeds: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array], State]:
        """Values with their batch axis; gradients, of values without it."""
        paths = [node.path for node in graph.nodes]
        begin = {path: {name: a.copy() for name, a in held.items()} for path, held in self.net.state.items()}
        ends = [graph.find(path) for path in seeds]
        reached = [graph.nodes[i] for i in graph.leading_to(*ends)] if ends else []
        asked = [node.path for node in reached if node.layer is not None or node.path == self.input]
        owners = {node.owner for node in reached}
        if self.engine == "formula":
            tape = Tape(graph, self.net.weights, self.net.state, self._context, operands)
            back = tape.backward(seeds) if seeds else {}
            values = dict(zip(paths, tape.values, strict=True))
            own = {path: back[path] for path in self.net.weights if path in back}
            return values, {**{path: back[path][0] for path in asked if path in back}, **own}, begin
        kind = (tuple(paths), tuple(seeds))
        if kind not in self._readouts:
            self._readouts[kind] = self._readout(graph, paths, list(seeds), asked)
        ran = self._readouts[kind](self.net.state, self._context, operands, seeds)
        values = {path: operands.get(path, ran.values.get(path)) for path in paths}
        own = {path: ran.parameters[path] for path in ran.parameters if path.rpartition(".")[0] in owners}
        gradients = {path: ran.gradients[path][0] for path in asked}
        return values, {**gradients, **(own if seeds else {})}, begin

    def _readout(self, graph: Graph, paths: Sequence[str], seeds: Sequence[str], asked: Sequence[str]) -> Any:
        from kitnet.engine.choice import wishes_of
        from kitnet.engine.compile import INEXACT
        from kitnet.engine.once import Readout  # which needs llvmlite

        outputs = [path for path in paths if path not in graph.operands]
        return Readout(
            graph, self.net.weights, self.net.state, 1, outputs, seeds, asked,
            train=self._context.train, wishes=wishes_of((), (), INEXACT), **self._how,
        )  # fmt: skip
