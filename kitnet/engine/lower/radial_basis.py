"""LeNet-5's radial basis units, whose weights are bitmaps of the digits."""

from __future__ import annotations

import numpy as np

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.step import Ref
from kitnet.kernels import radial_basis
from kitnet.layers.radial_basis import digit_bitmaps


def _bitmaps(b: Builder) -> Ref:
    return b.constant("bitmaps", digit_bitmaps().astype(np.float32))


def _radial_basis(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = radial_basis.rbf("rbf", b.cpu, b.batch, x.volume, y.volume)
    b.call(f"{node.path} forward", kernel, {"x": x.ref, "bitmaps": _bitmaps(b)}, {"y": y.ref})


def _radial_basis_backward(b: Builder, i: int, kept: None) -> None:
    node, x, dy = b.node(i), b.place(b.node(i).inputs[0]), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    kernel = radial_basis.rbf_gradient(
        "rbf_gradient", b.cpu, b.batch, x.volume, dy.volume, dx.volume, accumulate
    )
    reads = {"x": x.ref, "bitmaps": _bitmaps(b), "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = (Implementation("rbf.images", "one pass", ("rbf",), _radial_basis, _radial_basis_backward),)
