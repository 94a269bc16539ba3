"""Products of matrices that lie in rows, for updates that need them, and matrices scaled and turned.

A product is cut into tiles, whose sums stay in registers while they go through a part of the depth; the parts
add up in their order. Tasks share out the rows, so that every sum has one order for any number of tasks.
"""

from __future__ import annotations

from collections.abc import Iterator

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.tiling import cut, fits
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index
from kitnet.kernels.walk import equal

DEPTH = 256  # of a part, of which all columns stay in the second cache
VECTORS = 3  # columns of a tile


@once
def product(
    name: str,
    cpu: Cpu,
    rows: int,
    columns: int,
    depth: int,
    *,
    turned: bool = False,
    factor: float = 1.0,
    share: float = 0.0,
    symmetric: bool = False,
    tasks: int = 1,
) -> Kernel:
    """left (rows, depth), or (depth, rows) where it is `turned`, right (depth, columns), addend (rows,
    columns) -> y = share * addend + factor * left right. Without a share the addend is not read. Of a
    `symmetric` y only what is not below the diagonal is made; `mirrored` makes the rest of it."""
    vectors = min(VECTORS, -(-columns // cpu.lanes))
    height = max(r for r in range(1, 9) if fits(cpu, r, vectors))
    tiles, (whole, rest) = -(-rows // height), divmod(rows, height)
    k = Kernel(name, cpu, min(tasks, tiles), left=F32, right=F32, addend=F32, y=F32)
    left, right, addend, y = k.pointers
    across, along = (1, rows) if turned else (depth, 1)

    def add_tile(row: Index, lines: int, column: Index, widths: list[int], first: Index, count: int) -> None:
        at = [column + k.lanes * v for v in range(len(widths))]
        sums = [[k.register(k.zero()) for _ in widths] for _ in range(lines)]
        with k.loop(count, unroll=2) as d:
            here = right + (first + d) * columns
            wide = [k.vector(here, place, width) for place, width in zip(at, widths, strict=True)]
            for i in range(lines):
                number = k.splat(left, (row + i) * across + (first + d) * along)
                for total, vector in zip(sums[i], wide, strict=True):
                    total.set(k.fma(number, vector, total.get()))
        for i in range(lines):
            for total, place, width in zip(sums[i], at, widths, strict=True):
                where = (row + i) * columns + place
                k.store(k.fma(total.get(), factor, k.vector(y, where, width)), y, where, width)

    def begin(i: Index, count: Index) -> None:
        first = start * height * columns + i
        k.store(k.vector(addend, first, count) * share if share else k.zero(), y, first, count)

    start, end = cut(tiles, k.task, k.tasks)
    last = (end * height).at_most(rows) if not isinstance(end, int) else min(end * height, rows)
    k.sweep((last - start * height) * columns, begin)
    for first, count in _parts(k, depth):
        with k.loop(start, end, unroll=1) as tile:
            kinds = {height: tile < whole} if whole else {}
            for lines, chosen in (kinds | ({rest: equal(k, tile, whole)} if rest else {})).items():
                with k.when(chosen):
                    begun = tile * height if symmetric else 0
                    for column, widths in _columns(k, columns, vectors, begun):
                        add_tile(tile * height, lines, column, widths, first, count)
    return k


def _parts(k: Kernel, depth: int) -> Iterator[tuple[Index, int]]:
    """Where each part of the depth begins, and its length."""
    whole = depth - depth % DEPTH
    if whole:
        with k.loop(0, whole, DEPTH, unroll=1) as first:
            yield first, DEPTH
    if depth > whole:
        yield whole, depth - whole


def _columns(k: Kernel, columns: int, vectors: int, begun: Index) -> Iterator[tuple[Index, list[int]]]:
    """Where the columns of each tile begin, from that with column `begun` on, and how many lanes of its
    vectors hold some."""
    wide = vectors * k.lanes
    whole = columns - columns % wide
    if whole:
        with k.loop(begun // wide * wide, whole, wide, unroll=1) as column:
            yield column, [k.lanes] * vectors
    if columns > whole:
        full, rest = divmod(columns - whole, k.lanes)
        yield whole, [k.lanes] * full + ([rest] if rest else [])


@once
def scaled(
    name: str, cpu: Cpu, size: int, factor: float | None, *, eps: float = 0.0, tasks: int = 1
) -> Kernel:
    """x (size), length (1) -> y = factor * x, or x / (length + eps) without a factor."""
    tasks = max(1, min(tasks, size // 1024))
    k = Kernel(name, cpu, tasks, x=F32, length=F32, y=F32)
    x, length, y = k.pointers
    first, last = cut(size, k.task, k.tasks)

    def body(i: Index, count: Index) -> None:
        here = k.vector(x, first + i, count)
        scaled = here / (k.splat(length) + eps) if factor is None else here * factor
        k.store(scaled, y, first + i, count)

    k.sweep(last - first, body)
    return k


@once
def renormed(name: str, cpu: Cpu, size: int, factor: float, eps: float, *, tasks: int = 1) -> Kernel:
    """length (1) of x, trouble (1) -> x (size) = factor * x / (length + eps), where trouble is 0."""
    tasks = max(1, min(tasks, size // 1024))
    k = Kernel(name, cpu, tasks, length=F32, trouble=F32, x=F32)
    length, trouble, x = k.pointers
    first, last = cut(size, k.task, k.tasks)
    with k.when(k.scalar(trouble).equals(0.0)):
        scale = k.constant(factor) / (k.splat(length) + eps)

        def body(i: Index, count: Index) -> None:
            k.store(k.vector(x, first + i, count) * scale, x, first + i, count)

        k.sweep(last - first, body)
    return k


@once
def mirrored(name: str, cpu: Cpu, size: int, *, tasks: int = 1) -> Kernel:
    """x (size, size) -> y the same below the diagonal as x is above it; both may be one."""
    k = Kernel(name, cpu, min(tasks, size), x=F32, y=F32)
    x, y = k.pointers
    with k.loop(*cut(size, k.task, k.tasks), unroll=1) as row, k.loop(row + 1, size) as column:
        k.store(k.scalar(x, row * size + column), y, column * size + row)
    return k


@once
def turned(name: str, cpu: Cpu, rows: int, columns: int, *, tasks: int = 1) -> Kernel:
    """x (rows, columns) -> y (columns, rows)."""
    k = Kernel(name, cpu, min(tasks, rows), x=F32, y=F32)
    x, y = k.pointers
    with k.loop(*cut(rows, k.task, k.tasks), unroll=1) as row, k.loop(columns) as column:
        k.store(k.scalar(x, row * columns + column), y, column * rows + row)
    return k
