"""What a plan does in passing: layers that take no step, because the step of a layer before them does them,
and values that are written straight into the one that they are part of.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from kitnet.engine.activation import activation_of
from kitnet.net.graph import Graph

# Words, since importing the layers would take longer than fusing them.
PRODUCTS = ("conv", "fc")
PRODUCERS = (
    *(*PRODUCTS, "transposed", "local", "bias"),
    *("subsample", "batchnorm", "layernorm", "groupnorm", "instancenorm", "add"),
)


@dataclass(frozen=True)
class Fusion:
    """What the step of one layer does besides its own; it stores value `last`, and none of those between.

    In this order: a `norm` with running statistics, the sum with the value `addend`, an `activation`. All are
    numbers of values. With `over` the sum is written where the addend lies, which nothing reads afterwards.
    """

    last: int
    passed: frozenset[int]  # which take no step of their own
    norm: int | None = None
    addend: int | None = None
    over: bool = False
    activation: int | None = None


@dataclass(frozen=True)
class Fused:
    """`fusions` by the layer that begins. `slices` by the value that is stored nowhere else: the
    concatenation that it is part of, and its first channel there.
    """

    fusions: Mapping[int, Fusion] = field(default_factory=dict)
    slices: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def passed(self) -> frozenset[int]:
        """Nodes that take no step of their own."""
        return frozenset(i for fusion in self.fusions.values() for i in fusion.passed)


NOTHING_FUSED = Fused()


def fuse_layers(
    graph: Graph, few: Sequence[bool], compiled: Collection[int], kept: Collection[int], *, train: bool
) -> Fused:
    """All that can be done in passing. Only layers that are `compiled` take part; `few` says where channels
    lie in the lanes; values in `kept` are read from outside; `train`: there is a way back, or statistics are
    those of the batch.
    """
    return Fused(
        _Fuser(graph, few, compiled, kept, train).fusions(),
        _slices(graph, few, compiled, kept, train=train),
    )


class _Fuser:
    """Finds the longest chains of values with one reader each.

    In training a norm needs the statistics of what is before it, which must then be stored, and a sum is done
    by a norm; an activation whose way back reads x is done by a norm alone, which calculates x once more
    there; for scores a sum is done by a convolution, too, unless images are many and the other term is read
    again.
    """

    def __init__(
        self, graph: Graph, few: Sequence[bool], compiled: Collection[int], kept: Collection[int], train: bool
    ) -> None:
        self._graph, self._few, self._compiled, self._train = graph, few, compiled, train
        readers = Counter(i for node in graph.nodes for i in node.inputs)
        self._after = {
            i: j
            for j, node in enumerate(graph.nodes)
            for i in node.inputs
            if j in compiled and readers[i] == 1 and i not in kept
        }
        self._uses = _Uses(graph, kept)

    def fusions(self) -> dict[int, Fusion]:
        found: dict[int, Fusion] = {}
        passed: set[int] = set()
        for i, node in enumerate(self._graph.nodes):
            if i not in passed and i in self._compiled and node.word in PRODUCERS:
                fusion = self._from(i)
                if fusion.passed:
                    found[i] = fusion
                    passed |= fusion.passed
        return found

    def _from(self, i: int) -> Fusion:
        word, train, few = self._graph.nodes[i].word, self._train, self._few[i]
        chain, norm, addend, over = [i], None, None, False
        if word in PRODUCTS and not train:
            norm = self._follows(i, "batchnorm")
            chain += [] if norm is None else [norm]
        adders = ("batchnorm",) if train else ("conv",) if few else ("conv", "batchnorm")
        if word in adders:
            total = self._follows(chain[-1], "add")
            terms = () if total is None else self._graph.nodes[total].inputs
            if total is not None and len(terms) == 2 and min(terms) < i:  # the other one is there before
                last = self._activation_after(total, any_source=True) or total
                over = not train and self._uses.spent(min(terms), i, total, last)
                if few or over or word == "batchnorm":
                    chain, addend = [*chain, total], min(terms)
        again = word == "batchnorm" and addend is None
        activation = self._activation_after(chain[-1], any_source=again or not train)
        chain += [] if activation is None else [activation]
        return Fusion(chain[-1], frozenset(chain[1:]), norm, addend, over, activation)

    def _follows(self, i: int, word: str) -> int | None:
        j = self._after.get(i)
        return j if j is not None and self._graph.nodes[j].word == word else None

    def _activation_after(self, i: int, any_source: bool) -> int | None:
        j = self._after.get(i)
        activation = activation_of(self._graph.nodes[j].layer) if j is not None else None
        return j if activation and (any_source or activation.reads == "y") else None


class _Uses:
    """Which steps read each value for scores, in whatever shape."""

    def __init__(self, graph: Graph, kept: Collection[int]) -> None:
        self._graph, self._roots = graph, roots_of(graph, train=False)
        self._fixed = {self._roots[i] for i in kept}
        self._parts: set[int] = set()
        self._readers: dict[int, list[int]] = defaultdict(list)
        for j, node in enumerate(graph.nodes):
            roots = {self._roots[i] for i in node.inputs}
            for root in roots:
                self._readers[root].append(j)
            if node.word == "concat":
                self._parts |= roots

    def spent(self, value: int, head: int, total: int, last: int) -> bool:
        """Whether nothing reads a value after the step of node `head`, which reads it for the sum `total`
        alone: then what the step stores, value `last`, may be written over it.

        Not so an operand, which the caller may hold, and where one of the two is a concatenation or part of
        one.
        """
        root = self._roots[value]
        own = self._graph.nodes[root]
        return (
            own.layer is not None
            and own.word != "concat"
            and own.shape == self._graph.nodes[total].shape
            and root not in self._parts | self._fixed
            and last not in self._parts
            and all(j < head for j in self._readers[root] if j != total)
        )


def roots_of(graph: Graph, compiled: Collection[int] | None = None, *, train: bool) -> list[int]:
    """For each value the one that it is in another shape, or itself."""
    roots: list[int] = []
    same = ("identity", "flatten") if train else ("identity", "flatten", "dropout")
    for i, node in enumerate(graph.nodes):
        alias = node.word in same and (compiled is None or i in compiled)
        roots.append(roots[node.inputs[0]] if alias else i)
    return roots


def _slices(
    graph: Graph, few: Sequence[bool], compiled: Collection[int], kept: Collection[int], *, train: bool
) -> dict[int, tuple[int, int]]:
    """Not so an operand, values in `kept`, those with channels in the lanes, those that are part of two
    concatenations, and those that are read in another shape too, since a slice has only its own.
    """
    roots = roots_of(graph, compiled, train=train)
    fixed = {i for i, node in enumerate(graph.nodes) if node.layer is None}
    parts: dict[int, list[tuple[int, int]]] = {}
    for i, node in enumerate(graph.nodes):
        if i in kept or node.shape != graph.nodes[roots[i]].shape:
            fixed.add(roots[i])
        if i in compiled and node.word == "concat" and not few[i]:
            first = 0
            for j in node.inputs:
                parts.setdefault(roots[j], []).append((i, first))
                first += graph.nodes[j].shape[-1]
    return {i: where[0] for i, where in parts.items() if i not in fixed and len(where) == 1}
