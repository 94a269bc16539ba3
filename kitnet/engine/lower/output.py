"""What stands at the end of a network: softmax, and the losses with their gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.engine.step import TOTAL, Ref
from kitnet.kernels import loss, softmax
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Volume
from kitnet.layers import Loss


def _softmax(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    blocks = b.blocks(y.volume.positions) if b.few else 1
    kernel = softmax.softmax("softmax", b.cpu, b.batch, x.volume, y.volume, blocks)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _softmax_backward(b: Builder, i: int, kept: None) -> None:
    node, y, dy = b.node(i), b.place(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    kernel = softmax.softmax_gradient(
        "softmax_gradient", b.cpu, b.batch, y.volume, dy.volume, dx.volume, accumulate
    )
    b.call(f"{node.path} backward", kernel, {"y": y.ref, "dy": dy.ref}, {"dx": dx.ref}, adds=accumulate)


# Losses

# By the layer's word; a kernel takes the layer's fields by name.
_KERNELS: dict[str, Callable[..., Kernel]] = {
    "softmax_cross_entropy": loss.softmax_cross_entropy,
    "sigmoid_cross_entropy": loss.sigmoid_cross_entropy,
    "quadratic": loss.quadratic,
    "rbf_penalty": loss.rbf_penalty,
}


def _loss(b: Builder, i: int) -> None:
    """The loss of every image and the gradient of their weighted mean, which begins the way back."""
    node, (source, target) = b.node(i), b.node(i).inputs
    goal, scores = b.request.goal(node.path), b.place(source)
    assert goal is not None and isinstance(node.layer, Loss)
    reads = {
        "scores": scores.ref,
        "labels": Ref(f"@class {b.node(target).path}"),
        "count": b.count,
        "total": TOTAL,
    }
    writes = {"loss": b.place(i).ref}
    if not b.wants(source):
        b.call(node.path, _kernel(b, node.layer, scores.volume, None, 1.0), reads, writes)
        return
    dscores, begun = b.dx(source)
    apart = b.spare(f"d {node.path}", source) if begun else dscores
    kernel = _kernel(b, node.layer, scores.volume, apart.volume, goal.weight)
    b.call(node.path, kernel, reads, {**writes, "dscores": apart.ref})
    if begun:
        b.copy(f"{node.path} backward", apart, dscores, accumulate=True)


def _kernel(b: Builder, layer: Loss, z: Volume, dz: Volume | None, weight: float) -> Kernel:
    settings = {each.name: getattr(layer, each.name) for each in fields(layer)}  # type: ignore[arg-type]  # concrete layers are dataclasses
    return _KERNELS[layer.word](layer.word, b.cpu, b.batch, z, dz, weight=weight, **settings)


def _refuses_loss(b: Builder, i: int) -> str | None:
    source, target = b.node(i).inputs
    goal = b.request.goal(b.node(i).path)
    if goal is None or goal.form == "values":
        return "only for a target of class numbers"
    if math.prod(b.node(source).shape[:-1]) != 1:
        return "scores of more than one position"
    if b.node(i).path in b.request.seeds or b.node(target).path in b.request.gradients:
        return "only with the gradient of its own mean, and none of the target"
    return None


def _done(b: Builder, i: int, kept: None) -> None:
    """The loss has given its gradient already."""


_SOFTMAX = Implementation("softmax.images", "vector polynomials", ("softmax",), _softmax, _softmax_backward)
IMPLEMENTATIONS = (
    _SOFTMAX,
    replace(_SOFTMAX, id="softmax.channels", lanes="channels", backward=no_way_back),
    Implementation(
        "loss.images", "with its gradient in one pass", tuple(_KERNELS), _loss, _done, _refuses_loss
    ),
)
