"""Parts of a network cut off, put on, and called otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kitnet.base.error import KitnetError, nearest_or_all, shorten
from kitnet.base.shape import say
from kitnet.layers import Convolution, Linear, LocallyConnected, RadialBasis
from kitnet.net import Graph, Net, Node
from kitnet.net.block import Scope
from kitnet.net.graph import OUTPUT
from kitnet.net.language import NAME, read
from kitnet.surgery.edit import Draft, Edit

HEADS = (Linear, Convolution, LocallyConnected, RadialBasis)  # whose units or filters are the classes


def cut(net: Net, path: str) -> Net:
    """The network up to the value with this path, which becomes its only output. Raises KitnetError."""
    return cutting(net.graph, path).of(net)


def head(net: Net, line: str, seed: int = 0) -> Net:
    """The network with other layers, such as 'fc100 -> relu -> fc10', in the place of its last linear layer
    or convolution and of all behind it; new weights are drawn from the seed. Other outputs are left out.

    Raises LanguageError, and KitnetError where no such layer leads to the main output alone.
    """
    return heading(net.graph, line).of(net, seed)


def append(net: Net, line: str, seed: int = 0) -> Net:
    """The network with other layers behind its main output, which are drawn from the seed. Other outputs are
    left out. Raises LanguageError."""
    return appending(net.graph, net.graph.main, line).of(net, seed)


def rename(net: Net, names: Mapping[str, str]) -> Net:
    """The network with other paths: {'fc1': 'conv6'}, or those of all that lies in a block. Raises
    KitnetError."""
    return renaming(net.graph, names).of(net)


def cutting(graph: Graph, path: str) -> Edit:
    """`cut`, of a graph."""
    end = _find(graph, path)
    if graph.nodes[end].layer is None:
        raise KitnetError(f"{path}: it is the input of the network; cut behind one of its layers")
    return _up_to(graph, end).edit({OUTPUT: end})


def heading(graph: Graph, line: str) -> Edit:
    """`head`, of a graph."""
    end = graph.main
    while not isinstance(graph.nodes[end].layer, HEADS):
        if len(graph.nodes[end].inputs) != 1:
            raise KitnetError(
                f"{graph.nodes[end].path}: several values lead here, so that there is no last layer to put "
                "another in the place of; cut the network at a path first"
            )
        end = graph.nodes[end].inputs[0]
    return appending(graph, graph.nodes[end].inputs[0], line)


def appending(graph: Graph, end: int, line: str) -> Edit:
    """The graph up to value `end`, and the layers of a line behind it."""
    _, chain = read(f"{say(graph.nodes[end].shape)} -> {line}")
    draft = _up_to(graph, end)
    scope = Scope(draft.graph)
    for word, number in _numbers(draft.graph).items():  # new names go on behind those of the network
        for _ in range(number):
            scope.path(word)
    draft.graph.output(OUTPUT, chain.run(scope, draft.at[end]))
    return draft.edit({})


def renaming(graph: Graph, names: Mapping[str, str]) -> Edit:
    """`rename`, of a graph."""
    blocks = dict.fromkeys(
        ".".join(parts[:i])
        for node in graph.nodes
        for parts in [node.path.split(".")]
        for i in range(1, len(parts) + 1)
    )
    for old, new in names.items():
        if old not in blocks:
            raise KitnetError(f"nothing is called {shorten(old)}{nearest_or_all(old, blocks)}")
        if not all(re.fullmatch(rf"{NAME}|\d+", part) for part in new.split(".")):
            raise KitnetError(
                f"{shorten(new)} is no name that a line can have; begin it with a letter from a to z or _, "
                "and go on with letters, digits, _ and -"
            )

    def name(path: str) -> str:
        parts = path.split(".")
        for i in range(len(parts), 0, -1):  # the longest name that is given counts
            known = ".".join(parts[:i])
            if known in names:
                return ".".join([names[known], *parts[i:]])
        return path

    draft = Draft(graph, name)
    for i in range(len(graph.nodes)):
        draft.keep(i)
    return draft.edit()


def _numbers(graph: Graph) -> dict[str, int]:
    """The largest number behind each word in the names of layers that have no other: conv3, fc1."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        numbered = re.fullmatch(r"([a-z_]+)(\d{1,6})", node.path.split(".")[0])
        if numbered:
            found[numbered[1]] = max(found.get(numbered[1], 0), int(numbered[2]))
    return found


def convolution_at(graph: Graph, path: str) -> Node:
    """The convolution at a path. Raises KitnetError, with the convolutions that there are."""
    known = {node.path: node for node in graph.nodes if isinstance(node.layer, Convolution)}
    if path in known:
        return known[path]
    if path in graph:
        what = graph.nodes[graph.find(path)].word or "the input"
        hint = nearest_or_all("", known) or " (the network has none)"
        raise KitnetError(f"{path} is no convolution but {what}{hint}")
    raise KitnetError(f"no convolution {shorten(path)}{nearest_or_all(path, known)}")


def _find(graph: Graph, path: str) -> int:
    try:
        return graph.find(path)
    except KeyError:
        paths = [node.path for node in graph.nodes if node.layer is not None]
        raise KitnetError(f"no layer {shorten(path)}{nearest_or_all(path, paths)}") from None


def _up_to(graph: Graph, end: int) -> Draft:
    """A draft with the values that value `end` depends on, and no others."""
    draft = Draft(graph)
    for i in graph.leading_to(end):
        draft.keep(i)
    return draft
