"""The gradient of an activation that the step before it does in passing."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.step import Place
from kitnet.kernels import elementwise


def through_fused_activation(b: Builder, i: int) -> Place | None:
    """The gradient of what node i computed before its fused activation, if it has one; None where nobody gave
    any.

    It is the gradient of the value that the node stores from then on.
    """
    last, activation = b.fused.get(i, i), b.activation_back(i)
    dy = b.dy(last)
    if dy is None or activation is None:
        return dy
    y, dx = b.place(last), b.changed_dy(last)
    kernel = elementwise.activation_gradient(
        "activation_gradient",
        b.cpu,
        b.batch,
        source=y.volume,
        activation=activation,
        dy=dy.volume,
        dx=dx.volume,
        blocks=b.blocks(y.volume.positions),
    )
    b.call(f"{b.node(last).path} backward", kernel, {"source": y.ref, "dy": dy.ref}, {"dx": dx.ref})
    return dx
