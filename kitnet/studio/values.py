"""Every value of the network that trains for one picture, and the gradient of its loss at each, out of a plan
for one picture."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net import Tape
from kitnet.net.objective import goals_of, with_goals
from kitnet.train.loop import Loop


class Values:
    """Of the layers at `paths`; its plan is made once, and takes the weights as they are then."""

    def __init__(self, loop: Loop, paths: list[str]) -> None:
        self._loop, self._paths = loop, paths
        model = loop.run.model
        self._net, goals = model.net, goals_of(model.net.graph, model.losses)
        self._goals, self._graph = goals, with_goals(model.net.graph, goals)
        ends = [self._graph.find(goal.path) for goal in goals]
        reached = {self._graph.nodes[i].path for i in self._graph.leading_to(*ends)} if ends else set()
        self._reached = [path for path in paths if path in reached]

    def __call__(self, x: Array, label: int) -> tuple[dict[str, Array], dict[str, Array]]:
        """Of one prepared picture (1,H,W,C) and its class: values, and gradients of the loss that training
        lessens, by their paths; a value that the loss does not read has none."""
        net, (operand,) = self._net, self._net.operands
        operands, labels = {operand: x}, np.array([label])
        for goal in self._goals:
            operands[goal.target] = goal.spread(labels, net.weights.dtype)
        seeds = {goal.path: np.full(1, goal.weight, net.weights.dtype) for goal in self._goals}
        if self._loop.step_of.engine == "compiled":
            ran = self._plan(net.state, Context(), operands, seeds)
            return ran.values, ran.gradients
        tape = Tape(self._graph, net.weights, net.state, Context(), operands)
        back = tape.backward(seeds, operands=False)
        return {path: tape[path] for path in self._paths}, {path: back[path] for path in self._reached}

    @cached_property
    def _plan(self) -> Any:
        from kitnet.engine.once import Readout  # which needs llvmlite

        net, goals = self._net, [goal.path for goal in self._goals]
        return Readout(
            self._graph, net.weights, net.state, 1, self._paths, goals, self._reached,
            parameters=False, threads=self._loop.run.settings.threads or 1,
        )  # fmt: skip
