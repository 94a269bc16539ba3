"""What a network costs before anything runs: sizes, parameters, connections, operations, receptive fields and
bytes, layer by layer.

Memory has three sources: the values of the layers, with their gradients; the parameters, with their gradients
and what the optimiser remembers of them; and what else is under way (`kitnet.engine.usage` measures it).
Training keeps what the way back reads of each layer; for scores a value may be dropped when its last reader
has run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

import numpy as np

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Buffer
from kitnet.base.table import Table
from kitnet.layers import Layer
from kitnet.net.graph import Graph, Node
from kitnet.net.receptive import Fields, fields, in_place

DTYPES = {"float32": 4, "float64": 8}  # bytes of one number
BYTES = DTYPES["float32"]
BIASES = ("bias", "shift")  # names of parameters that are added to sums; all others are weights
INPUT, BLOCK = "input", "block"  # kinds of rows that are no layers
MOST_ROWS = 60  # that are shown of a network where nothing else is said


@dataclass(frozen=True)
class Row:
    """One layer, or several that are shown as one block.

    Parameters are of the network, and 0 for a layer that uses those of another (`owner`). Values,
    connections and operations are of one sample, bytes of the whole batch:

    multiply_adds     products with learned weights in sums, as papers count
    multiplications   of every kind, those of norms and pools among them
    values            numbers of the output; 0 where they take the place of the input's
    activation_bytes  the output, wherever it lies
    training_bytes    what of it, and beside it, the way back reads
    inference_bytes   all values that are needed at once while the layer runs, in evaluation
    gradient_bytes    the gradients of its values and of its parameters
    optimiser_bytes   what the optimiser remembers of its parameters
    state_bytes       arrays that are carried from step to step but not learned

    receptive_field, jump and offset have one number for each axis of the network's input.
    """

    path: str
    kind: str
    output: Shape
    parameters: int = 0
    connections: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0
    values: int = 0
    weights: int = 0
    biases: int = 0
    training_bytes: int = 0
    inference_bytes: int = 0
    parameter_bytes: int = 0
    gradient_bytes: int = 0
    optimiser_bytes: int = 0
    state_bytes: int = 0
    multiplications: int = 0
    receptive_field: Shape = ()
    jump: tuple[float, ...] = ()  # a fraction behind layers that enlarge
    offset: tuple[float, ...] = ()
    owner: str = ""

    def holding(self, numbers: Mapping[str, int]) -> Row:
        """The same row with other numbers."""
        return replace(self, **numbers)  # type: ignore[arg-type]  # names of whole numbers

    def to_json(self) -> dict[str, object]:
        return {**vars(self), "output": say(self.output)}


SUMS = tuple(
    name for name, kind in Row.__annotations__.items() if kind == "int" and name != "inference_bytes"
)


@dataclass(frozen=True, repr=False)
class Ledger:
    """The rows of a graph for `batch` samples, and their sums. `operands` are rows of what is given."""

    input: Shape
    batch: int
    rows: tuple[Row, ...]
    operands: tuple[Row, ...]
    dtype: str
    optimiser_arrays: int

    @classmethod
    def of(cls, graph: Graph, batch: int = 1, dtype: str = "float32", optimiser_arrays: int = 1) -> Ledger:
        """`optimiser_arrays`: how many numbers the optimiser remembers of each parameter. Raises KitnetError
        for an unknown dtype.
        """
        if dtype not in DTYPES:
            raise KitnetError(
                f"unknown dtype {shorten(dtype)}{nearest(str(dtype), DTYPES)}; known: {', '.join(DTYPES)}"
            )
        memory, seen = _Memory(graph, batch, DTYPES[dtype]), fields(graph)
        found = [_row(graph, i, memory, seen[i], optimiser_arrays) for i in range(len(graph.nodes))]
        given = [node.layer is None for node in graph.nodes]
        operands = tuple(row for row, operand in zip(found, given, strict=True) if operand)
        rows = tuple(row for row, operand in zip(found, given, strict=True) if not operand)
        return cls(graph.nodes[0].shape, batch, rows, operands, dtype, optimiser_arrays)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        """The same in a notebook."""
        return self.table().html()

    def table(self) -> Table:
        """What is asked for most; the rows have all."""
        rows = [*self.operands, *self.blocks(self.usual_depth), Row("total", "", ()).holding(self.totals)]
        numbers = ("values", "parameters", "multiply_adds")
        cells = [
            [row.path, say(row.output) if row.kind else "", *(f"{getattr(row, name):,}" for name in numbers)]
            for row in rows
        ]
        header = ("layer", "output", *(name.replace("_", "-") for name in numbers))
        return Table(header, [["" if cell == "0" else cell for cell in line] for line in cells], len(cells))

    @property
    def totals(self) -> dict[str, int]:
        """The sums of all layers; of values and of what training keeps, operands too. Of inference_bytes the
        most that is needed at once."""
        total = _sums((*self.operands, *self.rows))
        peak = max((row.inference_bytes for row in self.rows), default=0)
        return {**total, "inference_bytes": peak}

    @property
    def by_kind(self) -> dict[str, dict[str, int]]:
        """The sums of the layers of each kind, with their number as `layers`."""
        kinds = dict.fromkeys(row.kind for row in self.rows)
        each = {kind: [row for row in self.rows if row.kind == kind] for kind in kinds}
        return {kind: {"layers": len(rows), **_sums(rows)} for kind, rows in each.items()}

    @property
    def training_memory(self) -> dict[str, int]:
        """The bytes of a training step by what takes them."""
        total = self.totals
        return {
            "parameters": total["parameter_bytes"],
            "gradients of the parameters": total["parameter_bytes"],
            "the optimiser's memory": total["optimiser_bytes"],
            "state": total["state_bytes"],
            "values that the way back reads": total["training_bytes"],
            "gradients of the values": total["gradient_bytes"] - total["parameter_bytes"],
        }

    @property
    def inference_memory(self) -> dict[str, int]:
        """The bytes of scores by what takes them; a value is dropped when its last reader has run."""
        total = self.totals
        return {
            "parameters": total["parameter_bytes"],
            "state": total["state_bytes"],
            "values at once": total["inference_bytes"],
        }

    def blocks(self, depth: int) -> tuple[Row, ...]:
        """The rows, with those together whose paths have the same first `depth` parts; with depth 0 those
        that follow each other and have outputs of the same sizes.
        """
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(".".join(row.path.split(".")[: max(depth, 1)]), []).append(row)
        found = tuple(_block(path, rows) for path, rows in groups.items())
        if depth:
            return found
        stages = [list(rows) for _, rows in groupby(found, lambda row: row.output[:-1])]
        return tuple(_block(f"{rows[0].path} to {rows[-1].path}", rows) for rows in stages)

    @property
    def usual_depth(self) -> int:
        """The deepest level that makes no more rows than a person reads."""
        deepest = max((row.path.count(".") + 1 for row in self.rows), default=1)
        few = (depth for depth in range(deepest, 0, -1) if len(self.blocks(depth)) <= MOST_ROWS)
        return next(few, 0)

    def to_json(self) -> dict[str, object]:
        return {
            "input": say(self.input),
            "batch": self.batch,
            "dtype": self.dtype,
            "operands": [row.to_json() for row in self.operands],
            "layers": [row.to_json() for row in self.rows],
            "totals": self.totals,
            "kinds": self.by_kind,
            "training_memory": self.training_memory,
            "inference_memory": self.inference_memory,
        }


def _sums(rows: Iterable[Row]) -> dict[str, int]:
    rows = tuple(rows)
    return {name: sum(getattr(row, name) for row in rows) for name in SUMS}


def _block(path: str, rows: Sequence[Row]) -> Row:
    """Rows as one, or the only one as it is."""
    if len(rows) == 1:
        return rows[0]
    most = max(row.inference_bytes for row in rows)
    whole = replace(rows[-1], path=path, kind=BLOCK, owner="")
    return whole.holding({**_sums(rows), "inference_bytes": most})


def _row(graph: Graph, i: int, memory: _Memory, seen: Fields, optimiser_arrays: int) -> Row:
    node, x = graph.nodes[i], graph.shapes_into(graph.nodes[i])
    field = tuple(int(along.size) for along in seen)
    jump, offset = (tuple(_number(getattr(along, name)) for along in seen) for name in ("jump", "offset"))
    if node.layer is None:
        return Row(
            path=node.path,
            kind=INPUT,
            output=node.shape,
            values=math.prod(node.shape),
            training_bytes=memory.kept(i),
            receptive_field=field,
            jump=jump,
            offset=offset,
        )
    own = node.owner == node.path
    params = node.layer.params(*x) if own else {}
    parameters = sum(param.size for param in params.values())
    biases = sum(param.size for name, param in params.items() if name in BIASES)
    values = 0 if in_place(node.layer) else math.prod(node.shape)
    return Row(
        path=node.path,
        kind=node.layer.word,
        output=node.shape,
        parameters=parameters,
        connections=node.layer.connections(*x),
        multiply_adds=node.layer.multiply_adds(*x),
        activation_bytes=memory.of_values(math.prod(node.shape)),
        values=values,
        weights=parameters - biases,
        biases=biases,
        training_bytes=memory.kept(i),
        inference_bytes=memory.at_once[i],
        parameter_bytes=parameters * memory.each,
        gradient_bytes=memory.of_values(values) + parameters * memory.each,
        optimiser_bytes=parameters * memory.each * optimiser_arrays,
        state_bytes=memory.state(i),
        multiplications=node.layer.multiplications(*x),
        receptive_field=field,
        jump=jump,
        offset=offset,
        owner="" if own else node.owner,
    )


def _number(value: Fraction | int) -> float:
    """A whole number as such."""
    return int(value) if value == int(value) else float(value)


class _Memory:
    """The bytes of the values of a graph: `each` for a number, `at_once` while each node runs."""

    def __init__(self, graph: Graph, batch: int, each: int) -> None:
        self.graph, self.batch, self.each = graph, batch, each
        self._last = list(range(len(graph.nodes)))  # the node that reads a value last
        self._read = set(graph.outputs.values())  # by the way back
        for i, node in enumerate(graph.nodes):
            for j in node.inputs:
                self._last[j] = i
            if node.layer is not None:
                self._read |= set(node.inputs) if "x" in node.layer.keeps else set()
                self._read |= {i} if "y" in node.layer.keeps else set()
        for i in graph.outputs.values():
            self._last[i] = len(graph.nodes)
        self.at_once = self._walk()

    def of_values(self, values: int) -> int:
        return values * self.batch * self.each

    def kept(self, i: int) -> int:
        """Of the value of node i, if the way back reads it, and of what forward saves beside it."""
        node = self.graph.nodes[i]
        kept = self.of_values(math.prod(node.shape)) if i in self._read else 0
        return kept + self._buffers(i, lambda layer, x: layer.extras(*x))

    def state(self, i: int) -> int:
        return self._buffers(i, lambda layer, x: layer.state(*x))

    def _buffers(self, i: int, which: Callable[[Layer, Sequence[Shape]], Mapping[str, Buffer]]) -> int:
        node = self.graph.nodes[i]
        if node.layer is None:
            return 0
        return sum(
            math.prod(one.shape)
            * (self.batch if one.per_sample else 1)
            * (np.dtype(one.dtype).itemsize if one.dtype else self.each)
            for one in which(node.layer, self.graph.shapes_into(node)).values()
        )

    def _walk(self) -> list[int]:
        held, found = 0, []
        for i, node in enumerate(self.graph.nodes):
            ending = {j for j in node.inputs if self._last[j] == i}
            taken = self._takes_over(node, ending)
            held += 0 if taken is not None else self._size(i)
            found.append(held)
            held -= sum(self._size(j) for j in ending if j != taken)
            held -= self._size(i) if self._last[i] == i else 0
        return found

    def _size(self, i: int) -> int:
        return self.of_values(math.prod(self.graph.nodes[i].shape))

    @staticmethod
    def _takes_over(node: Node, ending: set[int]) -> int | None:
        """The operand whose memory the value takes over."""
        here = node.layer is not None and in_place(node.layer) and node.inputs[0] in ending
        return node.inputs[0] if here else None
