"""Weights of a convolution laid out in the order in which its tiles read them, once for all runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.tiling import Shares, cut
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer
from kitnet.kernels.walk import lower


@dataclass(frozen=True)
class Packing:
    """The vectors of each group's filters are dealt into shares, as many as a tile holds; a share is a
    run of (taps, depth, vectors, lanes) numbers, zeros in lanes beyond the last filter.

    `depth` and `filters` count those of one group.
    """

    groups: int
    taps: int
    depth: int
    filters: int
    lanes: int
    shares: Shares

    @property
    def vectors(self) -> int:
        """Of a group's filters."""
        return -(-self.filters // self.lanes)

    @property
    def vector_size(self) -> int:
        """Numbers that belong to one vector of filters."""
        return self.taps * self.depth * self.lanes

    @property
    def size(self) -> int:
        """Numbers in all."""
        return self.groups * self.vectors * self.vector_size


def pack(name: str, cpu: Cpu, packing: Packing, *, scaled: bool = False, tasks: int = 1) -> Kernel:
    """weight (taps, depth, groups * filters) -> packed (groups, shares, taps, depth, vectors, lanes).
    `scaled` weights are multiplied by the `factor` of their filter.
    """
    p, shares = packing, packing.shares
    items = p.groups * shares.count
    k = Kernel(name, cpu, min(tasks, items), weight=F32, **({"factor": F32} if scaled else {}), packed=F32)
    weight, *factors, packed = k.pointers
    with k.loop(*cut(items, k.task, k.tasks), unroll=1) as item:
        group, share = divmod(item, shares.count)
        first = shares.start(share)
        filter = group * p.filters + first * p.lanes
        target = packed + (group * p.vectors + first) * p.vector_size
        for vectors, chosen in shares.kinds(share):
            with k.when(chosen):
                left = p.filters - (first + vectors - 1) * p.lanes
                counts = [*[p.lanes] * (vectors - 1), lower(left, p.lanes)]
                scales = [factor + filter for factor in factors]
                pack_rows(k, weight + filter, scales, target, p.taps * p.depth, p.groups * p.filters, counts)
    return k


def pack_rows(
    k: Kernel,
    weight: Pointer,
    factors: list[Pointer],
    target: Pointer,
    rows: int,
    apart: int,
    counts: list[Index],
) -> None:
    """Some rows of weights, so far `apart`, into (rows, vectors, lanes); `counts` of each vector's lanes are
    read. They are multiplied by the factors, if there are any.
    """
    pieces = list(zip(range(0, len(counts) * k.lanes, k.lanes), counts, strict=True))
    scales = [[k.vector(factor, v, count) for factor in factors] for v, count in pieces]
    with k.loop(rows, unroll=1) as row:
        here, there = weight + row * apart, target + row * (len(counts) * k.lanes)
        for (v, count), scale in zip(pieces, scales, strict=True):
            k.store(prod(scale, start=k.vector(here, v, count)), there, v)
