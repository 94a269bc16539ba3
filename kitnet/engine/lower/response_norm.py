"""Local response normalisation, across maps and within them, in both layouts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Place
from kitnet.kernels import response_contrast, response_norm, response_within
from kitnet.kernels.response_norm import Response
from kitnet.kernels.spec import Window
from kitnet.layers import Layer, LocalResponseNorm


def _layer(b: Builder, i: int) -> LocalResponseNorm:
    layer = b.node(i).layer
    assert isinstance(layer, LocalResponseNorm)
    return layer


def _response(b: Builder, i: int) -> Response:
    layer = _layer(b, i)
    return Response(layer.size, layer.alpha, layer.beta, layer.k)


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
    return kernel_window(_layer(b, i).window_axes(b.node(i).shape))


@dataclass(frozen=True)
class _Kept:
    """d, where it is not x, and 1 / (k + alpha S), where there is a way back."""

    d: Place | None
    shares: Place | None


def _room(b: Builder, i: int, name: str) -> Place:
    """For a number for each number of node i."""
    y = b.place(i)
    volume = y.volume if b.few else y.volume.dense
    return replace(y, ref=b.room_for(f"{b.node(i).path}.{name}", volume), volume=volume)


def _within(b: Builder, i: int) -> _Kept:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    reads, writes = {"x": x.ref}, {"y": y.ref}
    d = shares = None
    if _layer(b, i).region == "contrast":
        d = _room(b, i, "deviations")
        volumes, blocks = (x.volume, d.volume), b.blocks(x.volume.rows)
        kernel = response_contrast.deviations("deviations", b.cpu, b.batch, _window(b, i), *volumes, blocks)
        b.call(f"{node.path} deviations", kernel, reads, {"d": d.ref})
        reads = {**reads, "d": d.ref}
    if b.back:
        shares = _room(b, i, "shares")
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
        d.volume if d else None,
        b.blocks(x.volume.rows),
    )
    b.call(f"{node.path} forward", kernel, reads, writes)
    return _Kept(d, shares)


def _within_backward(b: Builder, i: int, kept: _Kept) -> None:
    node, dy, x, shares = b.node(i), b.dy(i), b.place(b.node(i).inputs[0]), kept.shares
    if dy is None or shares is None or not b.wants(node.inputs[0]):
        return
    sent = _room(b, i, "sent").ref
    reads = {"x": x.ref, "shares": shares.ref, "dy": dy.ref}
    volumes, blocks = (x.volume, shares.volume, dy.volume), b.blocks(x.volume.positions)
    kernel = response_within.response_sent("response_sent", b.cpu, b.batch, _response(b, i), *volumes, blocks)
    b.call(f"{node.path} backward to windows", kernel, reads, {"sent": sent})
    how, blocks = (b.cpu, b.batch, _response(b, i), _window(b, i)), b.blocks(x.volume.rows)
    if kept.d is not None:
        e = _room(b, i, "e").ref
        kernel = response_contrast.contrast_sent("contrast_sent", *how, kept.d.volume, blocks)
        b.call(f"{node.path} backward to means", kernel, {"d": kept.d.ref, "sent": sent}, {"e": e})
    dx, accumulate = b.dx_over(node.inputs[0], i)
    if kept.d is None:
        kernel = response_within.response_within_gradient(
            "response_within_gradient", *how, *volumes, dx.volume, accumulate, blocks
        )
        reads["sent"] = sent
    else:
        kernel = response_contrast.contrast_gradient(
            "contrast_gradient", *how, *volumes[1:], dx.volume, accumulate, blocks
        )
        reads = {"shares": shares.ref, "dy": dy.ref, "e": e}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _of(regions: tuple[str, ...], layer: Layer) -> bool:
    return isinstance(layer, LocalResponseNorm) and layer.region in regions


IMPLEMENTATIONS = (
    *in_both_layouts(
        Implementation(
            "lrn.across",
            "sums of neighbouring maps in one pass",
            ("lrn",),
            _across,
            _across_backward,
            only=partial(_of, ("across",)),
        )
    ),
    *in_both_layouts(
        Implementation(
            "lrn.within",
            "sums of windows in one pass",
            ("lrn",),
            _within,
            _within_backward,
            only=partial(_of, ("within", "contrast")),
        )
    ),
)
