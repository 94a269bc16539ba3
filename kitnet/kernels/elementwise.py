"""What treats every number by itself: activations and their gradients, sums of volumes, copies, zeros.

Volumes may be slices (pitch above channels), and are alike where only one is given. Positions are cut into
blocks, or vectors where nothing lies between them. Operands may be one memory where their volumes are equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from kitnet.kernels.activation import Activation
from kitnet.kernels.channels.copy import copy_channels
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.values import Index
from kitnet.kernels.walk import each_vector, over, put

_UNROLLED = 4  # of a loop that does little; LLVM decides about the others


def activate(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    activation: Activation,
    y: Volume | None = None,
    blocks: int = 1,
) -> Kernel:
    """x -> y = f(x)."""
    batch, (x, y) = lanewise(batch, x, y or x)
    k = over(name, cpu, batch, blocks, x=x.type, y=y.type)
    px, py = k.pointers

    def body(at_x: Index, at_y: Index) -> None:
        k.store(activation.value(k.vector(px, at_x)), py, at_y)

    each_vector(k, batch, [x, y], body)
    return k


def activation_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    source: Volume,
    activation: Activation,
    dy: Volume | None = None,
    dx: Volume | None = None,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """source, dy -> dx = f'(x) dy, where source is x or y, as the activation reads."""
    batch, (source, dy, dx) = lanewise(batch, source, dy or source, dx or source)
    k = over(name, cpu, batch, blocks, source=source.type, dy=dy.type, dx=dx.type)
    given, pdy, pdx = k.pointers

    def body(at: Index, at_dy: Index, at_dx: Index) -> None:
        value = activation.back(k.vector(given, at), k.vector(pdy, at_dy))
        put(k, value, pdx, at_dx, accumulate)

    each_vector(k, batch, [source, dy, dx], body, _UNROLLED)
    return k


def add(
    name: str,
    cpu: Cpu,
    batch: Batch,
    xs: Sequence[Volume],
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """x0, x1, ... -> y = f(x0 + x1 + ...), from left to right."""
    batch, (*xs, y) = lanewise(batch, *xs, y)
    k = over(name, cpu, batch, blocks, **{f"x{i}": x.type for i, x in enumerate(xs)}, y=y.type)
    *terms, py = k.pointers

    def body(*offsets: Index) -> None:
        first, *others = (k.vector(term, at) for term, at in zip(terms, offsets, strict=False))
        total = sum(others, first)
        k.store(activation.value(total) if activation else total, py, offsets[-1])

    each_vector(k, batch, [*xs, y], body, _UNROLLED)
    return k


def copy(
    name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, accumulate: bool = False, blocks: int = 1
) -> Kernel:
    """x -> y = x, between volumes of different pitch: parts of a concatenation, the flat form of a slice."""
    if x.lanes == "channels":
        return copy_channels(name, cpu, batch, x, y, accumulate, blocks)
    k = over(name, cpu, batch, blocks, x=x.type, y=y.type)
    px, py = k.pointers

    def body(at_x: Index, at_y: Index) -> None:
        put(k, k.vector(px, at_x), py, at_y, accumulate)

    each_vector(k, batch, [x, y], body, _UNROLLED)
    return k
