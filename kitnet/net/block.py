"""Blocks: how layers are put together. A block has no formula; it writes its layers into a graph.

A block is registered by its word, as a layer is, and the language then knows it: `residual[a | b]`. A layer
that joins operands needs no block of its own: `multiply[a | b]` is a `Join`.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

from kitnet.base.error import KitnetError, ShapeError, nearest, shorten
from kitnet.base.shape import Shape
from kitnet.layers import Add, Layer
from kitnet.layers.value import settle
from kitnet.net.graph import Graph, checked_name, checked_volume
from kitnet.net.origin import TRIED, Takes

BLOCKS: dict[str, type[Block]] = {}  # every registered block by its word


class Block(ABC):
    """A part of a network that is made of chains. A class with a `word` and the `form` in which the language
    writes it is registered; its fields are the chains between its brackets. A block without chains is written
    as a layer is, `se16`, and its fields are as those of layers."""

    word: ClassVar[str]
    form: ClassVar[str]  # such as residual[body | shortcut]
    chains: ClassVar[tuple[int, int]]  # how many it has, at least and at most
    numbers: ClassVar[tuple[str, ...]] = ()  # fields written behind the word of a block without chains

    def __init_subclass__(cls) -> None:
        if "form" in vars(cls):
            BLOCKS[cls.word] = cls

    def __post_init__(self) -> None:
        """Raises KitnetError for a field that the language could not write."""
        if not self.chains[1]:
            settle(self)
            return
        for one in dataclasses.fields(self):  # type: ignore[arg-type]  # a block is a dataclass
            value = getattr(self, one.name)
            if value is not None or one.default is not None:
                object.__setattr__(self, one.name, chain_of(f"{type(self).__name__}: {one.name}", value))

    @abstractmethod
    def wire(self, scope: Scope, path: str, x: int) -> int:
        """Write the block into the scope's graph under `path`, reading value x; the number of its result."""


@dataclass(frozen=True)
class Shared:
    """`@name`: the part with this name, which stands before, once more and with the same weights. Of a part
    that stands in a branch or a side the name is the whole path, `@C2.0.S2`."""

    name: str
    word: ClassVar[str] = "shared"


Part = Layer | Block | Shared


@dataclass(frozen=True)
class Term:
    """A part in a chain, with a name if it has one, repeated `times`; its result may be an `output`. `column`
    is where it begins in the line that it was read from."""

    part: Part
    name: str = ""
    times: int = 1
    output: str = ""
    column: int | None = dataclasses.field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.part, Layer | Block | Shared):
            raise KitnetError(
                f"expected a layer or a block such as Relu() or Residual(...), but got {shorten(self.part)}"
            )
        for name in filter(None, (self.name, self.output)):
            checked_name(name)

    def wire(self, scope: Scope, x: int) -> int:
        if self.name and not isinstance(self.part, Shared):
            scope.named[self.name] = scope.everywhere[f"{scope.prefix}{self.name}"] = self
        try:
            x = self._parts(scope, x)
            if self.output:
                scope.graph.output(self.output, x)
        except ShapeError as error:
            if error.column is None:  # no term inside this one has told its own
                error.column = self.column
            raise
        return x

    def _parts(self, scope: Scope, x: int) -> int:
        if isinstance(self.part, Chain) and not self.name:  # brackets alone make no scope
            for _ in range(self.times):
                x = self.part.run(scope, x)
            return x
        if self.times == 1 or not self.name:
            for _ in range(self.times):
                x = scope.wire(self.name, self.part, x)
            return x
        inner = scope.inner(scope.path(self.part.word, self.name))
        for i in range(self.times):
            x = inner.wire(str(i), self.part, x)
        return x


class Scope:
    """A place in the tree of paths while blocks are written into a graph.

    A layer without a name is called by its word and a number (`conv1`); a block opens a scope of its own
    (`residual1.body.conv1`). In a scope that writes a part again, `shared` is the path of the copy and that
    of the original, whose weights the copy uses.
    """

    def __init__(
        self,
        graph: Graph,
        prefix: str = "",
        outer: Scope | None = None,
        shared: tuple[str, str] | None = None,
    ) -> None:
        self.graph, self.prefix, self.outer, self.shared = graph, prefix, outer, shared
        self.named: dict[str, Term] = {}
        self.everywhere: dict[str, Term] = {} if outer is None else outer.everywhere  # by their paths
        self._count: Counter[str] = Counter()

    def path(self, word: str, name: str = "") -> str:
        """The path of the next part called `name`, or by its word and a running number."""
        if not name:
            self._count[word] += 1
            name = f"{word}{self._count[word]}"
        return f"{self.prefix}{name}"

    def inner(self, path: str) -> Scope:
        return Scope(self.graph, f"{path}.", self, self.shared)

    def wire(self, name: str, part: Part, x: int) -> int:
        """Write a part under its name, or under one that its word and a number make."""
        path = self.path(part.word, name)
        if isinstance(part, Shared):
            return self._again(part.name, path, x)
        return part.wire(self, path, x) if isinstance(part, Block) else self.add(path, part, x)

    def add(self, path: str, layer: Layer, *inputs: int) -> int:
        """Write a layer into the graph."""
        owner = None
        if self.shared and layer.params(*(self.graph.nodes[i].shape for i in inputs)):
            copy, original = self.shared
            owner = original + path[len(copy) :]
        return self.graph.add(path, layer, *inputs, owner=owner)

    def _again(self, name: str, path: str, x: int) -> int:
        own = path[len(self.prefix) :]
        if name in self.everywhere and "." in name:
            term = replace(self.everywhere[name], name=own, output="", column=None)
            return term.wire(Scope(self.graph, self.prefix, self, (path, name)), x)
        scope: Scope | None = self
        known = [*self.everywhere] if "." in name else []
        while scope and name not in scope.named:
            known += scope.named
            scope = scope.outer
        if scope is None:
            raise ShapeError(f"{path}: no part named {name!r} stands before @{name}{nearest(name, known)}")
        term = replace(scope.named[name], name=own, output="", column=None)
        return term.wire(Scope(self.graph, self.prefix, self, (path, f"{scope.prefix}{name}")), x)


@dataclass(frozen=True)
class Chain(Block):
    """One part after the other: `[conv3-64 -> relu]`. Layers and blocks are taken as terms without a name:
    `Chain([Convolution(3, 64), Relu()])`."""

    terms: tuple[Term, ...]
    word = "chain"

    def __post_init__(self) -> None:
        if not isinstance(self.terms, tuple | list):
            raise KitnetError(
                f"Chain takes a list of layers, not {shorten(self.terms)}; write Chain([Relu(), ...])"
            )
        terms = tuple(part if isinstance(part, Term) else Term(part) for part in self.terms)
        object.__setattr__(self, "terms", terms)

    @classmethod
    def of(cls, *parts: Term | Part) -> Chain:
        """The chain of these parts."""
        return cls(parts)  # type: ignore[arg-type]  # they become terms

    def graph(self, volume: Shape) -> Graph:
        """The graph of this chain on one operand, `input`. The end of the chain is the main output."""
        graph = Graph()
        graph.takes = self._trial()
        end = self.run(Scope(graph), graph.operand("input", checked_volume(volume)))
        graph.lead(end)
        graph.takes = None
        return graph

    def _trial(self) -> Takes:
        """Whether all layers fit behind such an input, all that are `old` replaced by the `new` one; False
        when many were written already."""
        written = 0

        def takes(volume: Shape, old: Layer | None = None, new: Layer | None = None) -> bool:
            nonlocal written
            graph = _Trial(old, new)
            try:
                if written < TRIED:
                    self.run(Scope(graph), graph.operand("input", volume))
                    return True
            except KitnetError:
                pass
            finally:
                written += len(graph.nodes)
            return False

        return takes

    def wire(self, scope: Scope, path: str, x: int) -> int:
        return self.run(scope.inner(path), x)

    def run(self, scope: Scope, x: int) -> int:
        """Write the terms into a scope that is already open."""
        for term in self.terms:
            x = term.wire(scope, x)
        return x


class _Trial(Graph):
    """A graph whose errors nobody reads, with `new` wherever a layer is the very object `old`."""

    def __init__(self, old: Layer | None, new: Layer | None) -> None:
        super().__init__()
        self._old, self._new = old, new

    def add(self, path: str, layer: Layer, *inputs: int, owner: str | None = None) -> int:
        if self._new is not None and layer is self._old:
            layer = self._new
        return super().add(path, layer, *inputs, owner=owner)

    def _placed(self, error: ShapeError, *place: object) -> ShapeError:
        return error


def chain_of(what: str, value: object) -> Chain:
    """A chain, a part that is one by itself, or a list of parts, as a chain. Raises KitnetError."""
    match value:
        case Chain():
            return value
        case Term() | Layer() | Block() | Shared():
            return Chain.of(value)
        case list() | tuple():
            return Chain.of(*value)
    raise KitnetError(f"{what} is a layer or a list of layers, not {shorten(value)}; write [Relu(), ...]")


@dataclass(frozen=True)
class Residual(Block):
    """`residual[body | shortcut]`: their sum; without a shortcut the input itself is added (He et al.
    2015)."""

    body: Chain
    shortcut: Chain | None = None
    word = "residual"
    form = "residual[body | shortcut]"
    chains = (1, 2)

    def wire(self, scope: Scope, path: str, x: int) -> int:
        inner = scope.inner(path)
        y = self.body.wire(inner, inner.path("", "body"), x)
        other = self.shortcut.wire(inner, inner.path("", "shortcut"), x) if self.shortcut else x
        return scope.add(path, Add(), y, other)


@dataclass(frozen=True)
class Side(Block):
    """`side[body]`: a way to an output of its own, such as an auxiliary head; the input goes on unchanged
    (Szegedy et al. 2014, figure 3)."""

    body: Chain
    word = "side"
    form = "side[body => name]"
    chains = (1, 1)

    def wire(self, scope: Scope, path: str, x: int) -> int:
        self.body.wire(scope, path, x)
        return x


@dataclass(frozen=True)
class Join(Block):
    """`concat[a | b | c]`: branches of one input, joined by a layer that takes several operands (Szegedy et
    al. 2014)."""

    layer: Layer
    branches: tuple[Chain, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Layer) or not self.layer.joins:
            raise KitnetError(
                f"Join: layer is one that joins branches, such as Add(), not {shorten(self.layer)}"
            )
        if not isinstance(self.branches, tuple | list) or len(self.branches) < 2:
            raise KitnetError(
                f"Join: branches are a list of two chains or more, not {shorten(self.branches)}"
            )
        object.__setattr__(
            self, "branches", tuple(chain_of("Join: a branch", each) for each in self.branches)
        )

    @property
    def word(self) -> str:  # type: ignore[override]  # a class attribute elsewhere; here the layer decides
        return self.layer.word

    def wire(self, scope: Scope, path: str, x: int) -> int:
        inner = scope.inner(path)
        ends = [branch.wire(inner, inner.path("", str(i)), x) for i, branch in enumerate(self.branches)]
        return scope.add(path, self.layer, *ends)
