"""The line of a graph that has one: its nodes put back into the blocks whose names their paths have.

The language writes `stage1.0.body.conv1` for a layer of a named block of repeated residuals. Read backwards,
nodes whose paths begin alike are a block; one that joins the ends of its branches is a join or a residual;
equal parts called 0, 1, ... are one part repeated, and a block that nobody reads is a way to an output of its
own. What is found is only believed if it makes the same graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from kitnet.base.error import KitnetError
from kitnet.base.shape import say
from kitnet.layers import Add, Layer, Linear, Multiply
from kitnet.net import Chain, Graph, Join, Node, Residual, Shared, Side, SqueezeExcitation, Term
from kitnet.net.block import Part
from kitnet.net.graph import OUTPUT
from kitnet.net.language import read, write
from kitnet.net.template import MOST_TIMES


def body_of(graph: Graph) -> Chain | None:
    """The chain that makes this graph from one volume, if it has one."""
    first, *others = graph.nodes
    if first.layer is not None or len(graph.operands) != 1 or not others:
        return None
    try:
        line = write(_Reader(graph).chain(others, ""))
        _, body = read(f"{say(first.shape)} -> {line}")  # names that the language has not are refused
        return body if body.graph(first.shape) == graph else None
    except (KitnetError, _NoLineError):
        return None


class _NoLineError(Exception):
    """These nodes are not written by blocks of the language."""


class _Reader:
    def __init__(self, graph: Graph) -> None:
        named = ((graph.nodes[i].path, name) for name, i in graph.outputs.items())
        self.end = graph.nodes[graph.main].path
        self.outputs = {path: name for path, name in named if (path, name) != (self.end, OUTPUT)}
        self.read = {graph.nodes[i].path for node in graph.nodes for i in node.inputs}

    def chain(self, nodes: Sequence[Node], prefix: str) -> Chain:
        """The nodes of one scope, whose paths begin with `prefix`, as parts one behind the other."""
        if not all(node.path.startswith(prefix) for node in nodes):
            raise _NoLineError  # one is called as the scope itself
        count: Counter[str] = Counter()
        terms: list[Term] = []
        for head, inside in groupby(nodes, lambda node: node.path[len(prefix) :].split(".")[0]):
            group = list(inside)
            part, times = self.part(group, f"{prefix}{head}"), 1
            if isinstance(part, tuple):
                part, times = part
            usual = f"{part.word}{count[part.word] + 1}"
            unnamed = head == usual and not isinstance(part, Chain) and times == 1
            count[part.word] += unnamed
            terms.append(Term(part, "" if unnamed else head, times, self.outputs.get(f"{prefix}{head}", "")))
        return Chain(_folded(terms))

    def part(self, nodes: Sequence[Node], path: str) -> Part | tuple[Part, int]:
        """What the nodes at and under a path are; a part that is repeated with the number of times."""
        *inside, last = nodes
        if last.path != path:
            return self.block(nodes, path)
        if not inside:
            return self.layer(last)
        branches = [
            (head, list(group))
            for head, group in groupby(inside, lambda node: node.path[len(path) + 1 :].split(".")[0])
        ]
        names = [head for head, _ in branches]
        if last.layer is None:
            raise _NoLineError
        if isinstance(last.layer, Multiply) and "0" not in names:
            return self.excitation(inside, last)
        chains = [self.chain(group, f"{path}.{head}.") for head, group in branches]
        if isinstance(last.layer, Add) and names in (["body"], ["body", "shortcut"]):
            return Residual(*chains)
        return Join(last.layer, tuple(chains))

    def excitation(self, inside: Sequence[Node], last: Node) -> SqueezeExcitation:
        for node in inside:
            if isinstance(node.layer, Linear):
                return SqueezeExcitation(last.shape[-1] // node.layer.units)
        raise _NoLineError

    def block(self, nodes: Sequence[Node], path: str) -> Part | tuple[Part, int]:
        """A named chain, or one part several times."""
        body = self.chain(nodes, f"{path}.")
        if nodes[-1].path not in {*self.read, self.end}:
            return Side(body)
        if body.terms[0].name != "0":
            return body
        parts = {term.part for term in body.terms}
        if len(parts) > 1 or any(term.name != str(i) or term.output for i, term in enumerate(body.terms)):
            raise _NoLineError
        return parts.pop(), len(body.terms)

    def layer(self, node: Node) -> Layer | Shared:
        if node.layer is None:
            raise _NoLineError
        if node.owner != node.path:
            return Shared(node.owner)
        return node.layer


def _folded(terms: Sequence[Term]) -> tuple[Term, ...]:
    """The terms, with equal rows of them behind each other as one row in brackets, repeated."""
    texts = [write(term) for term in terms]
    plain = [not term.name and not term.output for term in terms]
    found: list[Term] = []
    i = 0
    while i < len(terms):
        longest, times = 1, 1  # terms of a row, and how often it stands here
        for size in range(1, (len(terms) - i) // 2 + 1):
            piece, count = texts[i : i + size], 1
            while count < MOST_TIMES and texts[i + count * size : i + (count + 1) * size] == piece:
                count += 1
            if count > 1 and count * size > longest * times and all(plain[i : i + count * size]):
                longest, times = size, count
        row = terms[i : i + longest]
        whole = Chain(tuple(row)) if longest > 1 else row[0].part
        found.append(Term(whole, times=times) if times > 1 else row[0])
        i += longest * times
    return tuple(found)
