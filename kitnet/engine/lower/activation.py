"""The gradient of an activation that the step before it does in passing."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.step import Place
from kitnet.kernels import elementwise


def through_fused_activation(b: Builder, i: int) -> Place | None:
    """The gradient of what node i computed before its fused activation, if it has one; None where nobody gave
    any.

    It takes the place of the activation's gradient, which nobody else reads.
    """
    dy = b.dy(b.fused.get(i, i))
    if dy is None or i not in b.fused:
        return dy
    activation, y = b.node(b.fused[i]), b.place(b.fused[i])
    kernel = elementwise.activation_gradient(
        "activation_gradient",
        b.cpu,
        b.batch,
        kind=b.fused_word(i) or "",
        y=y.volume,
        dy=dy.volume,
        dx=dy.volume,
        blocks=b.blocks(y.volume.positions),
    )
    b.call(f"{activation.path} backward", kernel, {"y": y.ref, "dy": dy.ref}, {"dx": dy.ref})
    return dy
