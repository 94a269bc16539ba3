"""Blocks: how layers are put together. A block has no formula; it writes its layers into a flat graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from kitnet.layers import Add, Concatenate, Layer
from kitnet.net.graph import Scope


class Block(ABC):
    """A part of a network that is made of other parts."""

    word: str

    @abstractmethod
    def wire(self, scope: Scope, path: str, x: int) -> int:
        """Write the block into scope's graph under `path`, reading value x; the number of its result."""


Part = Layer | Block


def wire(scope: Scope, name: str, part: Part, x: int) -> int:
    """Write a layer or block under its name, or under one that its word and a number make."""
    path = scope.path(part.word, name)
    if isinstance(part, Block):
        return part.wire(scope, path, x)
    return scope.graph.add(path, part, x)


@dataclass(frozen=True)
class Term:
    """A part in a chain, with a name if it has one, repeated `times`."""

    part: Part
    name: str = ""
    times: int = 1

    def wire(self, scope: Scope, x: int) -> int:
        if isinstance(self.part, Chain) and not self.name:  # brackets alone make no scope
            for _ in range(self.times):
                x = self.part.run(scope, x)
            return x
        if self.times == 1 or not self.name:
            for _ in range(self.times):
                x = wire(scope, self.name, self.part, x)
            return x
        inner = scope.inner(scope.path(self.part.word, self.name))
        for i in range(self.times):
            x = wire(inner, str(i), self.part, x)
        return x


@dataclass(frozen=True)
class Chain(Block):
    """One part after the other: `[conv3-64 -> relu]`."""

    terms: tuple[Term, ...]
    word = "chain"

    def wire(self, scope: Scope, path: str, x: int) -> int:
        return self.run(scope.inner(path), x)

    def run(self, scope: Scope, x: int) -> int:
        """Write the terms into a scope that is already open."""
        for term in self.terms:
            x = term.wire(scope, x)
        return x


@dataclass(frozen=True)
class Residual(Block):
    """`residual[body | shortcut]`: their sum; without a shortcut the input itself is added (He et al.
    2015)."""

    body: Chain
    shortcut: Chain | None = None
    word = "residual"

    def wire(self, scope: Scope, path: str, x: int) -> int:
        inner = scope.inner(path)
        y = self.body.wire(inner, inner.path("", "body"), x)
        other = self.shortcut.wire(inner, inner.path("", "shortcut"), x) if self.shortcut else x
        return scope.graph.add(path, Add(), y, other)


@dataclass(frozen=True)
class Branch(Block):
    """`concat[a | b | c]` or `add[a | b]`: branches of one input, joined (Szegedy et al. 2014)."""

    branches: tuple[Chain, ...]
    join: Literal["concat", "add"] = "concat"

    @property
    def word(self) -> str:  # type: ignore[override]  # a class attribute elsewhere; here the join decides
        return self.join

    def wire(self, scope: Scope, path: str, x: int) -> int:
        inner = scope.inner(path)
        ends = [branch.wire(inner, inner.path("", str(i)), x) for i, branch in enumerate(self.branches)]
        return scope.graph.add(path, Concatenate() if self.join == "concat" else Add(), *ends)
