"""An ONNX file from the disk, within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kitnet.interop.onnx.fault import OnnxError

MOST_BYTES = 2_147_483_648  # what one protocol buffer can be


def load_proto(path: Path) -> Any:
    """The ModelProto of a file, its external data not yet read. Raises OnnxError."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        size = path.stat().st_size
        if not path.is_file():
            raise OnnxError("it is no file; give an ONNX file")
        if size > MOST_BYTES:
            raise OnnxError(f"{size:,} bytes are more than an ONNX file can have")
        content = path.read_bytes()
    except OSError as error:
        raise OnnxError(f"it cannot be read ({error.strerror})") from None
    try:
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, ValueError):
        raise OnnxError("not an ONNX file, or a damaged one; take a fresh copy") from None
    if not model.graph.node and not model.graph.output:
        raise OnnxError("not an ONNX file, or one without a graph")
    return model
