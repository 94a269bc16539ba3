"""The operators that are read, a family a file."""

from kitnet.interop.onnx.reading.operators import (
    activations,
    arithmetic,
    convolutions,
    enlarging,
    norms,
    pools,
    products,
    resizing,
    selecting,
    shapes,
    sizes,
    versions,
)
from kitnet.interop.onnx.reading.registry import OLD, READERS

__all__ = [
    "OLD",
    "READERS",
    "activations",
    "arithmetic",
    "convolutions",
    "enlarging",
    "norms",
    "pools",
    "products",
    "resizing",
    "selecting",
    "shapes",
    "sizes",
    "versions",
]
