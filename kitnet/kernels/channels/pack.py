"""Weights of a convolution laid out in the order in which its tiles read them, once for all runs."""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import F32, Kernel
from kitnet.kernels.tiling import Shares, cut
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


def pack(name: str, cpu: Cpu, packing: Packing, tasks: int = 1) -> Kernel:
    """weight (taps, depth, groups * filters) -> packed (groups, shares, taps, depth, vectors, lanes)."""
    p, shares = packing, packing.shares
    items = p.groups * shares.count
    k = Kernel(name, cpu, min(tasks, items), weight=F32, packed=F32)
    weight, packed = k.pointers
    with k.loop(*cut(items, k.task, k.tasks), unroll=1) as item:
        group, share = divmod(item, shares.count)
        first = shares.start(share)
        source = weight + (group * p.filters + first * p.lanes)
        target = packed + (group * p.vectors + first) * p.vector_size
        for vectors, chosen in shares.kinds(share):
            with k.when(chosen), k.loop(p.taps * p.depth, unroll=1) as row:
                from_row, to_row = source + row * (p.groups * p.filters), target + row * (vectors * p.lanes)
                for v in range(vectors):
                    left = p.filters - (first + v) * p.lanes
                    count = p.lanes if v < vectors - 1 else lower(left, p.lanes)
                    k.store(k.vector(from_row, v * p.lanes, count), to_row, v * p.lanes)
    return k
