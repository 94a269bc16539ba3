"""What nodes make of numbers that are known while reading, such as shapes and initializers.

onnx's own reference implementation computes it, at the version of the operators that the file has. How large
the result will be is asked of onnx's shape inference first: a node of a few bytes may ask for gigabytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.tensor import MOST_NUMBERS

SMALL = 4096  # numbers that inference may look at
FOLDED = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "BitShift",
        "Cast",
        "Ceil",
        "Clip",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "CumSum",
        "Div",
        "Equal",
        "Exp",
        "Expand",
        "EyeLike",
        "Flatten",
        "Floor",
        "Gather",
        "GatherND",
        "Gemm",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "Less",
        "LessOrEqual",
        "Log",
        "MatMul",
        "Max",
        "Mean",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pad",
        "Pow",
        "Range",
        "Reciprocal",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Reshape",
        "Round",
        "ScatterND",
        "Sign",
        "Size",
        "Slice",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Sum",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "Where",
        "Xor",
    ]
)


def fold(node: Any, opset: int, inputs: Sequence[Array | None]) -> list[Array]:
    """The outputs of a node whose inputs are all known. Raises UnsupportedError."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    given = {
        name: array for name, array in zip(node.input, inputs, strict=True) if name and array is not None
    }
    graph = onnx.helper.make_graph(
        [node],
        "folded",
        [
            onnx.helper.make_tensor_value_info(name, _type(array), array.shape)
            for name, array in given.items()
        ],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name],
        [onnx.numpy_helper.from_array(a, name) for name, a in given.items() if a.size <= SMALL],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    _check_sizes(model)
    with np.errstate(all="ignore"):
        try:
            return [np.asarray(one) for one in ReferenceEvaluator(model).run(None, given)]
        except Exception as error:  # whatever it stumbles over lies in the file
            told = " ".join(str(error).split())
            raise UnsupportedError(
                f"its constants cannot be computed ({type(error).__name__}: {told})"
            ) from None


def _type(array: Array) -> int:
    import onnx

    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))


def _check_sizes(model: Any) -> None:
    """Raises UnsupportedError where an output would be too large, or nothing tells how large."""
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:
        told = " ".join(str(error).split())
        raise UnsupportedError(f"its constants do not fit each other ({told})") from None
    for output in inferred.graph.output:
        shape = output.type.tensor_type.shape
        if not output.type.tensor_type.HasField("shape") or any(
            not d.HasField("dim_value") for d in shape.dim
        ):
            raise UnsupportedError("nothing tells how large its constant is")
        size = math.prod(d.dim_value for d in shape.dim)
        if size > MOST_NUMBERS:
            raise UnsupportedError(f"its constant would have {size:,} numbers, more than {MOST_NUMBERS:,}")
