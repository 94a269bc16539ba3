"""What a plan does in passing: layers that take no step, because the step of a layer before them does them,
and values that are written straight into the one that they are part of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from kitnet.engine.activation import activation_of
from kitnet.layers import (
    Add,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    Identity,
    Layer,
    Linear,
    Subsampling,
)
from kitnet.net.graph import Graph

PRODUCTS = (Convolution, Linear)


@dataclass(frozen=True)
class Fusion:
    """What the step of one layer does besides its own; it stores value `last`, and none of those between.

    In this order: a `norm` with running statistics, the sum with the value `addend`, an `activation`. All are
    numbers of values. With `over` the sum is written where the addend lies, which nobody reads afterwards.
    """

    last: int
    passed: frozenset[int]  # which take no step of their own
    norm: int | None = None
    addend: int | None = None
    over: bool = False
    activation: int | None = None


def fusions(
    graph: Graph, compiled: Collection[int], kept: Collection[int], *, train: bool, few: bool
) -> dict[int, Fusion]:
    """By the layer that begins: the longest chains of values with one reader each.

    Only layers that are `compiled` take part. Values in `kept` are read from outside. In training a norm
    needs the statistics of what is before it, which must then be stored, and a sum is done by a norm; an
    activation whose way back reads x is done by a norm alone, which calculates x once more there; for
    scores a sum is done by a convolution, too, unless images are many and the other term is read again.
    """
    readers = Counter(i for node in graph.nodes for i in node.inputs)
    after = {
        i: j
        for j, node in enumerate(graph.nodes)
        for i in node.inputs
        if j in compiled and readers[i] == 1 and i not in kept
    }

    def follows(i: int, kinds: tuple[type[Layer], ...]) -> int | None:
        j = after.get(i)
        return j if j is not None and isinstance(graph.nodes[j].layer, kinds) else None

    def activation_after(i: int, any_source: bool) -> int | None:
        j = after.get(i)
        activation = activation_of(graph.nodes[j].layer) if j is not None else None
        return j if activation and (any_source or activation.reads == "y") else None

    found: dict[int, Fusion] = {}
    passed: set[int] = set()
    producers = (*PRODUCTS, Subsampling, BatchNorm, Add)
    adders = (BatchNorm,) if train else (Convolution,) if few else (Convolution, BatchNorm)
    for i, node in enumerate(graph.nodes):
        if i in passed or i not in compiled or not isinstance(node.layer, producers):
            continue
        chain, norm, addend, over = [i], None, None, False
        if isinstance(node.layer, PRODUCTS) and not train:
            norm = follows(i, (BatchNorm,))
            chain += [] if norm is None else [norm]
        if isinstance(node.layer, adders):
            total = follows(chain[-1], (Add,))
            terms = () if total is None else graph.nodes[total].inputs
            if total is not None and len(terms) == 2 and min(terms) < i:  # the other one is there before
                last = activation_after(total, any_source=True) or total
                over = not train and _spent(graph, min(terms), i, total, last, kept)
                if few or over or isinstance(node.layer, BatchNorm):
                    chain, addend = [*chain, total], min(terms)
        again = isinstance(node.layer, BatchNorm) and addend is None
        activation = activation_after(chain[-1], any_source=again or not train)
        chain += [] if activation is None else [activation]
        if len(chain) > 1:
            found[i] = Fusion(chain[-1], frozenset(chain[1:]), norm, addend, over, activation)
            passed |= found[i].passed
    return found


def _spent(graph: Graph, value: int, head: int, total: int, last: int, kept: Collection[int]) -> bool:
    """Whether nobody reads a value after the step of node `head`, which reads it for the sum `total` alone:
    then what the step stores, value `last`, may be written over it.

    Not so the input, which the caller may hold, and where one of the two is a concatenation or part of one.
    """
    roots = roots_of(graph, train=False)
    root = roots[value]
    own = graph.nodes[root]
    joins = [node for node in graph.nodes if isinstance(node.layer, Concatenate)]
    parts = {roots[i] for node in joins for i in node.inputs}
    fixed = {roots[i] for i in kept}
    readers = {j for j, node in enumerate(graph.nodes) if root in {roots[i] for i in node.inputs}}
    return (
        own.layer is not None
        and own not in joins
        and own.shape == graph.nodes[total].shape
        and root not in parts | fixed
        and last not in parts
        and all(j < head for j in readers - {total})
    )


def roots_of(graph: Graph, compiled: Collection[int] | None = None, *, train: bool) -> list[int]:
    """For each value the one that it is in another shape, or itself."""
    roots: list[int] = []
    same = (Identity, Flatten) if train else (Identity, Flatten, Dropout)
    for i, node in enumerate(graph.nodes):
        alias = isinstance(node.layer, same) and (compiled is None or i in compiled)
        roots.append(roots[node.inputs[0]] if alias else i)
    return roots


def slices(
    graph: Graph, compiled: Collection[int], kept: Collection[int], *, train: bool
) -> dict[int, tuple[int, int]]:
    """By the value that is stored nowhere else: the concatenation that it is part of, and its first channel
    there.

    Not so the input of the network, values in `kept`, which others read, those that are part of two
    concatenations, and those that are read in another shape too, since a slice has only its own.
    """
    roots = roots_of(graph, compiled, train=train)
    fixed = {i for i, node in enumerate(graph.nodes) if node.layer is None}
    parts: dict[int, list[tuple[int, int]]] = {}
    for i, node in enumerate(graph.nodes):
        if i in kept or node.shape != graph.nodes[roots[i]].shape:
            fixed.add(roots[i])
        if i in compiled and isinstance(node.layer, Concatenate):
            first = 0
            for j in node.inputs:
                parts.setdefault(roots[j], []).append((i, first))
                first += graph.nodes[j].shape[-1]
    return {i: where[0] for i, where in parts.items() if i not in fixed and len(where) == 1}
