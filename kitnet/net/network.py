"""A network: its description, and the weights and state that go with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net.block import Chain
from kitnet.net.graph import Graph, Scope
from kitnet.net.language import checked_volume, read, write
from kitnet.net.ledger import Ledger
from kitnet.net.reference import State, Tape
from kitnet.net.weights import Weights


class Net:
    """A chain of parts on an input volume. Two networks are equal when their lines are.

    The line, `str(net)`, describes everything but the values of the weights, which are drawn from seed 0 when
    first needed, or by `initialise`.
    """

    # The engine stands on a higher floor and comes in through the package's door.
    compiler: ClassVar[Callable[..., Any]]

    def __init__(self, input_shape: Shape, body: Chain) -> None:
        self.input_shape, self.body = checked_volume(input_shape), body
        self.graph = Graph()
        body.run(Scope(self.graph), self.graph.operand("input", self.input_shape))
        self._weights: Weights | None = None
        self.state: State = {}
        self.plans: dict[Any, Any] = {}  # what the engine made for this network, so that it is made once

    def __str__(self) -> str:
        return f"{say(self.input_shape)} -> {write(self.body)}"

    def __repr__(self) -> str:
        return f"<Net {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Net) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes plans of its own."""
        return {**self.__dict__, "plans": {}}

    @property
    def output_shape(self) -> Shape:
        return self.graph.nodes[self.graph.output].shape

    @property
    def weights(self) -> Weights:
        """All learned arrays, by path."""
        if self._weights is None:
            self.initialise()
        assert self._weights is not None
        return self._weights

    def initialise(self, seed: int = 0, dtype: Any = np.float32) -> Net:
        """Draw the weights and reset the state; what a path gets depends on the seed and the path alone."""
        self._weights = Weights(self.graph.params(), dtype).draw(seed)
        self.state = {}
        for node in self.graph.nodes:
            if node.layer is not None:
                buffers = node.layer.state(*self.graph.shapes_into(node)).items()
                if buffers:
                    self.state[node.path] = {
                        name: np.broadcast_to(np.asarray(b.value), b.shape).astype(b.dtype or dtype)
                        for name, b in buffers
                    }
        return self

    def keep(self, state: State) -> None:
        """Take over a state, such as a tape's, into the arrays of this one, where compiled plans find it."""
        for path, arrays in state.items():
            for name, array in arrays.items():
                self.state[path][name][...] = array

    def tape(self, x: Array, *, train: bool = False, seed: int = 0, step: int = 0) -> Tape:
        """Run by the formulas and keep every value: `tape['conv1']`, `tape.backward(dy)`,
        `tape.gradient['conv1.weight']`.

        x is (N, *input_shape), channels last. The network's own state does not change; `tape.state` is the
        new one.
        """
        ctx = Context(train=train, seed=seed, step=step)
        return Tape(self.graph, self.weights, self.state, ctx, {"input": x})

    def __call__(self, x: Array) -> Array:
        """The output for x (N, *input_shape), in evaluation mode."""
        return self.tape(x).output

    def compile(self, batch: int = 1, mode: str = "infer", **options: Any) -> Any:
        """The network in machine code for up to `batch` images: see `kitnet.engine.compile`.

        `net.compile(64)(x)` is `net(x)`; `net.compile(64, "train")(x, classes, step)` is a training step
        and `net.compile(64, "gradient")` one without the update.
        """
        return Net.compiler(self, batch, mode, **options)

    def ledger(self, batch: int = 1) -> Ledger:
        """Sizes, parameters, connections, operations and bytes of each layer."""
        return Ledger.of(self.graph, batch)


def parse(line: str, *, input: Shape | None = None, optional: bool = True, **counts: int) -> Net:
    """The network that a line describes: `parse('28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc10')`.

    `input` replaces the line's own input volume, or the word INPUT; `optional` False leaves out the parts
    marked `?`; `counts` give a number to each letter in `[...]*N`. Raises LanguageError where the line cannot
    be read and ShapeError where sizes do not fit or `input` is no volume. `parse(str(net)) == net` for every
    network.
    """
    volume = None if input is None else checked_volume(input)
    return Net(*read(line, input=volume, optional=optional, counts=counts))
