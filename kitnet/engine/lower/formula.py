"""The last implementation of every layer: its own formula, run by Python as a step of the plan."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.step import FormulaStep, Memory, Ref
from kitnet.layers import Kept, Layer


def forward(b: Builder, i: int) -> None:
    node, y = b.node(i), b.place(i)
    assert node.layer is not None
    layer, xs, shapes = node.layer, [b.place(j) for j in node.inputs], b.graph.shapes_into(node)

    def run(memory: Memory) -> None:
        x = tuple(memory.read(place, shape) for place, shape in zip(xs, shapes, strict=True))
        state = memory.state.get(node.path, {})
        made = layer.forward(memory.weights.of(node.path), state, memory.context(node.path), *x)
        memory.write(y, made.y)
        for name, array in made.state.items():
            state[name][...] = array
        kept = Kept(tuple(one.shape for one in x), extras=made.extras)
        if "x" in layer.keeps:
            kept = replace(kept, x=x)
        if "y" in layer.keeps:
            kept = replace(kept, y=made.y)
        memory.kept[node.path] = kept

    b.formula(
        FormulaStep(f"{node.path} forward", run, {f"x{j}": x.ref for j, x in enumerate(xs)}, {"y": y.ref})
    )


def backward(b: Builder, i: int) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None:
        return
    assert node.layer is not None
    layer, shapes = node.layer, b.graph.shapes_into(node)
    wants = tuple(b.wants(j) for j in node.inputs)
    targets = [b.dx(j) if want else None for j, want in zip(node.inputs, wants, strict=True)]
    reads: dict[str, Ref] = {"dy": dy.ref}
    writes: dict[str, Ref] = {}
    for j, target in enumerate(targets):
        if target is not None:
            writes[f"dx{j}"] = target[0].ref
            if target[1]:
                reads[f"dx{j} so far"] = target[0].ref

    def run(memory: Memory) -> None:
        kept = replace(memory.kept.pop(node.path), wants=wants)
        made = layer.backward(memory.weights.of(node.path), kept, memory.read(dy, node.shape))
        for name, dw in made.dw.items():
            memory.gradient[f"{node.path}.{name}"][...] = dw
        for target, dx, shape in zip(targets, made.dx, shapes, strict=True):
            if target is not None and dx is not None:
                place, accumulate = target
                memory.write(place, memory.read(place, shape) + dx if accumulate else dx)

    b.formula(FormulaStep(f"{node.path} backward", run, reads, writes))


FORMULA = Implementation("formula", (Layer,), forward, backward, across=True)
