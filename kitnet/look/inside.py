"""Every value and every gradient of a network for one image, by path, as the compiled plan computes them.

probe = Probe(model)                        # or a network; makes its plans once
inside = probe(image, target=3)             # uint8 (h,w,c) as a file has it, or numbers as the input has
inside.values["conv1"]                      # (H,W,C), a number of one image has no batch axis
inside.gradients["conv1.weight"]            # of the loss that the target asks for
inside.trace("conv1", (3, 4, 2))            # the products that made this number: `trace.py`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kitnet.base.argument import real_array
from kitnet.base.error import KitnetError, ShapeError, nearest_or_all, shorten
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.preparation import Preparation
from kitnet.layers import Context, Loss
from kitnet.look.trace import Index, Trace, trace
from kitnet.net import Graph, Net, Tape, Weights, usual_loss
from kitnet.net.objective import Goal, goals_of, scores_of, with_goals
from kitnet.net.reference import State
from kitnet.train import Model, pick_engine

BEST = 5  # classes that are told


@dataclass(frozen=True)
class Inside:
    """What a network made of one image. `gradients` has those of all values and parameters that what was
    asked for depends on; nothing where nothing was. `seeds` are the gradients that the way back began with.
    Arrays of values have no batch axis."""

    graph: Graph
    weights: Weights = field(repr=False)
    state: State = field(repr=False)
    context: Context
    values: Mapping[str, Array] = field(repr=False)
    gradients: Mapping[str, Array] = field(repr=False)
    seeds: Mapping[str, Array] = field(repr=False)
    classes: tuple[str, ...]
    loss: Loss
    scored: str  # the path of the scores as the loss reads them

    @property
    def scores(self) -> Array:
        """(classes,), as the loss reads them: before a last softmax."""
        return self.values[self.scored].reshape(-1)

    @property
    def probabilities(self) -> Array | None:
        """(classes,); None where the loss knows none."""
        try:
            return self.loss.probabilities(self.scores[None])[0]
        except KitnetError:
            return None

    def best(self, most: int = BEST) -> list[tuple[str, float]]:
        """The classes with the largest scores, best first, with their probabilities, or scores where there
        are none."""
        found = self.probabilities
        found = self.scores if found is None else found
        order = np.argsort(-self.scores, kind="stable")[:most]
        return [(self.classes[k], float(found[k])) for k in order]

    def value(self, path: str) -> Array:
        """Raises KitnetError where the network has no such value."""
        if path not in self.values:
            raise KitnetError(f"the network has no value {shorten(path)}{nearest_or_all(path, self.values)}")
        return self.values[path]

    def gradient(self, path: str) -> Array:
        """Of a value or a parameter. Raises KitnetError where there is none."""
        if not self.gradients:
            raise KitnetError("there is no way back without a target or an output; ask for one")
        if path not in self.graph and path not in self.weights:
            known = [*self.values, *self.weights]
            hint = nearest_or_all(path, known)
            raise KitnetError(f"the network has no value or parameter {shorten(path)}{hint}")
        if path not in self.gradients:
            raise KitnetError(f"{path}: what was asked for does not depend on it; it has no gradient")
        return self.gradients[path]

    def trace(self, path: str, index: Index, backward: bool = False) -> Trace:
        """What makes one number of a value, or of a gradient. Raises KitnetError."""
        return trace(self, path, index, backward)


class Probe:
    """A network made ready to be looked into, image after image. Weights are taken as they are in each call.

    Of a `Model` come the preparation of pictures, the names of classes, and the loss; a plain network takes
    pictures of any size, resized to its input, 0 to 255 as 0 to 1. `engine` is "compiled" or "formula",
    `train` True lets layers behave as in training. Plans take direct sums alone, so that the products of a
    number come to it. Raises KitnetError for a network of several inputs.
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
        self._preparation = of.preparation if isinstance(of, Model) else None
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
        self._engine = pick_engine(engine)
        if self.net.weights.dtype != np.float32:
            self._engine = "formula"  # the engine computes in float32 alone
        self._context = Context(train=train)
        self._how: dict[str, Any] = {"threads": threads, "layout": layout}
        self._readouts: dict[tuple[Any, ...], Any] = {}

    def prepared(self, image: Any) -> Array:
        """A picture, uint8 (h,w,c), brought to the input, or numbers (H,W,C) as they are. Raises
        KitnetError."""
        pixels = real_array("image", image)
        shape = self.net.input_shape
        if pixels.dtype == np.uint8 and pixels.ndim == 3:
            return self._preparing().prepare(pixels[None])[0]
        if pixels.shape != shape:
            raise ShapeError(
                f"image: expected a picture, uint8 (h,w,c), or numbers of {say(shape)} as the network reads "
                f"them, but got {pixels.dtype} {pixels.shape}"
            )
        return pixels.astype(self.net.weights.dtype)

    def _preparing(self) -> Any:
        if self._preparation is not None:
            return self._preparation
        shape = self.net.input_shape
        depth = shape[-1]
        return Preparation(shape, shape[:2], (0.0,) * depth, (1.0,) * depth)  # type: ignore[arg-type]  # it checks

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
            self.net.weights,
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
        if self._engine == "formula":
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
