"""How far Winograd's filtering may be off.

With |G|, |B'| and |A'| for the matrices without their signs, every number that is added on the way to an
output is at most its share of

    size = |A'| [ (|G| |w| |G|') * (|B'| |x| |B|) ] |A|,  summed over the channels.

Each of the some ten roundings that a number passes in the maps, and each of a sum's, is at most eps / 2 of
such a share. Their signs are mixed and the shares many, so together they stay below 2 eps size: the bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
MAPS = {  # by the outputs of a tile along an axis: G, B' and A'
    2: (
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    ),
    4: (
        np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
        np.array(
            [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
             [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
        ),
        np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
    ),
}  # fmt: skip


def bound(x: Array, w: Array, before: tuple[int, ...], outputs: tuple[int, ...], out: int = 4) -> Array:
    """For each output of the correlation of x (n, height, width, C) and w (3, 3, C, K), by tiles of `out`
    places along an axis.
    """
    g, b, a = (np.abs(matrix) for matrix in MAPS[out])
    high, wide = (-(-places // out) for places in outputs)
    padded = np.zeros((len(x), out * high + 2, out * wide + 2, x.shape[-1]))
    top, left = before
    cut = np.abs(x[:, max(-top, 0) :, max(-left, 0) :])
    at = padded[:, max(top, 0) :, max(left, 0) :]
    lines, places = min(at.shape[1], cut.shape[1]), min(at.shape[2], cut.shape[2])
    at[:, :lines, :places] = cut[:, :lines, :places]
    u = np.einsum("ar,rsck,bs->abck", g, np.abs(w), g)
    y = np.zeros((len(x), out * high, out * wide, w.shape[-1]))
    for i in range(0, out * high, out):
        for j in range(0, out * wide, out):
            tile = padded[:, i : i + out + 2, j : j + out + 2]
            v = np.einsum("ai,nijc,bj->nabc", b, tile, b, optimize=True)
            m = np.einsum("nabc,abck->nabk", v, u, optimize=True)
            y[:, i : i + out, j : j + out] = np.einsum("ia,nabk,jb->nijk", a, m, a, optimize=True)
    return 2 * EPS * y[:, : outputs[0], : outputs[1]]
