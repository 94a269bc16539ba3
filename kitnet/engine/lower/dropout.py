"""Dropout: no step for scores; in training a kernel that draws the formula's own random bits."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.lower.elementwise import SAME
from kitnet.engine.step import Ref
from kitnet.kernels import dropout
from kitnet.kernels.types import U8
from kitnet.layers import Dropout


def _layer(b: Builder, i: int) -> Dropout:
    layer = b.node(i).layer
    assert isinstance(layer, Dropout)
    return layer


def _draw(b: Builder, i: int) -> Ref:
    """Which numbers are kept."""
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    blocks = b.blocks(x.volume.positions * x.volume.channels)
    kernel = dropout.dropout("dropout", b.cpu, b.batch, _layer(b, i).drop, x.volume, y.volume, blocks)
    kept = b.room_for(f"{node.path}.kept", replace(y.volume.dense, type=U8))
    reads = {"x": x.ref, "random": Ref(f"@random {node.path}")}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref, "kept": kept})
    return kept


def _draw_backward(b: Builder, i: int, kept: Ref) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx_over(node.inputs[0], i)
    blocks = b.blocks(dy.volume.positions)
    kernel = dropout.dropout_gradient(
        "dropout_gradient", b.cpu, b.batch, _layer(b, i).drop, dy.volume, dx.volume, accumulate, blocks
    )
    reads = {"kept": kept, "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _drops(b: Builder, i: int) -> str | None:
    return "training drops numbers" if b.train else None


def _drops_nothing(b: Builder, i: int) -> str | None:
    return None if b.train else "only in training"


DROPOUTS = in_both_layouts(
    replace(SAME, id="dropout", sentence="no step where nothing drops", layers=(Dropout,), refuses=_drops)
)
DRAWN = Implementation(
    "dropout.drawn.images",
    "random bits in vectors",
    (Dropout,),
    _draw,
    _draw_backward,
    _drops_nothing,
)
