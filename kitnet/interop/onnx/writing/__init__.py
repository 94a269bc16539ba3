"""Networks as ONNX files: one function a layer's word, and the preparation of samples as operators before
them."""

from kitnet.interop.onnx.writing.exporting import OnnxFile, onnx_of_model, onnx_of_network
from kitnet.interop.onnx.writing.registry import writes
from kitnet.interop.onnx.writing.returning import returned

__all__ = ["OnnxFile", "onnx_of_model", "onnx_of_network", "returned", "writes"]
