"""What a plan does in passing: layers that take no step, because the step of a layer before them does them,
and values that are written straight into the one that they are part of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from kitnet.layers import (
    Add,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LecunTanh,
    Linear,
    Relu,
    Sigmoid,
    Subsampling,
    Tanh,
)
from kitnet.net.graph import Graph

PRODUCTS = (Convolution, Linear)
ACTIVATIONS = (Relu, Tanh, LecunTanh, Sigmoid)


@dataclass(frozen=True)
class Fusion:
    """What the step of one layer does besides its own; it stores value `last`, and none of those between.

    In this order: a `norm` with running statistics, the sum with the value `addend`, an `activation`. All are
    numbers of values.
    """

    last: int
    passed: frozenset[int]  # which take no step of their own
    norm: int | None = None
    addend: int | None = None
    activation: int | None = None


def fusions(
    graph: Graph, compiled: Collection[int], kept: Collection[int], *, train: bool, few: bool
) -> dict[int, Fusion]:
    """By the layer that begins: the longest chains of values with one reader each.

    Only layers that are `compiled` take part. Values in `kept` are read from outside. In training a norm
    needs the statistics of what is before it, which must then be stored. A sum is done by a norm, or
    for `few` images by a convolution.
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

    found: dict[int, Fusion] = {}
    passed: set[int] = set()
    producers = (*PRODUCTS, Subsampling, BatchNorm, Add)
    adders = (Convolution,) if few else (BatchNorm,)
    for i, node in enumerate(graph.nodes):
        if i in passed or i not in compiled or not isinstance(node.layer, producers):
            continue
        chain, norm, addend = [i], None, None
        if isinstance(node.layer, PRODUCTS) and not train:
            norm = follows(i, (BatchNorm,))
            chain += [] if norm is None else [norm]
        if isinstance(node.layer, adders):
            total = follows(chain[-1], (Add,))
            terms = () if total is None else graph.nodes[total].inputs
            if total is not None and len(terms) == 2 and min(terms) < i:  # the other one is there before
                chain, addend = [*chain, total], min(terms)
        activation = follows(chain[-1], ACTIVATIONS)
        chain += [] if activation is None else [activation]
        if len(chain) > 1:
            found[i] = Fusion(chain[-1], frozenset(chain[1:]), norm, addend, activation)
            passed |= found[i].passed
    return found


def slices(
    graph: Graph, compiled: Collection[int], kept: Collection[int], *, train: bool
) -> dict[int, tuple[int, int]]:
    """By the value that is stored nowhere else: the concatenation that it is part of, and its first channel
    there.

    Not so the input of the network, values in `kept`, which others read, those that are part of two
    concatenations, and those that are read in another shape too, since a slice has only its own.
    """
    same = (Identity, Flatten) if train else (Identity, Flatten, Dropout)
    roots: list[int] = []
    fixed = {i for i, node in enumerate(graph.nodes) if node.layer is None}
    parts: dict[int, list[tuple[int, int]]] = {}
    for i, node in enumerate(graph.nodes):
        alias = i in compiled and isinstance(node.layer, same)
        roots.append(roots[node.inputs[0]] if alias else i)
        if i in kept or node.shape != graph.nodes[roots[i]].shape:
            fixed.add(roots[i])
        if i in compiled and isinstance(node.layer, Concatenate):
            first = 0
            for j in node.inputs:
                parts.setdefault(roots[j], []).append((i, first))
                first += graph.nodes[j].shape[-1]
    return {i: where[0] for i, where in parts.items() if i not in fixed and len(where) == 1}
