"""Which of several values is the largest, and the way back to it: the maximum of volumes, in either
layout."""

from __future__ import annotations

from collections.abc import Sequence

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import I32, U8, Type
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import each_vector, over, put

_UNROLLED = 4  # of a loop that does little


def number_type(count: int) -> Type:
    """Of the number of a winner among so many."""
    return U8 if count <= 256 else I32


def largest(k: Kernel, values: Sequence[Value]) -> tuple[Value, Value]:
    """The largest value and its number: of equal values the first wins, and so does the first NaN."""
    top, *others = values
    winner = k.constant(0, I32, top.lanes)
    for i, value in enumerate(others, 1):
        wins = ~(value <= top) & ~top.is_nan()
        top = k.select(wins, value, top)
        winner = k.select(wins, k.constant(i, I32, top.lanes), winner)
    return top, winner


def maximum(
    name: str,
    cpu: Cpu,
    batch: Batch,
    xs: Sequence[Volume],
    y: Volume,
    winners: bool = True,
    blocks: int = 1,
) -> Kernel:
    """x0, x1, ... -> y = max(x0, x1, ...) and, with `winners`, a dense volume of y's shape: which operand
    won. Blocks as in `elementwise`.
    """
    batch, (*xs, y) = lanewise(batch, *xs, y)
    kept = {"winners": number_type(len(xs))} if winners else {}
    named = {f"x{i}": x.type for i, x in enumerate(xs)}
    k = over(name, cpu, batch, blocks, **named, y=y.type, **kept)
    operands, (py, *pointers) = k.pointers[: len(xs)], k.pointers[len(xs) :]

    def body(*at: Index) -> None:
        *places, out, dense = at
        top, winner = largest(k, [k.vector(p, i) for p, i in zip(operands, places, strict=True)])
        k.store(top, py, out)
        for pointer in pointers:
            k.store(winner.to(pointer.type), pointer, dense)

    each_vector(k, batch, [*xs, y, y.dense], body, _UNROLLED)
    return k


def maximum_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    operand: int,
    operands: int,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """winners, dy -> dx of one of so many operands: dy where it won, else 0. Blocks as in `elementwise`."""
    batch, (dy, dx) = lanewise(batch, dy, dx)
    k = over(name, cpu, batch, blocks, winners=number_type(operands), dy=dy.type, dx=dx.type)
    winners, pdy, pdx = k.pointers

    def body(at_winner: Index, at_dy: Index, at_dx: Index) -> None:
        won = k.vector(winners, at_winner).equals(operand)
        put(k, k.select(won, k.vector(pdy, at_dy), 0.0), pdx, at_dx, accumulate)

    each_vector(k, batch, [dy.dense, dy, dx], body, _UNROLLED)
    return k
