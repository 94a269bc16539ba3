"""Dropout: no step for scores; in training a kernel that draws the formula's own random bits. Where maps or
samples are dropped as one, factors are drawn, and multiplied as a value of one position.
"""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.lower.elementwise import SAME
from kitnet.engine.step import Place, Ref
from kitnet.kernels import dropout, product
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


def _draw_factors(b: Builder, i: int) -> Place:
    """The factor of each map."""
    node, layer, x, y = b.node(i), _layer(b, i), b.place(b.node(i).inputs[0]), b.place(i)
    channels = y.volume.channels
    volume = replace(y.volume, sizes=(1, 1, 1), pitch=channels)
    factor = Place(b.room_for(f"{node.path}.factor", volume), volume, y.batch)
    kernel = dropout.dropout_factors(
        "dropout_factors", b.cpu, b.batch, layer.drop, volume, together=layer.of == "samples"
    )
    b.call(f"{node.path} factors", kernel, {"random": Ref(f"@random {node.path}")}, {"factor": factor.ref})
    _multiply(b, f"{node.path} forward", x, factor, y)
    return factor


def _draw_factors_backward(b: Builder, i: int, factor: Place) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is not None and b.wants(node.inputs[0]):
        _multiply(b, f"{node.path} backward", dy, factor, *b.dx_over(node.inputs[0], i))


def _multiply(b: Builder, label: str, x: Place, factor: Place, y: Place, accumulate: bool = False) -> None:
    kernel = product.multiply(
        "multiply",
        b.cpu,
        b.batch,
        [x.volume, factor.volume],
        y.volume,
        accumulate,
        b.blocks(y.volume.positions),
    )
    b.call(label, kernel, {"x0": x.ref, "x1": factor.ref}, {"y": y.ref}, adds=accumulate)


def _drops(b: Builder, i: int) -> str | None:
    return "training drops numbers" if b.train else None


def _drops_nothing(b: Builder, i: int) -> str | None:
    return None if b.train else "only in training"


def _drops_units(layer: object) -> bool:
    return isinstance(layer, Dropout) and layer.of == "units"


IMPLEMENTATIONS = (
    *in_both_layouts(
        replace(
            SAME, id="dropout", sentence="no step where nothing drops", words=("dropout",), refuses=_drops
        )
    ),
    Implementation(
        "dropout.drawn.images",
        "random bits in vectors",
        ("dropout",),
        _draw,
        _draw_backward,
        _drops_nothing,
        only=_drops_units,
    ),
    Implementation(
        "dropout.factors.images",
        "random bits in vectors, for maps and samples",
        ("dropout",),
        _draw_factors,
        _draw_factors_backward,
        _drops_nothing,
        only=lambda layer: not _drops_units(layer),
    ),
)
