"""Convolution of few images with the filters in the lanes, whose weights are read where they lie.

Packed weights (`convolution.py`) are a second copy, which for one image is most of the memory of a network.
Here a task takes a block of terms, the same taps and channels of all its filters: some runs of memory, which
were fetched while it was at the block before. It packs them, a tile's filters at a time, and adds the block's
terms to all of its sums, which lie in the thread's own memory until all blocks are in them.

A sum takes its terms in the same order as there, and then the bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from kitnet.kernels.activation import Activation
from kitnet.kernels.channels.convolution import Lines, Row, Tile, Writer
from kitnet.kernels.channels.pack import pack_rows
from kitnet.kernels.channels.work import plan
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer

LEAST_TERMS = 512
MOST_BYTES = 1 << 17  # of a task's sums
# Terms of a block, a multiple of the least where it can be: with a depth of 960, blocks of 64 are a quarter
# quicker than of 96 and 120.
LEAST_BLOCK, TERMS = 64, 128
RUN = 128  # filters of a task, or nearly: processors fetch long runs twice as fast as single lines


def suits(cpu: Cpu, terms: int, filters: int, places: int) -> bool:
    """Whether it can be done, and about as quickly as with packed weights: sums have many terms, which fall
    into blocks, and those of all places are few enough to stay near.
    """
    many = terms >= LEAST_TERMS and terms % LEAST_BLOCK == 0
    return filters % cpu.lanes == 0 and many and 4 * RUN * places <= MOST_BYTES


@once
def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    window: Window,
    *,
    bias: bool = True,
    activation: Activation | None = None,
    addend: bool = False,
    scaled: bool = False,
    blocks: int = 8,
) -> Kernel:
    """y = activation(bias + correlation of x and weight + addend): x, weight [, factor], bias [, addend]
    -> y.

    Weights are (taps, depth, filters) in whole vectors of filters, and multiplied by the `factor` of their
    filter if they are `scaled`. `addend` and `bias=False` are as in `convolution.forward`; the work is cut
    into at most `blocks` tasks.
    """
    if y.channels % cpu.lanes:
        raise ValueError(f"{y.channels} filters are not whole vectors of {cpu.lanes}")
    work = plan(cpu, batch, x, y, window, 1, 1)
    tasks = max(1, y.channels // RUN)
    even = tasks + (tasks > 1 and tasks % 2)  # so that two threads end together
    work = replace(work, filter_blocks=min(blocks, work.shares, even))
    factor, added = {"factor": F32} if scaled else {}, {"addend": y.type} if addend else {}
    k = Kernel(name, cpu, work.tasks, x=x.type, weight=F32, **factor, bias=F32, **added, y=y.type)
    _InPlace(k, dict(zip(k.arguments, k.pointers, strict=True)), work, bias, activation).write()
    return k


def block_of(run: int) -> int:
    """Terms of a block of a run of so many, which it divides."""
    blocks = [n for n in range(1, min(run, TERMS) + 1) if run % n == 0]
    return max(blocks, key=lambda n: (n % LEAST_BLOCK == 0, n))


class _InPlace(Writer):
    """Writes the tasks into a kernel. A task has all lines of a plane, for some shares of the filters."""

    def write(self) -> None:
        k, work, tiling = self.k, self.work, self.work.tiling
        self.weight = self.pointers["weight"]
        self.factors = [self.pointers["factor"]] if "factor" in self.pointers else []
        self.run = work.depth * (work.window.size[2] if work.one_run else 1)
        self.block = block_of(self.run)
        shares = -(-work.shares // work.filter_blocks)
        self.vectors = shares * tiling.vectors.most
        self.each = tiling.lines.count * tiling.columns.count  # tiles of a share
        self.tiles = shares * self.each
        self.size = tiling.lines.most * tiling.columns.most * tiling.vectors.most * k.lanes
        self.sums = k.scratch(F32, self.tiles * self.size)
        self.share = k.scratch(F32, self.block * tiling.vectors.most * k.lanes)
        super().write()

    def _plane(self, shares: tuple[Index, Index], source: Pointer, lines: Lines) -> None:
        k, filters = self.k, self.work.filters
        k.sweep(self.tiles * self.size, lambda i, count: k.store(k.zero(), self.sums, i, count))
        first = self.weight + self.work.tiling.vectors.start(shares[0]) * k.lanes
        with self._blocks() as (here, term):
            following = first + (term + self.block) * filters
            for share, row in self._rows(shares, source):
                weight = self.weight + (term * filters + row.filter)
                factors = [factor + row.filter for factor in self.factors]
                pack_rows(k, weight, factors, self.share, self.block, filters, [k.lanes] * row.vectors)
                for tile in self._tiles(row, lines):
                    number = (share - shares[0]) * self.each + tile.number
                    self._add(row, tile, number, here, following)
        for share, row in self._rows(shares, source):
            levels = [self._level(row, v) for v in range(row.vectors)]
            for tile in self._tiles(row, lines):
                sums = self._sums(row, tile, (share - shares[0]) * self.each + tile.number)
                for offset, line in zip(tile.offsets, sums, strict=True):
                    for v, (level, there) in enumerate(zip(levels, line, strict=True)):
                        self._finish(row, v, k.vector(there) + level, tile.out + (offset + v * k.lanes))
            self._curve(row, lines)

    def _sums(self, row: Row, tile: Tile, number: Index) -> list[list[Pointer]]:
        """Where the sums of the task's tile of this number lie."""
        memory, lanes = self.sums + number * self.size, self.k.lanes
        count = len(tile.places)
        return [[memory + (i * row.vectors + v) * lanes for v in range(row.vectors)] for i in range(count)]

    @contextmanager
    def _blocks(self) -> Iterator[tuple[Index, Index]]:
        """The loops over blocks of terms: where the source is read for a block, and the number of its first
        term.
        """
        k, window, depth = self.k, self.work.window, self.work.depth
        to_plane, to_line, to_place = self._to_taps
        high, wide = window.size[1:]
        runs = wide * depth // self.run
        with k.loop(window.size[0], unroll=1) as a, k.loop(high, unroll=1) as b, k.loop(runs, unroll=1) as c:
            line, term = a * to_plane + b * to_line + c * to_place, ((a * high + b) * runs + c) * self.run
            with k.loop(0, self.run, self.block, unroll=1) as begin:
                yield line + begin, term + begin

    def _add(self, row: Row, tile: Tile, number: Index, here: Index, following: Pointer) -> None:
        """A block's terms to the sums of a tile. Meanwhile it fetches its part of the next block, line after
        line of memory.
        """
        k, vectors, block = self.k, range(row.vectors), self.block
        memory = self._sums(row, tile, number)
        sums = [[k.register(k.vector(there)) for there in line] for line in memory]
        terms = next(n for n in range(1, block + 1) if block % n == 0 and n * self.tiles >= block)
        steps = block // terms  # for each term's weights
        soon = following + (number * block // self.tiles) * self.work.filters
        with k.loop(terms, unroll=1) as term, k.loop(steps, unroll=1) as step:
            k.prefetch(soon + term * self.work.filters, (step * self.vectors // steps) * k.lanes)
            d = term * steps + step
            weights = [k.vector(self.share, (d * row.vectors + v) * k.lanes) for v in vectors]
            for line, place in zip(sums, tile.places, strict=True):
                seen = k.splat(tile.at + (here + d), place)
                for total, weight in zip(line, weights, strict=True):
                    total.set(k.fma(seen, weight, total.get()))
        for line, where in zip(sums, memory, strict=True):
            for total, there in zip(line, where, strict=True):
                k.store(total.get(), there)
