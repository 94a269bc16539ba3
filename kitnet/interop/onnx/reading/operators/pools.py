"""Pools over windows and over whole maps."""

from __future__ import annotations

from typing import Any

from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value
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
        one(slides.stride),
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
    return _pool(call, MeanPool, count_pad=bool(call.whole("count_include_pad", 0)))


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
