"""Buffers between forbidden pages: a kernel that reads or writes one byte too far dies at once."""

from __future__ import annotations

import ctypes
import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

PAGE = mmap.PAGESIZE
_NO_ACCESS = 0


def guarded(shape: int | tuple[int, ...], dtype: DTypeLike = np.float32, at: str = "end") -> NDArray[Any]:
    """An array that ends (at="end") or begins (at="start") exactly at a forbidden page, full of NaN or -1.

    The page at the other side is forbidden too; only an array of whole pages touches both.
    """
    kind = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    size = count * kind.itemsize
    pages = -(-size // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for page in (0, pages + 1):
        if protect(ctypes.c_void_p(base + page * PAGE), ctypes.c_size_t(PAGE), _NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    start = PAGE if at == "start" else (pages + 1) * PAGE - size
    array: NDArray[Any] = np.frombuffer(memory, kind, count, start).reshape(shape)
    array.view(np.uint8)[...] = 0xFF  # as a float this is NaN
    return array
