"""ONNX: networks written as ONNX files, and read from them."""
