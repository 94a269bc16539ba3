"""What the backend claims: pairs of an operator and the element types that it is read for.

float32 everywhere; whole numbers and bools where they compute shapes, which happens while a graph is read.
"""

from __future__ import annotations

from kitnet.interop.onnx.reading.folding import FOLDED
from kitnet.interop.onnx.reading.operators import READERS

SHAPES = ("int64", "bool")
NUMBERS = frozenset(  # of those that are folded: they are claimed for float32 alone
    [
        "Abs",
        "Clip",
        "Exp",
        "Flatten",
        "Gemm",
        "Log",
        "MatMul",
        "Max",
        "Mean",
        "Min",
        "Neg",
        "Pad",
        "Pow",
        "Reciprocal",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceSum",
        "Sqrt",
        "Sum",
    ]
)


def claims() -> dict[str, tuple[str, ...]]:
    """The element types by operator."""
    shapes = FOLDED - NUMBERS | {"Shape", "Size"}
    return {
        name: (*(("float32",) if name in READERS else ()), *(SHAPES if name in shapes else ()))
        for name in sorted({*READERS, *FOLDED})
    }
