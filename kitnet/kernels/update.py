"""What happens to flat runs of numbers: the optimiser's step, the sum of partial gradients, and the way
between a connection table's packed filters and dense ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import quotient
from kitnet.kernels.types import F32, I32
from kitnet.kernels.values import Index, Pointer, Value

LINE = 16  # numbers of a cache line; every array of weights begins on one
SMALL = 2.0**-80  # the squares of numbers of float32 times this one can be summed up
LARGEST = float(np.finfo(np.float32).max)


Update = Callable[
    [Value, Value, Mapping[str, Value], Mapping[str, Value]], tuple[Value, Mapping[str, Value]]
]  # weights, gradient, memory, scalars -> weights, memory
Heading = Callable[[Value, Mapping[str, Value], Mapping[str, Value]], Value]  # gradient, memory, scalars


class _Formula(Kernel):
    """A kernel of a rule, which would wait for the divider's roots and quotients longer than for memory."""

    def quotient(self, a: Value, b: Value) -> Value:
        return quotient(self, a, b)


def follow(
    name: str,
    cpu: Cpu,
    size: int,
    memory: Sequence[str],
    scalars: Sequence[str],
    update: Update,
    tasks: int = 1,
    norm: bool = False,
    orthogonal: bool = False,
) -> Kernel:
    """w, dw, the arrays of `memory`, decays, rates (the scalars), trouble -> w and memory in place, in one
    pass, by the formula `update`; nothing changes where trouble is not 0.

    `decays` has one number, 1 or 0, for each line of 16 weights, by which the scalar `decay` is multiplied.
    With `norm` there is one more argument, the length of the gradient. With `orthogonal` there is one more,
    of a number for each weight, which the formula reads by this name.
    """
    if size % LINE:
        raise ValueError(f"kernel {name}: {size} weights do not fill lines of {LINE}")
    held = {f"memory_{each}": F32 for each in memory}
    more = {"norm": F32} if norm else {}
    more |= {"orthogonal": F32} if orthogonal else {}
    k = _Formula(name, cpu, tasks, w=F32, dw=F32, **held, decays=F32, rates=F32, trouble=F32, **more)
    w, dw, *others = k.pointers
    arrays, (decays, rates, trouble) = others[: len(memory)], others[len(memory) :][:3]
    given = dict(zip(more, others[len(memory) + 3 :], strict=True))
    numbers = _scalars(k, scalars, rates, given.get("norm"))
    lines = size // LINE
    with (
        k.when(k.scalar(trouble).equals(0.0)),
        k.loop(k.task * lines // tasks, (k.task + 1) * lines // tasks, unroll=4) as line,
    ):
        here = dict(numbers)
        if "decay" in here:
            here["decay"] = here["decay"] * k.splat(decays, line)
        for i in range(0, LINE, k.lanes):
            at = line * LINE + i
            old = {each: k.vector(array, at) for each, array in zip(memory, arrays, strict=True)}
            if orthogonal:
                here["orthogonal"] = k.vector(given["orthogonal"], at)
            weight, new = update(k.vector(w, at), k.vector(dw, at), old, here)
            for each, array in zip(memory, arrays, strict=True):
                k.store(new[each], array, at)
            k.store(weight, w, at)
    return k


def head(
    name: str,
    cpu: Cpu,
    size: int,
    memory: Sequence[str],
    scalars: Sequence[str],
    heading: Heading,
    tasks: int = 1,
    norm: bool = False,
) -> Kernel:
    """dw, the arrays of `memory`, rates -> y by the formula `heading`; with `norm` as `follow`."""
    held = {f"memory_{each}": F32 for each in memory}
    more = {"norm": F32} if norm else {}
    k = Kernel(name, cpu, tasks, dw=F32, **held, rates=F32, **more, y=F32)
    dw, *others = k.pointers
    arrays, rates, y = others[: len(memory)], others[len(memory)], others[-1]
    numbers = _scalars(k, scalars, rates, others[-2] if norm else None)

    def body(i: Index, count: Index) -> None:
        old = {each: k.vector(array, i, count) for each, array in zip(memory, arrays, strict=True)}
        k.store(heading(k.vector(dw, i, count), old, numbers), y, i, count)

    _sweep(k, size, body)
    return k


def _scalars(k: Kernel, names: Sequence[str], rates: Pointer, norm: Pointer | None) -> dict[str, Value]:
    numbers = {each: k.splat(rates, i) for i, each in enumerate(names)}
    return numbers if norm is None else {**numbers, "norm": k.splat(norm)}


def mean(name: str, cpu: Cpu, size: int, tasks: int = 1) -> Kernel:
    """dw, shares (2), trouble -> y = shares[0] * y + shares[1] * dw, where trouble is 0."""
    k = Kernel(name, cpu, tasks, dw=F32, shares=F32, trouble=F32, y=F32)
    dw, shares, trouble, y = k.pointers
    before, new = k.splat(shares), k.splat(shares, 1)

    def body(i: Index, count: Index) -> None:
        k.store(before * k.vector(y, i, count) + new * k.vector(dw, i, count), y, i, count)

    with k.when(k.scalar(trouble).equals(0.0)):
        _sweep(k, size, body)
    return k


def trouble(name: str, cpu: Cpu, size: int, tasks: int = 1) -> Kernel:
    """x (size) -> partial (tasks): 0 where a task's share of the numbers is finite, else NaN."""
    k = Kernel(name, cpu, tasks, x=F32, partial=F32)
    x, partial = k.pointers
    bits = k.register(k.zero().bits(I32))

    def body(i: Index, count: Index) -> None:
        nothing = k.vector(x, i, count) * 0.0
        bits.set(bits.get() | nothing.bits(I32))  # a NaN stays one; sums would wait for each other

    _sweep(k, size, body)
    k.store(k.total(bits.get().bits(F32)), partial, k.task)
    return k


def squares(name: str, cpu: Cpu, size: int, tasks: int = 1) -> Kernel:
    """x (size) -> partial (tasks, 2): the sum of the squares of a task's share of the numbers, and that of
    the numbers times `SMALL`, which holds where the first overflows."""
    k = Kernel(name, cpu, tasks, x=F32, partial=F32)
    x, partial = k.pointers
    plain, small = k.register(k.zero()), k.register(k.zero())

    def body(i: Index, count: Index) -> None:
        here = k.vector(x, i, count)
        less = here * SMALL
        plain.set(k.fma(here, here, plain.get()))
        small.set(k.fma(less, less, small.get()))

    _sweep(k, size, body)
    for i, total in enumerate((plain, small)):
        k.store(k.total(total.get()), partial, k.task * 2 + i)
    return k


def length(name: str, cpu: Cpu, chunks: int) -> Kernel:
    """partial (chunks, 2) of `squares` -> y: the length of all the numbers, finite only where each is."""
    k = Kernel(name, cpu, 1, partial=F32, y=F32)
    partial, y = k.pointers
    totals = [k.register(k.scalar(partial, i)) for i in range(2)]
    with k.loop(1, chunks) as chunk:
        for i, total in enumerate(totals):
            total.set(total.get() + k.scalar(partial, chunk * 2 + i))
    plain, small = (total.get() for total in totals)
    k.store(k.select(plain <= LARGEST, k.sqrt(plain), k.sqrt(small) * (1 / SMALL)), y)
    return k


def reduce(name: str, cpu: Cpu, chunks: int, size: int, tasks: int = 1) -> Kernel:
    """partial (chunks, size) -> y (size), summed from the first chunk to the last."""
    k = Kernel(name, cpu, tasks, partial=F32, y=F32)
    partial, y = k.pointers

    def body(i: Index, count: Index) -> None:
        total = k.register(k.vector(partial, i, count))
        with k.loop(1, chunks) as chunk:
            total.set(total.get() + k.vector(partial, chunk * size + i, count))
        k.store(total.get(), y, i, count)

    _sweep(k, size, body)
    return k


def gather(name: str, cpu: Cpu, size: int, tasks: int = 1) -> Kernel:
    """x, index (int32) -> y[i] = x[index[i]], and 0 where the index is -1."""
    k = Kernel(name, cpu, tasks, x=F32, index=I32, y=F32)
    x, index, y = k.pointers
    with k.loop(k.task * size // tasks, (k.task + 1) * size // tasks, unroll=4) as i:
        place = k.index(k.scalar(index, i))
        value = k.scalar(x, place.at_least(0))  # read in any case, which is cheaper than to jump
        k.store(k.select(place < 0, k.constant(0.0, F32, 1), value), y, i)
    return k


def _sweep(k: Kernel, size: int, body: Callable[[Index, Index], None]) -> None:
    """`body(i, count)` over the task's share of range(size): whole vectors; the last task has the rest."""
    whole, rest = divmod(size, k.lanes)
    first, last = k.task * whole // k.tasks, (k.task + 1) * whole // k.tasks
    with k.loop(first * k.lanes, last * k.lanes, k.lanes, unroll=4) as i:
        body(i, k.lanes)
    if rest:
        with k.when((k.task + 1).equals(k.tasks)):
            body(whole * k.lanes, rest)
