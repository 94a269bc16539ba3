"""Local response normalisation, across maps and within them, in both layouts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Place, Ref
from kitnet.kernels import response_norm, response_within
from kitnet.kernels.response_norm import Response
from kitnet.kernels.spec import Volume, Window
from kitnet.layers import Layer, LocalResponseNorm


def _layer(b: Builder, i: int) -> LocalResponseNorm:
    layer = b.node(i).layer
    assert isinstance(layer, LocalResponseNorm)
    return layer


def _response(b: Builder, i: int) -> Response:
    layer = _layer(b, i)
    return Response(layer.size, layer.alpha, layer.beta, layer.k)


def _rows(volume: Volume) -> int:
    """What windows within maps are cut into."""
    depth, height, _ = volume.sizes
    return depth * height


def _across(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    blocks = b.blocks(x.volume.positions)
    kernel = response_norm.response_norm(
        "response_norm", b.cpu, b.batch, _response(b, i), x.volume, y.volume, blocks
    )
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _across_backward(b: Builder, i: int, kept: None) -> None:
    node, dy, x = b.node(i), b.dy(i), b.place(b.node(i).inputs[0])
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx_over(node.inputs[0], i)
    volumes, blocks = (x.volume, dy.volume, dx.volume), b.blocks(x.volume.positions)
    kernel = response_norm.response_norm_gradient(
        "response_norm_gradient", b.cpu, b.batch, _response(b, i), *volumes, accumulate, blocks
    )
    b.call(f"{node.path} backward", kernel, {"x": x.ref, "dy": dy.ref}, {"dx": dx.ref}, adds=accumulate)


def _window(b: Builder, i: int) -> Window:
    return kernel_window(_layer(b, i).axes(b.node(i).shape))


def _within(b: Builder, i: int) -> Place | None:
    """1 / (k + alpha S), where there is a way back."""
    node, x, y, shares = b.node(i), b.place(b.node(i).inputs[0]), b.place(i), None
    writes = {"y": y.ref}
    if b.back:
        dense = y.volume if b.few else y.volume.dense
        shares = replace(y, ref=b.room_for(f"{node.path}.shares", dense), volume=dense)
        writes["shares"] = shares.ref
    kernel = response_within.response_within(
        "response_within",
        b.cpu,
        b.batch,
        _response(b, i),
        _window(b, i),
        x.volume,
        y.volume,
        shares.volume if shares else None,
        b.blocks(_rows(x.volume)),
    )
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, writes)
    return shares


def _within_backward(b: Builder, i: int, shares: Place) -> None:
    node, dy, x = b.node(i), b.dy(i), b.place(b.node(i).inputs[0])
    if dy is None or not b.wants(node.inputs[0]):
        return
    sent: Ref = b.room_for(f"{node.path}.sent", shares.volume)
    reads = {"x": x.ref, "shares": shares.ref, "dy": dy.ref}
    volumes, blocks = (x.volume, shares.volume, dy.volume), b.blocks(x.volume.positions)
    kernel = response_within.response_sent("response_sent", b.cpu, b.batch, _response(b, i), *volumes, blocks)
    b.call(f"{node.path} backward to windows", kernel, reads, {"sent": sent})
    dx, accumulate = b.dx_over(node.inputs[0], i)
    kernel = response_within.response_within_gradient(
        "response_within_gradient",
        b.cpu,
        b.batch,
        _response(b, i),
        _window(b, i),
        *volumes,
        dx.volume,
        accumulate,
        b.blocks(_rows(x.volume)),
    )
    b.call(f"{node.path} backward", kernel, {**reads, "sent": sent}, {"dx": dx.ref}, adds=accumulate)


def _of(region: str, layer: Layer) -> bool:
    return isinstance(layer, LocalResponseNorm) and layer.region == region


RESPONSE_NORMS = (
    *in_both_layouts(
        Implementation(
            "lrn.across",
            "sums of neighbouring maps in one pass",
            (LocalResponseNorm,),
            _across,
            _across_backward,
            only=partial(_of, "across"),
        )
    ),
    *in_both_layouts(
        Implementation(
            "lrn.within",
            "sums of windows in one pass",
            (LocalResponseNorm,),
            _within,
            _within_backward,
            only=partial(_of, "within"),
        )
    ),
)
