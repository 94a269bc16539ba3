"""Normalisations by running statistics, by those of a sample, and by neighbours."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import BatchNorm, Dropout, InstanceNorm, LocalResponseNorm


@reads("BatchNormalization")
def batch_norm(call: Call) -> Value:
    if call.whole("training_mode", 0):
        raise UnsupportedError("it is in training mode; export the network for inference")
    scale, shift, mean, var = (call.weight(k, what) for k, what in enumerate(_STATISTICS, 1))
    x = call.image(0)
    layer = BatchNorm(call.number("momentum", 0.9), call.number("epsilon", 1e-5))
    index = call.add(layer, x, weights={"scale": scale, "shift": shift}, state={"mean": mean, "var": var})
    return Value(index, x.parts, x.order, x.shape)


_STATISTICS = ("scale", "shift", "mean", "variance")


@reads("InstanceNormalization")
def instance_norm(call: Call) -> Value:
    weights: dict[str, Array] = {"scale": call.weight(1, "scale"), "shift": call.weight(2, "shift")}
    x = call.image(0)
    index = call.add(InstanceNorm(True, call.number("epsilon", 1e-5)), x, weights=weights)
    return Value(index, x.parts, x.order, x.shape)


@reads("LRN")
def response_norm(call: Call) -> Value:
    size = call.whole("size", 0)
    alpha = call.number("alpha", 1e-4) / max(size, 1)  # ONNX divides it by the numbers in a window
    layer = LocalResponseNorm(size, alpha=alpha, beta=call.number("beta", 0.75), k=call.number("bias", 1))
    return call.pointwise(layer, call.image(0))


@reads("Dropout")
def dropout(call: Call) -> list[Value | Array | None]:
    training = call.known(2, "training mode") if call.has(2) else None
    if call.whole("training_mode", 0) or (training is not None and bool(training)):
        raise UnsupportedError("it is in training mode; export the network for inference")
    ratio = float(str(call.known(1, "ratio").ravel()[0])) if call.has(1) else 0.5
    if not 0 <= ratio < 1:
        raise UnsupportedError(f"a ratio of {ratio:g} is no probability below 1")
    mask = np.ones(call.full_shape(0), bool) if call.used[1:] == (True,) else None
    return [call.pointwise(Dropout(ratio)), mask]
