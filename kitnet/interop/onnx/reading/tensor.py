"""Tensors of an ONNX file as arrays, from a folder of external data only where that is allowed."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kitnet.base.error import shorten
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import OnnxError

MOST_NUMBERS = 1 << 28  # of one tensor: VGG's largest has 103 million


def array_of(tensor: Any, folder: Path | None) -> Array:
    """The numbers of a TensorProto. Raises OnnxError for what is damaged, too large, or lies elsewhere."""
    import onnx
    from onnx import numpy_helper

    name, sizes = shorten(tensor.name), tuple(tensor.dims)
    if any(size < 0 for size in sizes) or math.prod(sizes) > MOST_NUMBERS:
        raise OnnxError(f"tensor {name} of sizes {shorten(list(sizes))} is not possible")
    try:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
            return _external(tensor, folder, math.prod(sizes) * dtype.itemsize).view(dtype).reshape(sizes)
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError) as error:
        raise OnnxError(f"tensor {name} is damaged ({' '.join(str(error).split())})") from None


def _external(tensor: Any, folder: Path | None, size: int) -> Array:
    told = {entry.key: entry.value for entry in tensor.external_data}
    name, location = shorten(tensor.name), told.get("location", "")
    if folder is None:
        raise OnnxError(
            f"tensor {name} lies in another file, {shorten(location)}; allow its folder with --external DIR"
        )
    path = _contained(folder, location, name)
    offset, length = (_whole(told.get(*one), name) for one in (("offset", "0"), ("length", str(size))))
    if length != size:
        raise OnnxError(f"tensor {name} has {length:,} bytes of data where its sizes need {size:,}")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        if offset + length > os.fstat(descriptor).st_size:
            raise OnnxError(f"tensor {name} ends behind the end of {shorten(location)}")
        file.seek(offset)
        return np.frombuffer(file.read(length), np.uint8)


def _contained(folder: Path, location: str, name: str) -> Path:
    """The file of external data: below the folder, by no link and no way up."""
    relative = PurePosixPath(location)
    inside = bool(relative.parts) and not relative.is_absolute() and ".." not in relative.parts
    if not inside or "\\" in location or "\0" in location:
        raise OnnxError(f"tensor {name} names {shorten(location)}, which is no file below {folder}")
    path = folder
    for part in relative.parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError:
            raise OnnxError(f"tensor {name} lies in {path}, which is not there") from None
        if stat.S_ISLNK(mode):
            raise OnnxError(f"tensor {name} lies in {path}, which is a link; links are not followed")
    if not stat.S_ISREG(mode):
        raise OnnxError(f"tensor {name} lies in {path}, which is no file")
    return path


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise OnnxError(f"tensor {name} has {shorten(text)} where a number of bytes stands")
    return int(text)
