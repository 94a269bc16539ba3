"""A layer's formulas in a precision: what it reads is rounded, or its products are made of parts.

In bf16 every value, every gradient of a value and the filters of products are rounded where a layer reads
them; in bf16x3 and bf16x6 products alone are made of parts. All else is float32: what a layer gives, sums,
biases, statistics, losses, the gradients of weights. The formulas stay the layers' own: y is linear in the
operand and in the filters, so that a sum over their parts is a sum of calls.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kitnet.base.precision import Precision, rounded, split
from kitnet.base.spec import Array
from kitnet.layers import Backward, Context, Forward, Kept, Layer
from kitnet.layers.contract import Arrays


def read(precision: Precision, layer: Layer, x: Array) -> Array:
    """A value, or the gradient of one, as the layer reads it."""
    return rounded(x) if precision.rounds and not layer.exact and x.dtype == np.float32 else x


def forward(
    precision: Precision, layer: Layer, w: Arrays, state: Arrays, ctx: Context, x: tuple[Array, ...]
) -> Forward:
    """The layer's `forward` on operands that it has read, (N, ...)."""
    if not precision.parts or not layer.products:
        return layer.forward(w, state, ctx, *x)
    values, filters, added = split(x[0], precision.parts), _parts(precision, layer, w), _nothing(layer, w)
    found = None
    for i, j in precision.products:
        w = filters[i] if found is None else {**filters[i], **added}
        made = layer.forward(w, state, ctx, values[j])
        found = made if found is None else replace(found, y=found.y + made.y)
    assert found is not None
    return found


def backward(precision: Precision, layer: Layer, w: Arrays, kept: Kept, dy: Array) -> Backward:
    """The layer's `backward` on a dy that it has read: dx of parts of filters and dy, the gradients of
    filters of parts of x and dy, all others of the whole dy.
    """
    if not precision.parts or not layer.products:
        return layer.backward(w, kept, dy)
    values, grown = split(kept.x[0], precision.parts), split(dy, precision.parts)
    filters = _parts(precision, layer, w)
    dx, dw = None, dict[str, Array]()
    for i, j in precision.products:
        made = layer.backward(filters[i], replace(kept, x=(values[i],)), grown[j])
        dx = _plus(dx, made.dx[0])
        for name, gradient in made.dw.items():
            if name in layer.products or i == 0:
                dw[name] = dw[name] + gradient if name in dw else gradient
    return Backward((dx,), dw)


def _parts(precision: Precision, layer: Layer, w: Arrays) -> list[dict[str, Array]]:
    """The parameters once for each part of the filters."""
    parts = {name: split(w[name], precision.parts) for name in layer.products}
    return [{**w, **{name: each[i] for name, each in parts.items()}} for i in range(precision.parts)]


def _nothing(layer: Layer, w: Arrays) -> dict[str, Array]:
    """Zeros for what is added once, as a bias is."""
    return {name: np.zeros_like(array) for name, array in w.items() if name not in layer.products}


def _plus(one: Array | None, other: Array | None) -> Array | None:
    return other if one is None else one if other is None else one + other
