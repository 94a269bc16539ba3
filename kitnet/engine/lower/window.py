"""Windows of layers as the kernels know them, always of three axes."""

from __future__ import annotations

from kitnet.kernels.spec import Triple, Window
from kitnet.layers.window import Axes


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
