"""Local response normalisation across maps, in either layout: y = x u^-beta with u = k + alpha S, where S is
the sum of x^2 over neighbouring maps.

A position's numbers are one row, in which neighbouring maps are a step apart: as many elements as there are
images with these in the lanes, one with channels there. Rows of scratch memory have room for what lies beyond
the first and last maps, where there is 0, so that no sum has bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import power
from kitnet.kernels.spec import Batch, Volume, samples_of, whole_vectors
from kitnet.kernels.types import F32, Type
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import over, put, share


@dataclass(frozen=True)
class Response:
    """The window and the numbers of the formula."""

    size: int
    alpha: float
    beta: float
    k: float

    def share(self, total: Value) -> Value:
        """1 / u, of a sum of squares: one division for all powers of u."""
        return 1.0 / total.kernel.fma(self.alpha, total, self.k)


def response_norm(
    name: str, cpu: Cpu, batch: Batch, norm: Response, x: Volume, y: Volume, blocks: int = 1
) -> Kernel:
    """x -> y. Positions are cut into blocks."""
    k = _kernel(name, cpu, batch, blocks, (x, y), x=x.type, y=y.type)
    squares = _Row(k, batch, norm, x)
    with _each_row(k, batch, (x, y)) as (source, target):

        def square(v: Index, count: Index) -> None:
            value = k.vector(source, v, count)
            squares.store(value * value, v)

        def write(v: Index, count: Index) -> None:
            factor = power(norm.share(squares.around(v)), norm.beta)
            # Lanes beyond the channels are written as well, or they would hold anything.
            k.store(k.vector(source, v, count) * factor, target, v)

        k.sweep(squares.length, square)
        k.sweep(squares.length, write)
    return k


def response_norm_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Response,
    x: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, dy -> dx = dy u^-beta - 2 alpha beta x (the sum of dy x u^(-beta - 1) over the neighbours). dx may
    be dy. Positions are cut into blocks.
    """
    k = _kernel(name, cpu, batch, blocks, (x, dy, dx), x=x.type, dy=dy.type, dx=dx.type)
    squares, direct, sent = (_Row(k, batch, norm, x) for _ in range(3))
    with _each_row(k, batch, (x, dy, dx)) as (source, gradient, target):

        def square(v: Index, count: Index) -> None:
            value = k.vector(source, v, count)
            squares.store(value * value, v)

        def send(v: Index, count: Index) -> None:
            share = norm.share(squares.around(v))
            straight = k.vector(gradient, v, count) * power(share, norm.beta)
            direct.store(straight, v)
            sent.store(straight * k.vector(source, v, count) * share, v)

        def write(v: Index, count: Index) -> None:
            through = k.vector(source, v, count) * (-2 * norm.alpha * norm.beta)
            put(k, k.fma(through, sent.around(v), direct.at(v)), target, v, accumulate)

        for step in (square, send, write):
            k.sweep(squares.length, step)
    return k


def _kernel(
    name: str, cpu: Cpu, batch: Batch, blocks: int, volumes: tuple[Volume, ...], /, **arguments: Type
) -> Kernel:
    if volumes[0].lanes == "images":
        return over(name, cpu, batch, blocks, **arguments)
    return Kernel(name, cpu, samples_of(batch, *volumes) * blocks, **arguments)


@contextmanager
def _each_row(k: Kernel, batch: Batch, volumes: tuple[Volume, ...]) -> Iterator[tuple[Pointer, ...]]:
    """Where the row of every position of the task's block begins in each volume."""
    group, first, last = share(k, batch, volumes[0].positions)
    values = [
        pointer + group * volume.group_stride(batch)
        for pointer, volume in zip(k.pointers, volumes, strict=True)
    ]
    with k.loop(first, last) as position:
        yield tuple(
            value + position * (volume.pitch * batch.images)
            for value, volume in zip(values, volumes, strict=True)
        )


class _Row:
    """A row of scratch memory with 0 at both ends."""

    def __init__(self, k: Kernel, batch: Batch, norm: Response, x: Volume) -> None:
        self._k, self._step, self.length = k, batch.images, x.channels * batch.images
        self._reach = min(norm.size // 2, x.channels - 1)  # maps to each side; there are no more
        self._margin = self._reach * self._step
        whole = whole_vectors(self.length, k.lanes)
        size = whole_vectors(whole + 2 * self._margin, k.lanes)
        self._memory = k.scratch(F32, size)
        with k.loop(0, size, k.lanes) as v:
            k.store(k.zero(), self._memory, v)

    def store(self, value: Value, v: Index) -> None:
        self._k.store(value, self._memory, self._margin + v)

    def at(self, v: Index) -> Value:
        return self._k.vector(self._memory, self._margin + v)

    def around(self, v: Index) -> Value:
        """The sum over the neighbouring maps."""
        total = self._k.register(self._k.zero())
        with self._k.loop(2 * self._reach + 1) as neighbour:
            total.set(total.get() + self._k.vector(self._memory, v + neighbour * self._step))
        return total.get()
