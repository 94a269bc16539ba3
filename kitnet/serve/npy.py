"""Arrays in NumPy's format .npy, read without a copy and without anything that could run."""

from __future__ import annotations

import ast
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.spec import Array

MAGIC = b"\x93NUMPY"
LONGEST = 1 << 12  # bytes of a head
AXES, LARGEST = 8, 1 << 32  # of a shape


class _Head(NamedTuple):
    shape: tuple[int, ...]
    type: np.dtype[np.generic]
    by_columns: bool


def read_npy(content: bytes) -> Array:
    """The array of a file's bytes, which cannot be changed. Raises DataError for what is no array of plain
    numbers, or has another length than its head says."""
    wide = content[6:7] != b"\x01"
    start = 12 if wide else 10
    end = start + int.from_bytes(content[8:start], "little")
    if len(content) < start or end > min(len(content), LONGEST):
        raise DataError("the .npy file is truncated; send it whole")
    head = _head(content[:end])
    size = math.prod(head.shape) * head.type.itemsize
    if len(content) - end != size:
        raise DataError(
            f"the .npy file has {len(content) - end} bytes of numbers; its head tells of {size}, as an array "
            f"of {head.type} of shape {head.shape} has"
        )
    found = np.frombuffer(content, head.type, offset=end)
    return found.reshape(head.shape, order="F" if head.by_columns else "C")


@lru_cache(64)  # clients send the same head again and again
def _head(content: bytes) -> _Head:
    # as NumPy writes it; NumPy's own reader takes more, and warns of that
    try:
        told = ast.literal_eval(content[12 if content[6:7] != b"\x01" else 10 :].decode("latin-1").strip())
        shape, by_columns = told["shape"], told["fortran_order"]
        kind = np.dtype(str(told["descr"]))
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise DataError("the head of the .npy file is damaged; write it with numpy.save") from None
    if kind.kind not in "fiub":
        raise DataError(f"the .npy file holds {kind}, not numbers; send uint8 pictures or floats")
    sizes = shape if isinstance(shape, tuple) and len(shape) <= AXES else (-1,)
    if not all(type(n) is int and 0 <= n < LARGEST for n in sizes):
        raise DataError(f"the .npy file has the shape {shorten(shape)}; write it with numpy.save")
    return _Head(shape, kind, by_columns is True)
