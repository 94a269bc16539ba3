"""Local contrast normalisation, with images in the lanes."""

from __future__ import annotations

import numpy as np

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.step import Ref
from kitnet.kernels import contrast_norm
from kitnet.kernels.contrast_norm import Contrast
from kitnet.layers import ContrastNorm


def _layer(b: Builder, i: int) -> ContrastNorm:
    layer = b.node(i).layer
    assert isinstance(layer, ContrastNorm)
    return layer


def _norm(b: Builder, i: int) -> Contrast:
    return Contrast(_layer(b, i).size // 2, _layer(b, i).floor)


def _weights(b: Builder, i: int) -> Ref:
    """Of each axis, for axes of one place too."""
    sizes = b.volume(i).sizes
    flat = np.concatenate([matrix.ravel() for matrix in _layer(b, i).weights(sizes)])
    return b.constant(f"{b.node(i).path} weights", flat.astype(np.float32))


def _forward(b: Builder, i: int) -> Ref | None:
    """sigma, where there is a way back."""
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = contrast_norm.contrast_norm(
        "contrast_norm", b.cpu, b.batch, _norm(b, i), x.volume, y.volume, keeps=b.back
    )
    writes, sigma = {"y": y.ref}, None
    if b.back:
        size = b.batch.groups * x.volume.positions * b.batch.images
        writes["sigma"] = sigma = b.room(f"{node.path}.sigma", size)
    b.call(f"{node.path} forward", kernel, {"x": x.ref, "weights": _weights(b, i)}, writes)
    return sigma


def _backward(b: Builder, i: int, sigma: Ref) -> None:
    node, y, dy = b.node(i), b.place(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx_over(node.inputs[0], i)
    volumes = y.volume, dy.volume, dx.volume
    kernel = contrast_norm.contrast_norm_gradient(
        "contrast_norm_gradient", b.cpu, b.batch, _norm(b, i), *volumes, accumulate
    )
    reads = {"y": y.ref, "sigma": sigma, "weights": _weights(b, i), "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = (
    Implementation(
        "contrastnorm.images",
        "means of positions in scratch memory",
        ("contrastnorm",),
        _forward,
        _backward,
    ),
)
