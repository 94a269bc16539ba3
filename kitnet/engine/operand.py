"""An operand of a compiled network: what a caller gives, and how the plan wants it."""

from __future__ import annotations

import numpy as np

from kitnet.base.argument import real_array
from kitnet.base.error import ShapeError
from kitnet.base.spec import Array


class Operand:
    """What a plan reads an operand from: the caller's own array, or a copy where that lies otherwise.

    `whole` says that all samples of the batch are read, however many there are.
    """

    def __init__(self, path: str, shape: tuple[int, ...], whole: bool) -> None:
        self.path, self._shape, self._whole = path, shape, whole
        self._copy: Array | None = None

    def checked(self, x: Array) -> Array:
        """Raises KitnetError for what is no batch of this operand."""
        shape = self._shape[1:]
        if type(x) is not np.ndarray or x.dtype != np.float32:
            x = real_array(self.path, x)
        if x.shape[1:] != shape or x.ndim != len(self._shape):
            raise ShapeError(
                f"{self.path}: expected an array of shape (N, {', '.join(map(str, shape))}), samples first "
                f"and channels last, but got {x.shape}"
            )
        return x

    def of(self, x: Array) -> Array:
        """x (n, *shape), n up to the batch, as float32 numbers one behind the other."""
        enough = len(x) == self._shape[0] or not self._whole
        if x.dtype == np.float32 and x.flags.c_contiguous and x.flags.aligned and enough:
            return x
        if self._copy is None:
            self._copy = np.zeros(self._shape, np.float32)
        self._copy[: len(x)] = x
        return self._copy
