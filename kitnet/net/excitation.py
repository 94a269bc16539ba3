"""Squeeze-and-excitation, written as a layer is: `se16`."""

from __future__ import annotations

from dataclasses import dataclass

from kitnet import layers
from kitnet.base.error import ShapeError
from kitnet.base.shape import say
from kitnet.layers.value import INTEGER, argument
from kitnet.net.block import Block, Chain, Scope


@dataclass(frozen=True)
class SqueezeExcitation(Block):
    """`se16`: y = x times a weight for each map, which two linear layers make of the means of all maps, C /
    16 units wide between them, with a sigmoid at their end (Hu, Shen & Sun 2018, equations 2 to 4)."""

    reduction: int = argument(INTEGER)
    word = "se"
    numbers = ("reduction",)
    form = "se16"
    chains = (0, 0)

    def wire(self, scope: Scope, path: str, x: int) -> int:
        shape, inner = scope.graph.nodes[x].shape, scope.inner(path)
        if len(shape) < 2:
            raise ShapeError(
                f"{path}: se weighs the maps of a volume such as 28x28x64, but its input is {say(shape)}; "
                "put it before the layers that flatten"
            )
        if not 1 <= self.reduction <= shape[-1]:
            raise ShapeError(
                f"{path}: {shape[-1]} maps are not reduced {self.reduction} times; use a number from 1 to "
                f"{shape[-1]}"
            )
        weigh = Chain.of(
            layers.MeanPool(shape[:-1]),
            layers.Linear(shape[-1] // self.reduction),
            layers.Relu(),
            layers.Linear(shape[-1]),
            layers.Sigmoid(),
        )
        return scope.add(path, layers.Multiply(), x, weigh.run(inner, x))
