"""Memory that begins where processors like it to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def aligned(size: int) -> NDArray[np.uint8]:
    """So many zero bytes (at least one) that start on a cache line and share none with anything else."""
    whole = -(-max(size, 1) // 128) * 128
    raw = np.zeros(whole + 128, np.uint8)
    start = -raw.ctypes.data % 128
    return raw[start : start + whole]
