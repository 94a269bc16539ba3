"""A network: its description, and the weights and state that go with it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base import html
from kitnet.base.argument import count
from kitnet.base.error import KitnetError, ShapeError, nearest, shorten
from kitnet.base.importing import HANDED_DOWN, IMPORTING
from kitnet.base.precision import Precision, precision_of
from kitnet.base.shape import MISFITS, Shape, say
from kitnet.base.spec import OF_WEIGHTS, Array
from kitnet.layers import Context
from kitnet.net.block import Chain, Part, Term, chain_of
from kitnet.net.graph import Graph, checked_volume
from kitnet.net.language import in_rows, read, read_volume, write
from kitnet.net.objective import Losses, checked_targets, goals_of, with_goals
from kitnet.net.reference import State, Tape, by_operand
from kitnet.net.weights import Weights

if TYPE_CHECKING:
    from kitnet.net.ledger import Ledger

ROW = 80  # columns of a terminal


class Net:
    """A graph with its weights and state: `Net(graph)`, or one layer after the other behind an input,
    `Net((32, 32, 3), [Convolution(3, 16), Relu(), Linear(10)])`. Two networks are equal when their graphs
    are.

    A network that was read from a line, or made of layers, has a `line` and is written as it. Weights are
    drawn from seed 0 when first needed, or by `initialise`.
    """

    def __init__(
        self, graph: Graph | Shape | str, body: Term | Part | Sequence[Term | Part] | None = None
    ) -> None:
        if not isinstance(graph, Graph):
            if body is None:
                raise KitnetError(
                    f"Net takes a Graph, or a volume and layers as in Net((28, 28, 1), [Relu()]), not "
                    f"{shorten(graph)}; kitnet.parse reads lines"
                )
            body = chain_of("Net: body", body)
            graph = body.graph(_volume(graph))
        self.graph, self.body = graph.copy(), body if isinstance(body, Chain) else None
        if not self.graph.nodes or self.graph.nodes[-1].layer is None:
            raise ShapeError(
                "a network needs an operand and a layer; use graph.operand(...) and graph.add(...)"
            )
        self._weights: Weights | None = None
        self._state: State = {}
        self.plans: dict[Any, Any] = {}  # what the engine made for this network, so that it is made once
        self.planning = threading.RLock()

    @classmethod
    def of(cls, input_shape: Shape, *parts: Term | Part) -> Net:
        """One part after the other: `Net.of((28, 28, 1), Convolution(5, 6), Relu(), Linear(10))`."""
        return cls(input_shape, parts[0] if len(parts) == 1 and isinstance(parts[0], Chain) else parts)

    @property
    def line(self) -> str | None:
        """The line that describes the network, if it has one."""
        return None if self.body is None else f"{say(self.input_shape)} -> {write(self.body)}"

    def __str__(self) -> str:
        if self.line is not None:
            return self.line
        ends = (
            " and ".join(f"{name} {say(shape)}" for name, shape in shapes.items())
            for shapes in (self.operands, self.outputs)
        )
        return f"a graph of {len(self.graph.nodes)} values from {' to '.join(ends)}"

    def text(self, columns: int = 100) -> str:
        """As it prints, in rows of so many columns; `parse` reads it."""
        return in_rows(str(self), columns)

    def __repr__(self) -> str:
        """The line, and the ledger as a table."""
        return f"{self.text(ROW)}\n\n{self.ledger()}"

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return f"<p><code>{html.text(self)}</code></p>{self.ledger()._repr_html_()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Net) and self.graph == other.graph

    def __hash__(self) -> int:
        return hash(self.graph)

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes plans of its own."""
        return {name: value for name, value in self.__dict__.items() if name not in ("plans", "planning")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, plans={}, planning=threading.RLock())

    @property
    def operands(self) -> dict[str, Shape]:
        """The shape of each operand by its path, without the batch axis."""
        return self.graph.operands

    @property
    def outputs(self) -> dict[str, Shape]:
        """The shape of each output by its name, the main one first."""
        return {name: self.graph.nodes[i].shape for name, i in self.graph.outputs.items()}

    @property
    def input_shape(self) -> Shape:
        """The shape of the first operand."""
        return next(iter(self.operands.values()))

    @property
    def output_shape(self) -> Shape:
        """The shape of the main output."""
        return self.graph.nodes[self.graph.main].shape

    @property
    def is_drawn(self) -> bool:
        """Whether the weights are there already."""
        return self._weights is not None

    @property
    def weights(self) -> Weights:
        """All learned arrays, by path. They stay in place."""
        with self.planning:  # two threads that need them first shall not draw them twice
            if self._weights is None:
                self.initialise()
        assert self._weights is not None
        return self._weights

    @property
    def state(self) -> State:
        """The arrays that layers carry from step to step, by path and name. They stay in place."""
        with self.planning:
            if self._weights is None:
                self.initialise()
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self.keep(state)

    def initialise(self, seed: int = 0, dtype: Any = np.float32, init: str | None = None) -> Net:
        """Draw the weights and reset the state; what a path gets depends on the seed and the path alone.
        `init`, such as "orthogonal", is that of all layers whose weights begin in the usual way ("he").

        The arrays stay the same ones, unless `dtype` is another than before, so that compiled plans see the
        new numbers: a training step at once, scores after their `refresh`.
        """
        check_init(init)
        with self.planning:
            fresh = self._weights is None or self._weights.dtype != dtype
            self._weights = Weights(self.graph.params(), dtype) if fresh else self._weights
            assert self._weights is not None
            self._weights.draw(count("seed", seed), init)
            begin = self._beginning(dtype)
            if fresh:
                self._state = begin
            else:
                self.keep(begin)
        return self

    def adopt(self, weights: Mapping[str, Array], state: State, dtype: Any = np.float32) -> Net:
        """Copies of these arrays in the place of drawn ones: of every weight by its path, and of what state
        there is; the rest of the state is as it begins. Raises KeyError for a weight that is missing.
        """
        with self.planning:
            own = Weights(self.graph.params(), dtype)
            for path, view in own.items():
                view[...] = weights[path]
            self._weights, self._state = own, self._beginning(dtype)
            self.keep(state)
        return self

    def share(self, other: Net) -> Net:
        """The very arrays of another network, of equal parameters and state, in the place of own ones. Raises
        KitnetError where they are not equal."""
        if other.graph.params() != self.graph.params():
            raise KitnetError("only networks with equal parameters share their arrays")
        with self.planning:
            self._weights, self._state = other.weights, other.state
        return self

    def _beginning(self, dtype: Any) -> State:
        state: State = {}
        for node in self.graph.nodes:
            buffers = {} if node.layer is None else node.layer.state(*self.graph.shapes_into(node))
            if buffers:
                state[node.path] = {
                    name: np.broadcast_to(np.asarray(b.value), b.shape).astype(b.dtype or dtype)
                    for name, b in buffers.items()
                }
        return state

    def keep(self, state: State) -> None:
        """Take over a state, such as a tape's, into the arrays of this one, where compiled plans find it."""
        for path, arrays in state.items():
            for name, array in arrays.items():
                self._state[path][name][...] = array

    def tape(
        self,
        x: Array | Mapping[str, Array],
        target: Any = None,
        *,
        loss: Losses | None = None,
        form: str | None = None,
        train: bool = False,
        seed: int = 0,
        step: int = 0,
        first: int = 0,
        precision: str | Precision | None = None,
    ) -> Tape:
        """Run by the formulas and keep every value: `tape['conv1']`, `tape.backward(dy)`,
        `tape.gradient['conv1.weight']`.

        x is (N, *input_shape), channels last, or a mapping by the paths of several operands. With a `target`,
        such as the classes (N,), the `loss`, by default the usual one, stands behind the network:
        `tape['loss']` has one number a sample, and `tape.backward()` gives the gradients of their mean, as
        training takes them; `form` "values" says that the target has numbers, not classes. `first` is the
        number of the first sample of x in the whole batch of the step. The network's own state does not
        change; `tape.state` is the new one. `precision` is fp32, bf16, bf16x3 or bf16x6.
        """
        how = precision_of(precision)
        ctx = Context(train=train, seed=seed, step=step, first_sample=first)
        operands = by_operand(tuple(self.operands), x)
        if target is None:
            if loss is not None:
                raise KitnetError("tape: a loss needs its target; give the classes (N,) behind x")
            return Tape(self.graph, self.weights, self.state, ctx, operands, precision=how)
        goals, n = goals_of(self.graph, loss, form), len(next(iter(operands.values())))
        targets = checked_targets(goals, target, n)
        for goal in goals:
            operands[goal.target] = goal.spread(targets[goal.target], self.weights.dtype)
        dy = {goal.path: np.full(n, goal.weight / max(n, 1), self.weights.dtype) for goal in goals}
        return Tape(with_goals(self.graph, goals), self.weights, self.state, ctx, operands, dy, how)

    def __call__(self, x: Array | Mapping[str, Array]) -> Array | dict[str, Array]:
        """The output for x (N, *input_shape) in evaluation mode; by name where there are several."""
        outputs = self.tape(x).outputs
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def compile(self, batch: int = 1, mode: str = "infer", **options: Any) -> Any:
        """The network in machine code for up to `batch` images: see `kitnet.engine.compile`.

        `net.compile(64)(x)` is `net(x)`; `net.compile(64, "train")(x, classes, step)` is a training step
        and `net.compile(64, "gradient")` one without the update.
        """
        return HANDED_DOWN["compile"](self, batch, mode, **options)

    def ledger(self, batch: int = 1, dtype: str = "float32", optimizer: str = "sgd") -> Ledger:
        """Sizes, parameters, connections, operations, receptive field and bytes of each layer, for numbers of
        this dtype and the update rule with this word. Raises KitnetError for unknown ones.
        """
        with IMPORTING:
            from kitnet.net.ledger import Ledger
            from kitnet.optim import rule_by_name

        return Ledger.of(self.graph, batch, dtype, len(rule_by_name(optimizer).memory))


def parse(
    line: str,
    *,
    input: Shape | str | None = None,
    optional: bool = True,
    on_misfit: str | None = None,
    **given: int | str,
) -> Net:
    """The network that a line describes: `parse('28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc10')`.

    `input`, (32, 32, 3) or "32x32x3", replaces the line's own input volume, or the word INPUT; `optional`
    False leaves out the parts marked `?`; `on_misfit` is that of all layers that do not say their own;
    `given` is what the line leaves open (`template.py`): N=2 for `[...]*N`, CONV="conv5-16 same" for a word
    in capitals, `classes` for the units of the last FC. Raises LanguageError where the line cannot be read,
    ShapeError where sizes do not fit or `input` is no volume, and KitnetError for an unknown `on_misfit` and
    for what the line does not leave open. `parse(str(net)) == net` for every
    network.
    """
    check_misfit(on_misfit)
    volume = None if input is None else _volume(input)
    shape, body = read(line, input=volume, optional=optional, given=given, on_misfit=on_misfit)
    return Net.of(shape, body)


def _volume(given: Shape | str) -> Shape:
    try:
        return checked_volume(read_volume(given) if isinstance(given, str) else given)
    except ValueError:
        raise ShapeError(f"input {shorten(given)} is no volume", "write it like 32x32x3") from None


def check_misfit(word: str | None) -> None:
    """Raises KitnetError for what is no `on_misfit`; None is one that is not given."""
    if word is not None and word not in MISFITS:
        raise KitnetError(
            f"unknown on_misfit {shorten(word)}{nearest(str(word), MISFITS)}; known: {', '.join(MISFITS)}"
        )


def check_init(word: str | None) -> None:
    """Raises KitnetError for what is no `init` of weights; None is one that is not given."""
    if word is not None and word not in OF_WEIGHTS:
        raise KitnetError(
            f"unknown init {shorten(word)}{nearest(str(word), OF_WEIGHTS)}; known: {', '.join(OF_WEIGHTS)}"
        )
