"""Products with matrices: Gemm and MatMul."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, in_order
from kitnet.interop.onnx.reading.operators.arithmetic import add_known, spread, summed
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import LAYERS, Convolution, Linear, Scale


@reads("Gemm")
def gemm(call: Call) -> Value:
    w = call.weight(1, "matrix")
    if w.ndim != 2:
        raise UnsupportedError(f"its matrix has {w.ndim} axes")
    w = (w.T if call.whole("transB", 0) else w) * np.float32(call.attributes.get("alpha", 1.0))
    bias, beta = None, np.float32(call.attributes.get("beta", 1.0)) if call.has(2) else np.float32(0)
    if beta and not isinstance(call.operands[2], Value):
        bias = call.weight(2, "bias") * beta
    x = call.value(0)
    if len(x.shape) + call.batched != 2:
        raise UnsupportedError(f"its first operand has {len(x.shape) + call.batched} axes")
    if call.whole("transA", 0):
        if call.batched:
            raise AlongBatchError("transA puts another axis in the place of the samples")
        x = _turned(x)
    units = w.shape[1]
    row = None if bias is None else _row(bias, units)
    y = _times(call, x, w, row)
    if beta and isinstance(call.operands[2], Value):
        return summed(call, [y, call.pointwise(Scale(float(beta)), call.value(2))])
    return y if bias is None or row is not None else add_known(call, y, bias)


def _turned(x: Value) -> Value:
    """The matrix x the other way round."""
    groups = x.grouped()
    assert groups is not None or len(x.parts) <= 1
    first = len(groups[0]) if groups else 0
    order = (*x.order[first:], *x.order[:first])
    return Value(x.index, x.parts, order, x.shape[::-1])


def _row(bias: Array, units: int) -> Array | None:
    """The bias as one number a unit; None where it differs from row to row."""
    if bias.size == 1 or (bias.shape[-1] in (1, units) and bias.size == bias.shape[-1]):
        return np.broadcast_to(bias.ravel(), (units,))
    return None


def _times(call: Call, x: Value, w: Array, bias: Array | None = None) -> Value:
    """x times a matrix, along the last axis of x."""
    if x.shape[-1] != w.shape[0]:
        raise UnsupportedError(f"a matrix of {w.shape} does not fit {x.shape[-1]} columns")
    weights = {} if bias is None else {"bias": bias}
    units = w.shape[1]
    if len(x.shape) == 1:
        layer = Linear(units, bias=bias is not None)
        return in_order(call.add(layer, x, weights={"weight": w[x.rows()], **weights}), (units,))
    rows = call.building.natural(x)
    lead = rows.shape[:-1]
    if len(lead) > 3:
        flat = rows.reshaped((int(np.prod(lead)), rows.shape[-1]))
        return _times(call, flat, w, bias).reshaped((*lead, units))
    at_each = Convolution(1, units, bias=bias is not None)
    kernel = w.reshape((1,) * len(lead) + w.shape)
    return in_order(call.add(at_each, rows, weights={"weight": kernel, **weights}), (*lead, units))


@reads("MatMul")
def matmul(call: Call) -> Value:
    if call.is_known(1) and call.operands[1].ndim == 2 and len(call.full_shape(0)) > 1:
        return _times(call, call.value(0), call.weight(1, "matrix"))
    a, b = call.value(0), call.value(1)
    ranks = len(call.full_shape(0)), len(call.full_shape(1))
    if call.batched and (ranks[0] != ranks[1] or ranks[0] < 3):
        raise AlongBatchError("it multiplies along axis 0")
    (a, b), lead = _alike(call, a, b)
    rows, columns = a.shape[-2], b.shape[-1]
    y = in_order(call.add(LAYERS["matmul"](), a, b), (*lead, rows, columns))
    return y.reshaped((*lead, *([rows] if ranks[0] > 1 else []), *([columns] if ranks[1] > 1 else [])))


def _alike(call: Call, a: Value, b: Value) -> tuple[tuple[Value, Value], tuple[int, ...]]:
    """Two values as matrices with the same axes before them."""
    a = a.reshaped((1, *a.shape)) if len(a.shape) == 1 and not call.batched else a
    b = b.reshaped((*b.shape, 1)) if len(b.shape) == 1 and not call.batched else b
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = spread(call, a, (*lead, *a.shape[-2:]))
    b = spread(call, b, (*lead, *b.shape[-2:]))
    return (call.building.natural(a), call.building.natural(b)), lead
