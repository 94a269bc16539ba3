"""The stage of planning that writes steps: forward in the order of the graph, then the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kitnet.engine.builder import Builder
from kitnet.engine.convert import Convert, convert, convert_back
from kitnet.engine.fuse import PRODUCTS, Fused
from kitnet.engine.layout import Laid
from kitnet.engine.setting import Setting, volume_of
from kitnet.engine.slicing import Slicing, repeat, slicing_of
from kitnet.engine.step import LARGE, Place, Ref
from kitnet.engine.update import update_steps
from kitnet.kernels.emit import writing_once
from kitnet.net.times import BACKWARD, UPDATE


@dataclass(frozen=True)
class Lowered:
    """The builder with all steps, and how the first layers are done in slices, if they are."""

    builder: Builder
    slicing: Slicing | None


def lower(laid: Laid, fused: Fused, setting: Setting, sliced: bool) -> Lowered:
    """All steps of a plan. `sliced` allows that the first layers do some images at a time."""
    b = Builder(setting, fused)
    for i, node in enumerate(b.graph.nodes):
        if node.layer is None:
            b.bind(i, Ref(f"@in {node.path}"))
        elif i in laid.outside:
            b.bind(i, Ref(f"@out {laid.outside[i]}"))
    with writing_once():
        return _Lowering(b, laid, fused).run(sliced)


class _Lowering:
    def __init__(self, b: Builder, laid: Laid, fused: Fused) -> None:
        self._b, self._laid = b, laid
        self._heads = [i for i, node in enumerate(b.graph.nodes) if node.layer and i not in fused.passed]
        self._kept: dict[int, Any] = {}
        self._moved: set[int] = set()

    def run(self, sliced: bool) -> Lowered:
        b = self._b
        slicing = slicing_of(b, self._heads) if sliced else None
        self._forward(slicing)
        if b.back:
            b.way = BACKWARD
            self._seed()
            self._backward()
            b.add_shared_gradients()
            b.way = UPDATE
            update_steps(b)
        return Lowered(b, slicing)

    def _forward(self, slicing: Slicing | None) -> None:
        b, whole = self._b, dict(self._b.batches)
        if slicing:
            lanes = b.setting.lanes[slicing.last]
            b.batches[lanes] = replace(whole[lanes], groups=slicing.images // whole[lanes].images)
        for i in self._heads:
            b.at = i
            node = b.node(i)
            if isinstance(node.layer, Convert):
                convert(b, node.path, b.place(node.inputs[0]), b.place(i))
            else:
                self._kept[i] = self._laid.taken[i].forward(b, i)
            if slicing and b.fused.get(i, i) == slicing.last:
                repeat(b, slicing, whole[b.lanes])

    def _seed(self) -> None:
        """The gradients that the caller gives."""
        b = self._b
        for path in b.request.seeds:
            i = b.graph.find(path)
            b.at = i
            dx, begun = b.dx(i)
            given = _outside(b, f"@seed {path}", i)
            apart = b.spare(f"d {path} given", i) if begun else dx
            convert(b, f"{path} seed", given, apart, gradient=True)
            if begun:
                b.copy(f"{path} seed", apart, dx, accumulate=True)

    def _backward(self) -> None:
        b, heads, asked = self._b, set(self._heads), set(self._b.request.gradients)
        for i in reversed(range(len(b.graph.nodes))):
            b.at = b.reached = i
            node, dy = b.node(i), b.dy(i)
            asked_for = _outside(b, f"@d {node.path}", i)
            if node.path in asked and dy is not None and dy.ref != asked_for.ref:
                convert(b, f"{node.path} gradient", dy, asked_for, gradient=True)
            if i not in heads:
                continue
            if isinstance(node.layer, Convert):
                convert_back(b, i)
                continue
            self._again(i)
            self._laid.taken[i].backward(b, i, self._kept.get(i))

    def _again(self, i: int) -> None:
        """A large operand lies in the lanes twice, for the way forward and for the way back, rather than all
        the way between."""
        b = self._b
        if b.own or b.node(i).word not in PRODUCTS:
            return
        for j in b.node(i).inputs:
            node = b.node(j)
            operand = isinstance(node.layer, Convert) and b.node(node.inputs[0]).layer is None
            if operand and j not in self._moved and b.buffers[b.place(j).ref.buffer] >= LARGE:
                self._moved.add(j)
                b.move(j)
                convert(b, node.path, b.place(node.inputs[0]), b.place(j))


def _outside(b: Builder, buffer: str, i: int) -> Place:
    """What the caller has of value i, or of its gradient."""
    volume = volume_of(b.node(i).shape, lanes="channels")
    return Place(Ref(buffer), volume, b.batches["channels"])
