"""The readable executor: a graph run by the layers' formulas, and a Tape that keeps what it saw.

Here and in the builder of compiled plans, and nowhere else, the gradients of a value's consumers are added
up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.layers import Context, Kept
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

State = dict[str, dict[str, Array]]  # the arrays of each layer that has state, by its path


class Gradients(dict[str, Array]):
    """Gradients by path: of values (`conv1`, `input`) and of weights (`conv1.weight`)."""


class Tape:
    """One run forward: every value by its path (`tape['conv1']`), then `backward` gives every gradient.

    `tape.state` is the state after this run; the one given is left as it was.
    """

    def __init__(
        self, graph: Graph, weights: Weights, state: State, ctx: Context, operands: Mapping[str, Array]
    ) -> None:
        self._graph, self._weights = graph, weights
        self.values: list[Array] = []
        self.state: State = {}
        self.gradient = Gradients()
        self._kept: list[Kept] = []
        for node in graph.nodes:
            if node.layer is None:
                self.values.append(_checked(node.path, operands[node.path], node.shape, weights))
                self._kept.append(Kept(()))
                continue
            x = tuple(self.values[i] for i in node.inputs)
            state_in = state.get(node.path, {})
            made = node.layer.forward(weights.of(node.path), state_in, replace(ctx, path=node.path), *x)
            if state_in:
                self.state[node.path] = {**state_in, **made.state}
            self.values.append(made.y)
            kept = Kept(tuple(one.shape for one in x), extras=made.extras)
            if "x" in node.layer.keeps:
                kept = replace(kept, x=x)
            if "y" in node.layer.keeps:
                kept = replace(kept, y=made.y)
            self._kept.append(kept)

    def __getitem__(self, path: str) -> Array:
        return self.values[self._graph.find(path)]

    @property
    def output(self) -> Array:
        return self.values[self._graph.output]

    def backward(self, dy: Array | None = None, *, operands: bool = True) -> Gradients:
        """The gradient of sum(dy * output) with respect to every value and weight; dy is ones unless given.

        `operands` False leaves out the gradients of the graph's own operands, which training does not need.
        Raises ShapeError where dy is not shaped as the output; it is taken in the output's precision.
        """
        dy = np.ones_like(self.output) if dy is None else np.asarray(dy)
        if dy.shape != self.output.shape:
            raise ShapeError(
                f"backward: expected a dy of the output's shape {self.output.shape}, but got {dy.shape}"
            )
        grown: dict[int, Array] = {self._graph.output: dy.astype(self.output.dtype, copy=False)}
        found = Gradients()
        wanted = [operands] * len(self.values)
        for i, node in enumerate(self._graph.nodes):
            if node.layer is not None:
                wanted[i] = bool(self._weights.of(node.path)) or any(wanted[j] for j in node.inputs)
        for i, node in reversed(list(enumerate(self._graph.nodes))):
            if i not in grown:
                continue
            dy = found[node.path] = grown.pop(i)
            if node.layer is None:
                continue
            wants = tuple(wanted[j] for j in node.inputs)
            made = node.layer.backward(self._weights.of(node.path), replace(self._kept[i], wants=wants), dy)
            for j, dx, want in zip(node.inputs, made.dx, wants, strict=True):
                if want and dx is not None:
                    grown[j] = grown[j] + dx if j in grown else dx
            for name, dw in made.dw.items():
                found[f"{node.path}.{name}"] = dw
        self.gradient = found
        return found


def _checked(path: str, x: Array, shape: tuple[int, ...], weights: Weights) -> Array:
    x = np.asarray(x)
    if x.shape[1:] != shape or x.ndim != 1 + len(shape):
        raise ShapeError(
            f"{path}: expected an array of shape (N, {', '.join(map(str, shape))}), samples first and "
            f"channels last, but got {x.shape}; this network reads {say(shape)}"
        )
    return x.astype(weights.dtype, copy=False)
