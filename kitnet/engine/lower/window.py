"""Windows of layers as the kernels know them, always of three axes."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.kernels.spec import Triple, Window
from kitnet.layers.window import Axes, Windowed


def window_of(b: Builder, i: int) -> Window:
    """Of the layer of node i, whose window slides over its one operand."""
    layer, (shape,) = b.node(i).layer, b.graph.shapes_into(b.node(i))
    assert isinstance(layer, Windowed)
    return kernel_window(layer.axes(shape))


def kernel_window(axes: Axes) -> Window:
    return Window(
        _triple([a.window for a in axes], 1),
        _triple([a.stride for a in axes], 1),
        _triple([a.dilation for a in axes], 1),
        _triple([a.before for a in axes], 0),
    )


def _triple(values: list[int], missing: int) -> Triple:
    depth, height, width = [missing] * (3 - len(values)) + values
    return depth, height, width
