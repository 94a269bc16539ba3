"""What stands at the end of a network: softmax, radial basis units, and the losses with their gradient."""

from __future__ import annotations

import math

import numpy as np

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.step import COUNT, Ref
from kitnet.kernels import loss, radial_basis, softmax
from kitnet.layers import (
    Quadratic,
    RadialBasis,
    RadialBasisPenalty,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
)
from kitnet.layers.radial_basis import digit_bitmaps


def _softmax(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = softmax.softmax("softmax", b.cpu, b.batch, x.volume, y.volume)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _softmax_backward(b: Builder, i: int) -> None:
    node, y, dy = b.node(i), b.place(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    kernel = softmax.softmax_gradient(
        "softmax_gradient", b.cpu, b.batch, y.volume, dy.volume, dx.volume, accumulate
    )
    b.call(f"{node.path} backward", kernel, {"y": y.ref, "dy": dy.ref}, {"dx": dx.ref}, adds=accumulate)


def _bitmaps(b: Builder) -> Ref:
    return b.constant("bitmaps", digit_bitmaps().astype(np.float32))


def _radial_basis(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = radial_basis.rbf("rbf", b.cpu, b.batch, x.volume, y.volume)
    b.call(f"{node.path} forward", kernel, {"x": x.ref, "bitmaps": _bitmaps(b)}, {"y": y.ref})


def _radial_basis_backward(b: Builder, i: int) -> None:
    node, x, dy = b.node(i), b.place(b.node(i).inputs[0]), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    kernel = radial_basis.rbf_gradient(
        "rbf_gradient", b.cpu, b.batch, x.volume, dy.volume, dx.volume, accumulate
    )
    reads = {"x": x.ref, "bitmaps": _bitmaps(b), "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _loss(b: Builder, i: int) -> None:
    """The loss of every image and the gradient of their mean, which begins the way back."""
    node, layer = b.node(i), b.node(i).layer
    scores, (dscores, _) = b.place(node.inputs[0]), b.dx(node.inputs[0])
    z, dz = scores.volume, dscores.volume
    match layer:
        case SoftmaxCrossEntropy():
            kernel = loss.softmax_cross_entropy("softmax_cross_entropy", b.cpu, b.batch, z, dz)
        case SigmoidCrossEntropy():
            kernel = loss.sigmoid_cross_entropy("sigmoid_cross_entropy", b.cpu, b.batch, z, dz)
        case Quadratic():
            kernel = loss.quadratic("quadratic", b.cpu, b.batch, z, dz)
        case RadialBasisPenalty(rubbish):
            kernel = loss.rbf_penalty("rbf_penalty", b.cpu, b.batch, z, dz, rubbish)
        case _:
            raise AssertionError(f"{layer} is no loss of this implementation")
    reads = {"scores": scores.ref, "labels": Ref("@labels"), "count": Ref(COUNT)}
    b.call(node.path, kernel, reads, {"loss": Ref("@losses"), "dscores": dscores.ref})


def _one_position(b: Builder, i: int) -> str | None:
    shape = b.node(b.node(i).inputs[0]).shape
    return None if math.prod(shape[:-1]) == 1 else "scores of more than one position"


def _done(b: Builder, i: int) -> None:
    """The loss has given its gradient already."""


SOFTMAX = Implementation("vector polynomials", (Softmax,), _softmax, _softmax_backward)
RADIAL_BASIS = Implementation("one pass", (RadialBasis,), _radial_basis, _radial_basis_backward)
LOSS = Implementation(
    "with its gradient in one pass",
    (SoftmaxCrossEntropy, SigmoidCrossEntropy, Quadratic, RadialBasisPenalty),
    _loss,
    _done,
    _one_position,
)
