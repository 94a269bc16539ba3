"""Batch normalisation folded into the convolution or linear layer in front of it.

In evaluation y = scale * (z - mean) / sqrt(var + eps) + shift on z = w x + b is one layer with

    w' = w * s,    b' = (b - mean) * s + shift,    s = scale / sqrt(var + eps)

for each filter (Ioffe & Szegedy 2015, section 3.1 and algorithm 2, step 11). Scores stay the same, training
goes on without the norm. Of several norms in a row each is folded into what the one before it made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np

from kitnet.base.error import KitnetError, nearest
from kitnet.base.spec import Array
from kitnet.layers import BatchNorm, Convolution, Linear
from kitnet.net import Graph, Net, Node
from kitnet.surgery.edit import Draft, Edit, Made


def fold(net: Net, *paths: str) -> Net:
    """The network with these batch norms folded into the layers in front of them, by default all that can be.

    Raises KitnetError, with the path, for one that cannot be, or only with the norm in front of it, and where
    there is none.
    """
    return folding(net.graph, *paths).of(net)


def folding(graph: Graph, *paths: str) -> Edit:
    """`fold`, of a graph."""
    reasons = foldable(graph)
    for path in paths:
        if path not in reasons:
            raise KitnetError(f"no batch norm {path!r}{nearest(path, reasons)}")
        if reasons[path]:
            raise KitnetError(f"{path}: {reasons[path]}")
    folded = set(paths) or {path for path, reason in reasons.items() if not reason}
    if not folded:
        first = next(iter(reasons.items()), None)
        raise KitnetError(f"{first[0]}: {first[1]}" if first else "there is no batch norm to fold")
    behind = _behind(graph, folded)
    draft = Draft(graph)
    for i, node in enumerate(graph.nodes):
        if node.path in folded:
            draft.skip(i)
        elif i in behind:
            assert isinstance(node.layer, Convolution | Linear)
            weight, bias = _made(node, behind[i])
            draft.keep(i, replace(node.layer, bias=True), weight=weight, bias=bias)
        else:
            draft.keep(i)
    return draft.edit()


def _behind(graph: Graph, folded: Container[str]) -> dict[int, list[Node]]:
    """The norms that are folded, in order, by the number of the convolution or linear layer before them."""
    into: dict[int, int] = {}  # what each norm is folded into
    found: dict[int, list[Node]] = {}
    for i, node in enumerate(graph.nodes):
        if node.path in folded:
            before = node.inputs[0]
            into[i] = into.get(before, before)
            if isinstance(graph.nodes[into[i]].layer, BatchNorm):
                raise KitnetError(
                    f"{node.path}: it follows {graph.nodes[before].path}, which is not folded; fold both"
                )
            found.setdefault(into[i], []).append(node)
    return found


def foldable(graph: Graph) -> dict[str, str]:
    """Every batch norm by its path, with why it cannot be folded; nothing where it can."""
    readers = Counter(i for node in graph.nodes for i in node.inputs)
    readers.update(graph.outputs.values())
    owners = Counter(node.owner for node in graph.nodes)
    found: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node.layer, BatchNorm):
            before, read = graph.nodes[node.inputs[0]], readers[node.inputs[0]]
            found[node.path] = _reason(before, found.get(before.path) == "", read, owners)
    return found


def _reason(before: Node, folded: bool, readers: int, owners: Counter[str]) -> str:
    """`folded`: what stands before is a norm that is folded itself."""
    if not folded and not isinstance(before.layer, Convolution | Linear):
        what = "an operand" if before.layer is None else before.layer.word
        return f"it follows {before.path} ({what}), not a convolution or linear layer, and stays"
    if readers > 1:
        return f"other layers, or an output, read {before.path} before the norm; it stays"
    if not folded and owners[before.owner] > 1:
        return f"{before.path} shares its weights, which the norm would change for all; it stays"
    return ""


def _made(node: Node, norms: Sequence[Node]) -> tuple[Made, Made]:
    """The weight and the bias of a layer with the norms behind it in them, computed in float64."""
    layer = node.layer

    def factor(net: Net, norm: Node) -> Array:
        assert isinstance(norm.layer, BatchNorm)
        scale = net.weights[f"{norm.owner}.scale"].astype(float)
        return scale / np.sqrt(net.state[norm.path]["var"].astype(float) + norm.layer.eps)

    def weight(net: Net) -> Array:
        s = np.prod([factor(net, norm) for norm in norms], 0)
        if isinstance(layer, Convolution) and layer.table is not None:
            s = s[layer.table.pairs()[1]]  # of each link, that of its filter
        return net.weights[f"{node.path}.weight"] * s

    def bias(net: Net) -> Array:
        b = net.weights[f"{node.path}.bias"].astype(float) if _has_bias(node) else np.zeros(1)
        for norm in norms:
            b = (b - net.state[norm.path]["mean"].astype(float)) * factor(net, norm)
            b = b + net.weights[f"{norm.owner}.shift"]
        return b

    return weight, bias


def _has_bias(node: Node) -> bool:
    return isinstance(node.layer, Convolution | Linear) and node.layer.bias
