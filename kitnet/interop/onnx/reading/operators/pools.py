"""Pools over windows and over whole maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value
from kitnet.interop.onnx.reading.operators.arithmetic import times_known
from kitnet.interop.onnx.reading.operators.convolutions import as_image, one, one_pad, slides_of
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import L2Pool, MaxPool, MeanPool


def _pool(call: Call, kind: Any, **more: Any) -> Value:
    x = call.image(0)
    sizes, window = x.shape[1:], call.wholes("kernel_shape")
    if window is None or len(window) != len(sizes):
        raise UnsupportedError(f"its kernel_shape does not fit images of {len(sizes)} axes")
    slides = slides_of(call, window)
    misfit = "ceil" if call.whole("ceil_mode", 0) and slides.auto == "NOTSET" else "floor"
    layer = kind(
        one(window),
        None if slides.stride == window else one(slides.stride),
        one_pad(slides.padding(sizes)),
        misfit if slides.left(sizes) else "error",
        one(slides.dilation),
        **more,
    )
    return as_image(call, call.add(layer, x))


@reads("MaxPool")
def max_pool(call: Call) -> Value:
    return _pool(call, MaxPool)


@reads("AveragePool")
def average_pool(call: Call) -> Value:
    counted = bool(call.whole("count_include_pad", 0))
    y = _pool(call, MeanPool, count_pad=counted)
    return _without_overhang(call, y) if counted and call.whole("ceil_mode", 0) else y


def _without_overhang(call: Call, y: Value) -> Value:
    """Means over windows with their padding, but not with what hangs over its end by ceil_mode."""
    building, layer = call.building, call.building.graph.nodes[y.index].layer
    assert isinstance(layer, MeanPool)
    axes = layer.axes(building.graph.nodes[building.graph.nodes[y.index].inputs[0]].shape)
    pads = slides_of(call, tuple(axis.window for axis in axes)).padding(tuple(axis.size for axis in axes))
    share = np.ones((), np.float32)
    for axis, (_, behind) in zip(axes, pads, strict=True):
        starts = np.arange(axis.output)[:, None] * axis.stride - axis.before
        places = starts + np.arange(axis.window) * axis.dilation
        share = np.multiply.outer(share, axis.window / (places < axis.size + behind).sum(1))
    return y if np.all(share == 1) else times_known(call, y, share[None, None].astype(np.float32))


@reads("LpPool")
def lp_pool(call: Call) -> Value:
    return _pool(call, L2Pool, **_power(call))


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(call: Call) -> Value:
    kind = {"GlobalAveragePool": MeanPool, "GlobalMaxPool": MaxPool, "GlobalLpPool": L2Pool}[call.kind]
    more = _power(call) if kind is L2Pool else {}
    return as_image(call, call.add(kind(regions=1, **more), call.image(0)))


def _power(call: Call) -> dict[str, float]:
    p = call.number("p", 2)
    return {} if p == 2 else {"p": p}
