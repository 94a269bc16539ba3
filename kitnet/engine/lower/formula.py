"""The last implementation of every layer: its own formula, run by Python as a step of the plan.

A layer that keeps its samples apart does so in the groups in which the batch goes through the other layers;
only one that mixes them waits for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kitnet.base.spec import Array
from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.setting import Lanes
from kitnet.engine.step import Memory, Place, Ref
from kitnet.layers import Kept, Loss
from kitnet.net.formula import run_backward, run_forward
from kitnet.net.objective import Goal


def _across(b: Builder, i: int) -> bool:
    """Whether the formula needs all samples at once, as one that changes its state does."""
    node = b.node(i)
    assert node.layer is not None
    changes = b.train and bool(node.layer.state(*b.graph.shapes_into(node)))
    return node.layer.mixes_samples(b.train) or changes


class _Operand:
    """How a formula step reads one operand: a value, or class numbers, which it spreads."""

    def __init__(self, b: Builder, j: int) -> None:
        self.node = b.node(j)
        self.goal: Goal | None = b.request.class_operands().get(self.node.path)
        self.place = None if self.goal else b.place(j)
        self.batch = b.batch

    @property
    def ref(self) -> Ref:
        return self.place.ref if self.place else Ref(f"@class {self.node.path}")

    def read(self, memory: Memory) -> Array:
        if self.place:
            return memory.read(self.place, self.node.shape)
        assert self.goal is not None
        classes = memory.classes(self.node.path, self.batch, self.goal.scores[:-1])
        return self.goal.spread(classes, np.float32)


def _forward(b: Builder, i: int) -> None:
    node, y, batch = b.node(i), b.place(i), b.batch
    assert node.layer is not None
    layer, operands = node.layer, [_Operand(b, j) for j in node.inputs]

    def run(memory: Memory) -> None:
        x = tuple(operand.read(memory) for operand in operands)
        state, context = memory.state(node.path), memory.context(node.path, batch)
        made = run_forward(node.path, layer, node.shape, memory.weights(node.owner), state, context, x)
        memory.write(y, made.y, gradient=isinstance(layer, Loss))  # no loss beyond the batch
        memory.change(node.path, made.state)
        kept = Kept(tuple(one.shape for one in x), extras=made.extras)
        kept = replace(kept, x=x) if "x" in layer.keeps else kept
        memory.keep(node.path, replace(kept, y=made.y) if "y" in layer.keeps else kept)

    reads = {f"x{j}": operand.ref for j, operand in enumerate(operands)}
    b.host(f"{node.path} forward", run, reads, {"y": y.ref}, _across(b, i))


def _backward(b: Builder, i: int, kept: None) -> None:
    node, goal, across, batch = b.node(i), b.request.goal(b.node(i).path), _across(b, i), b.batch
    dy, weight = None if goal else b.dy(i), goal.weight if goal else 0.0
    if dy is None and goal is None:
        return
    assert node.layer is not None
    layer, shapes = node.layer, b.graph.shapes_into(node)
    wants = tuple(b.wants(j) for j in node.inputs)
    targets = _targets(b, i, wants)
    shares = _Shares(b, i, 1 if across else b.batch.groups) if b.learns(i) else None
    reads, writes = ({"dy": dy.ref} if dy else {}), {}
    for j, (place, accumulate) in targets.items():
        writes[f"dx{j}"] = place.ref
        if accumulate:
            reads[f"dx{j} so far"] = place.ref

    def run(memory: Memory) -> None:
        given = memory.read(dy, node.shape) if dy else memory.mean_seed(weight, batch)
        before = replace(memory.kept(node.path), wants=wants)
        made = run_backward(node.path, layer, memory.weights(node.owner), before, given)
        if shares:
            shares.put(memory, made.dw)
        for j, (place, accumulate) in targets.items():
            dx = made.dx[j]
            if accumulate:
                so_far = memory.read(place, shapes[j])
                dx = so_far if dx is None else so_far + dx
            elif dx is None:
                dx = np.zeros((len(given), *shapes[j]))
            memory.write(place, dx, gradient=True)

    b.host(f"{node.path} backward", run, reads, {**writes, **(shares.writes if shares else {})}, across)
    if shares:
        shares.add_up()


def _targets(b: Builder, i: int, wants: tuple[bool, ...]) -> dict[int, tuple[Place, bool]]:
    """By the number of the operand: where its gradient goes, and whether it is added there."""
    return {j: b.dx(source) for j, source in enumerate(b.node(i).inputs) if wants[j]}


class _Shares:
    """Gradients of parameters, a share for each task, which are added up at the end."""

    def __init__(self, b: Builder, i: int, tasks: int) -> None:
        node, self._b, self._tasks = b.node(i), b, tasks
        assert node.layer is not None
        self._whole: dict[str, Ref] = {}
        self._shapes = {name: p.shape for name, p in node.layer.params(*b.graph.shapes_into(node)).items()}
        self.writes: dict[str, Ref] = {}
        for name, shape in self._shapes.items():
            self._whole[name] = b.weight_gradient(i, name)
            size, label = math.prod(shape), f"{node.path}.{name} shares"
            apart = b.apart(tasks)
            self.writes[f"dw {name}"] = b.room(label, tasks * size) if apart else self._whole[name]

    def put(self, memory: Memory, dw: Mapping[str, Array]) -> None:
        for name, shape in self._shapes.items():
            share = memory.array(self.writes[f"dw {name}"].plus(memory.task * math.prod(shape)), shape)
            share[...] = dw[name]

    def add_up(self) -> None:
        if self._b.apart(self._tasks):
            for name, shape in self._shapes.items():
                size, partial = math.prod(shape), self.writes[f"dw {name}"]
                self._b.sum_up(partial.buffer, self._tasks, size, partial, self._whole[name])


def _formula(lanes: Lanes) -> Implementation:
    return Implementation(f"formula.{lanes}", "formula", (), _forward, _backward, lanes=lanes, across=_across)


FORMULAS: dict[Lanes, Implementation] = {"images": _formula("images"), "channels": _formula("channels")}
