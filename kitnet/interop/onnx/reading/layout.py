"""How an ONNX tensor lies in a value of a graph, so that axes are exchanged only where a layer needs it.

ONNX has the channels behind the batch, kitnet last. A value is stored as *parts*, the sizes above 1 from the
outermost to the innermost; `order` says which stored part each part of the tensor is, and `shape` cuts the
tensor's parts into its axes. Transposing changes `order`, reshaping `shape`, and neither computes anything:

    Value(3, parts=(28, 28, 6), order=(2, 0, 1), shape=(6, 28, 28))   an image, channels last
    Value(3, parts=(28, 28, 6), order=(2, 0, 1), shape=(4704,))       the same behind ONNX's Flatten
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array

Piece = tuple[tuple[int, ...], int]  # where a part is stored, sortable, and its size


@dataclass(frozen=True)
class Value:
    """Value `index` of a graph, as the tensor of this `shape`: without the batch where one is read so."""

    index: int
    parts: Shape
    order: tuple[int, ...]
    shape: Shape

    def reshaped(self, shape: Shape) -> Value:
        return replace(self, shape=shape)

    def pieces(self) -> list[Piece]:
        """The tensor's parts in its own order."""
        return [((part,), self.parts[part]) for part in self.order]

    def grouped(self) -> list[list[Piece]] | None:
        """The parts of each axis of the tensor, cut where an axis ends within one; None where no cut does."""
        rest, groups = self.pieces()[::-1], []
        for size in self.shape:
            group: list[Piece] = []
            missing = size  # what is left of the axis
            while missing > 1:
                place, n = rest.pop()
                if missing % n == 0:
                    group.append((place, n))
                    missing //= n
                elif n % missing == 0:
                    group.append(((*place, 0), missing))
                    rest.append(((*place, 1), n // missing))
                    missing = 1
                else:
                    return None
            groups.append(group)
        return groups

    def to_tensor(self, y: Array, batched: bool) -> Array:
        """What a run made of this value, (N, *volume), as ONNX has it."""
        lead = len(y) if batched else 1
        stored = y.reshape(lead, *self.parts).transpose(0, *(1 + part for part in self.order))
        return np.array(stored.reshape((lead, *self.shape) if batched else self.shape))

    def from_tensor(self, x: Array, batched: bool, volume: Shape) -> Array:
        """An ONNX tensor as this value, (N, *volume)."""
        lead = len(x) if batched else 1
        logical = x.reshape(lead, *(self.parts[part] for part in self.order))
        stored = logical.transpose(0, *(1 + int(part) for part in np.argsort(self.order)))
        return np.array(stored.reshape(lead, *volume))

    def rows(self) -> Array:
        """The place in the tensor, taken as one row, of each number as it is stored."""
        logical = np.arange(math.prod(self.parts)).reshape([self.parts[part] for part in self.order])
        return logical.transpose(np.argsort(self.order)).ravel() if self.order else logical.ravel()


def stored_as(index: int, shape: Shape, axes: Sequence[int]) -> Value:
    """The value whose volume is these axes of a tensor of this shape, one behind the other."""
    parts = [axis for axis in axes if shape[axis] != 1]
    order = tuple(parts.index(axis) for axis in range(len(shape)) if shape[axis] != 1)
    return Value(index, tuple(shape[axis] for axis in parts), order, shape)


def in_order(index: int, shape: Shape) -> Value:
    """A value that is stored as the tensor itself."""
    return stored_as(index, shape, range(len(shape)))


def channels_last(rank: int) -> tuple[int, ...]:
    """The axes of a tensor without batch, channels first, with the channels last."""
    return (*range(1, rank), 0) if rank else ()


def blocks(now: Sequence[Piece], wanted: Sequence[Piece]) -> tuple[list[int], list[int]]:
    """Neighbours that stay together are one block: the sizes of blocks as stored, and for each wanted block
    the stored one."""
    place = {piece[0]: i for i, piece in enumerate(now)}
    starts = [i for i, piece in enumerate(wanted) if i == 0 or place[piece[0]] != place[wanted[i - 1][0]] + 1]
    runs = [wanted[start:end] for start, end in zip(starts, [*starts[1:], len(wanted)], strict=True)]
    stored = sorted(range(len(runs)), key=lambda run: place[runs[run][0][0]])
    sizes = [math.prod(piece[1] for piece in runs[run]) for run in stored]
    return sizes, [stored.index(run) for run in range(len(runs))]
