"""Augmentations that mix a picture and its class with those of another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.draws import Draws
from kitnet.data.operation import Operation


@dataclass(frozen=True)
class Mixing(Operation):
    """Any other picture of the set is the partner; the share that stays is Beta(alpha, alpha)."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise DataError(f"{self}: alpha is above 0")

    def partners(self, draws: Draws) -> Array:
        """The numbers (n,) of the pictures that the samples are mixed with."""
        return (draws.uniform()[:, 0] * draws.size).astype(np.intp)

    def shares(self, draws: Draws) -> Array:
        """Of each sample what stays of it: float64 (n,)."""
        return np.array([generator.beta(self.alpha, self.alpha) for generator in draws.generators()])

    def mixed(self, x: Array, others: Array, draws: Draws) -> tuple[Array, Array]:
        """Prepared pictures and their partners (n,H,W,C) -> mixed ones, and the share of the first (n,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Mixup(Mixing):
    """Both laid over each other (Zhang et al. 2017)."""

    word: ClassVar[str] = "mixup"

    def mixed(self, x: Array, others: Array, draws: Draws) -> tuple[Array, Array]:
        share = self.shares(draws)
        of = share[:, None, None, None].astype(x.dtype)
        return x * of + others * (1 - of), share


@dataclass(frozen=True)
class Cutmix(Mixing):
    """A rectangle of the partner, around any pixel, in the place of the picture's own (Yun et al. 2019)."""

    word: ClassVar[str] = "cutmix"

    def mixed(self, x: Array, others: Array, draws: Draws) -> tuple[Array, Array]:
        by, side = draws.uniform(), np.sqrt(1 - self.shares(draws))
        theirs = np.ones(x.shape[:3], bool)
        for axis in (1, 2):
            size = x.shape[axis]
            middle = by[:, axis] * size
            start, end = np.rint(middle - side * size / 2), np.rint(middle + side * size / 2)
            places = np.arange(size)
            inside = (places >= start[:, None]) & (places < end[:, None])
            theirs &= np.expand_dims(inside, 3 - axis)
        return np.where(theirs[..., None], others, x), 1 - theirs.mean((1, 2))
