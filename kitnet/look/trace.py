"""The arithmetic of one number of a network: the terms of its layer, with the paths of the network.

A number of a value is made by one layer: y = close(sum of terms). A number of a gradient is a sum over all
layers that read the value, or have the parameter: each adds the terms of its own dx or dw. The numbers in the
terms are those that the plan computed; the sum is taken anew here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.layers import At, Number, Pass, Term, Terms
from kitnet.layers.window import Windowed
from kitnet.net.graph import Graph, Node
from kitnet.net.notation import write_layer
from kitnet.net.receptive import in_place

if TYPE_CHECKING:
    from kitnet.look.inside import Inside

Index = tuple[int, ...]
KEPT = 1 << 28  # bytes that passes of layers read, which are kept with what is inside
GIVEN = "given"  # in the place of a layer, where the way back begins


@dataclass(frozen=True)
class Part:
    """What one layer adds to a number: the node's path, its layer as the language writes it, and the terms,
    whose numbers are named by their paths in the network: `conv1.weight`, `d conv1` for a gradient."""

    node: str
    layer: str
    terms: Terms

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "layer": self.layer,
            "terms": [
                {
                    "times": term.times,
                    "factors": [
                        {"path": one.path, "index": list(one.index), "value": one.value}
                        for one in term.factors
                    ],
                    "value": term.value,
                }
                for term in self.terms.terms
            ],
            **({"rest": self.terms.rest._asdict()} if self.terms.rest.terms else {}),
            "total": self.terms.total,
            "close": self.terms.close.name,
            "value": self.terms.value,
        }


@dataclass(frozen=True)
class Trace:
    """One number of a value, or with `backward` of a gradient: as the plan has it, `number`, and as its parts
    come to, `value`. Where a layer only passes one number on, as an activation does, `before` is what made
    that."""

    path: str
    index: Index
    backward: bool
    number: float
    parts: tuple[Part, ...]
    before: Trace | None = None

    @property
    def name(self) -> str:
        """Such as conv1[3,4,2], or d conv1[3,4,2]."""
        return say_place(f"d {self.path}" if self.backward else self.path, self.index)

    @property
    def value(self) -> float:
        return math.fsum(part.terms.value for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "index": list(self.index),
            "backward": self.backward,
            "number": self.number,
            "value": self.value,
            "parts": [part.to_json() for part in self.parts],
            "before": None if self.before is None else self.before.to_json(),
        }


def say_place(path: str, index: Index) -> str:
    return f"{path}[{','.join(map(str, index))}]" if index else path


def trace(
    inside: Inside, path: str, index: Index, backward: bool = False, longest: int | None = None
) -> Trace:
    """What makes this number. Of a linear layer's sum of more than `longest` products the largest ones are
    listed, and the rest is added up. Raises KitnetError where there is none, and for what nothing makes."""
    return _gradient(inside, path, index) if backward else _value(inside, path, index, longest)


def _value(inside: Inside, path: str, index: Index, longest: int | None) -> Trace:
    graph = inside.graph
    if path in inside.weights:
        raise KitnetError(f"{path} is a parameter, which is learned; ask for its gradient by --backward")
    number = _number(path, inside.value(path), index)
    node = graph.nodes[graph.find(path)]
    if node.layer is None:
        raise KitnetError(f"{path} is given, not computed; trace a layer behind it, or its gradient")
    run = _pass(inside, node)
    terms = (run if longest is None else run.listing(longest)).terms(At("y", (0, *index)))
    part = Part(node.path, write_layer(node.layer), _renamed(graph, node, terms))
    return Trace(path, index, False, number, (part,), _before(inside, node, index, part, longest))


def _before(inside: Inside, node: Node, index: Index, part: Part, longest: int | None) -> Trace | None:
    """What made the one number that an activation, or a layer like it, was given."""
    if len(part.terms.terms) != 1:
        return None
    factors = [factor for term in part.terms.terms for factor in term.factors]
    before = {inside.graph.nodes[i].path: inside.graph.nodes[i] for i in node.inputs}
    if len(factors) != 1 or factors[0].path not in before:
        return None
    if not _passes_on(inside.graph, node, index, factors[0]):
        return None
    if before[factors[0].path].layer is None:
        return None
    return _value(inside, factors[0].path, factors[0].index, longest)


def _passes_on(graph: Graph, node: Node, index: Index, factor: Number) -> bool:
    """Whether the number was made of the one at the same place: by an activation, say, or by a layer of one's
    own that is like one."""
    assert node.layer is not None
    (x, *_) = graph.shapes_into(node)
    at_its_place = x == node.shape and factor.index == index and not isinstance(node.layer, Windowed)
    return in_place(node.layer) or at_its_place


def _gradient(inside: Inside, path: str, index: Index) -> Trace:
    number = _number(f"d {path}", inside.gradient(path), index)
    if path in inside.weights:
        found = list(_of_parameter(inside, path, index))
    else:
        found = [*_seed(inside, path, index), *_of_value(inside, path, index)]
    return Trace(path, index, True, number, tuple(found))


def _seed(inside: Inside, path: str, index: Index) -> Iterator[Part]:
    if path in inside.seeds:
        number = Number(f"d {path}", index, float(inside.seeds[path][index]))
        yield Part(path, GIVEN, Terms((Term((number,)),)))


def _of_value(inside: Inside, path: str, index: Index) -> Iterator[Part]:
    graph = inside.graph
    here = graph.find(path)
    for node in graph.nodes:
        if node.path in inside.gradients:
            for i, j in enumerate(node.inputs):
                if j == here:
                    yield from _part(inside, node, At(f"dx{i}", (0, *index)))


def _of_parameter(inside: Inside, path: str, index: Index) -> Iterator[Part]:
    owner, _, name = path.rpartition(".")
    for node in inside.graph.nodes:
        if node.owner == owner and node.path in inside.gradients:
            yield from _part(inside, node, At(f"d{name}", index))


def _part(inside: Inside, node: Node, at: At) -> Iterator[Part]:
    """Nothing of a layer that gives the operand no gradient."""
    assert node.layer is not None
    run = _pass(inside, node, inside.gradients[node.path])
    if at.of in run.arrays:
        yield Part(node.path, write_layer(node.layer), _renamed(inside.graph, node, run.terms(at)))


def _pass(inside: Inside, node: Node, dy: Array | None = None) -> Pass:
    """The pass of a layer over what the plan computed; the last ones are kept, for the next number there."""
    assert node.layer is not None
    kind = node.path, dy is None
    run = inside.passes.pop(kind, None) or Pass(
        node.layer,
        inside.weights.of(node.owner),
        inside.state.get(node.path, {}),
        replace(inside.context, path=node.path),
        tuple(inside.values[inside.graph.nodes[i].path][None] for i in node.inputs),
        None if dy is None else np.asarray(dy)[None],
    )
    inside.passes[kind] = run  # the last one used stands last
    while len(inside.passes) > 1 and sum(map(_read_by, inside.passes.values())) > KEPT:
        del inside.passes[next(iter(inside.passes))]
    return run


def _read_by(run: Pass) -> int:
    return sum(array.nbytes for array in (*run.x, *run.w.values()))


def make_passes(inside: Inside) -> Iterator[None]:
    """Make the pass of one layer after the other, as many as are kept, so that a first trace there need not
    wait for it."""
    size = 0
    for node in inside.graph.nodes:
        if node.layer is None or not node.shape:
            continue
        for dy in (None, inside.gradients.get(node.path)):
            run = _pass(inside, node, dy)
            size += _read_by(run)
            if size > KEPT:
                return
            _ = run.arrays
            yield


def _renamed(graph: Graph, node: Node, terms: Terms) -> Terms:
    """Numbers by their paths in the network, values without the sample."""
    assert node.layer is not None
    of_values = {"y": node.path, "dy": f"d {node.path}"}
    for i, j in enumerate(node.inputs):
        of_values |= {f"x{i}": graph.nodes[j].path, f"dx{i}": f"d {graph.nodes[j].path}"}
    own = {name: f"{node.owner}.{name}" for name in node.layer.params(*graph.shapes_into(node))}
    own |= {f"d{name}": f"d {path}" for name, path in own.items()}

    extras = node.layer.extras(*graph.shapes_into(node))

    def named(one: Number) -> Number:
        if one.path in of_values:
            return Number(of_values[one.path], one.index[1:], one.value)
        if one.path in own:
            return Number(own[one.path], one.index, one.value)
        # a number between the formulas is at a place of the value where it has as many indices
        between = len(one.index) == 1 + len(node.shape)
        sampled = extras[one.path].per_sample if one.path in extras else between
        return Number(f"{node.path}.{one.path}", one.index[1:] if sampled else one.index, one.value)

    return replace(
        terms,
        terms=tuple(Term(tuple(map(named, term.factors)), term.times) for term in terms.terms),
    )


def _number(path: str, array: Array, index: Index) -> float:
    if len(index) != array.ndim or any(not 0 <= i < n for i, n in zip(index, array.shape, strict=True)):
        shape = ",".join(map(str, array.shape))
        last = say_place(path, tuple(n - 1 for n in array.shape))
        raise KitnetError(
            f"{path} has the shape ({shape}) and no number {say_place('', index) or 'without an index'}; "
            f"each index counts from 0, as in {last}, the last one"
        )
    return float(array[index])
