"""Products of few vectors with a matrix: y = activation(bias + x w).

A weight is used once for each sample, so the time is that of reading w from memory, which is done in place,
(inputs, units) as it lies. A task has its own units, a run in every row of w. It takes some rows at a time,
adds their products to all its y and goes on to the next rows, which have been fetched meanwhile: the runs are
as long as can be, and memory never waits.

Every y has one sum in the order of the inputs, however the work is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.spec import Batch, Volume, samples_of
from kitnet.kernels.tiling import Shares, cut, fits
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import lower

_ROWS = 16  # taken at a time, and fetched ahead
_RUN = 1 << 13  # bytes: processors fetch ahead in vain beyond the end of every run
_NEAR = 1 << 18  # bytes of w that are in the second cache anyway


def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    *,
    bias: bool = True,
    activation: Activation | None = None,
    blocks: int = 8,
) -> Kernel:
    """y = activation(bias + x w): x, weight (x.positions * x.channels, y.channels), bias -> y.

    `bias=False` leaves that pointer unread. Units are cut into at most `blocks` tasks, and
    no more than two where a row of w is short.
    """
    if y.positions != 1:
        raise ValueError(f"kernel {name} gives one position, not {y.sizes}")
    samples = samples_of(batch, x, y)
    vectors = -(-y.channels // cpu.lanes)
    tasks = min(blocks, vectors, max(2, 4 * y.channels // _RUN))
    width = max((v for v in range(1, vectors + 1) if fits(cpu, samples, v)), default=1)
    each = -(-vectors // (width * tasks))  # tiles of a task
    k = Kernel(name, cpu, tasks, x=x.type, weight=F32, bias=F32, y=y.type)
    _Writer(k, samples, x, y, Shares(vectors, min(tasks * each, vectors))).write(bias, activation)
    return k


class _Writer:
    """Writes the tasks into a kernel: a tile is some vectors of units, of all samples."""

    def __init__(self, k: Kernel, samples: int, x: Volume, y: Volume, tiles: Shares) -> None:
        self.k, self.samples, self.x, self.y, self.tiles = k, samples, x, y, tiles
        self.source, self.weight, self.bias, self.target = k.pointers
        self.mine = cut(tiles.count, k.task, k.tasks)

    def write(self, bias: bool, activation: Activation | None) -> None:
        k, x = self.k, self.x
        end = Epilogue(k, self.bias if bias else None, activation)
        with self._units() as unit:
            level = end.begin(unit, self._real(unit))
            for s in range(self.samples):
                self._put(level, s, unit)
        runs, length = (1, x.positions * x.channels) if x.pitch == x.channels else (x.positions, x.channels)
        if k.tasks == self.tiles.count:
            self._add(0, runs, 0, length)  # the sums of a single tile stay in registers from first to last
        else:
            rest = length % _ROWS
            with k.loop(runs, unroll=1) as run:
                with k.loop(0, length - rest, _ROWS, unroll=1) as row:
                    self._add(run, 1, row, _ROWS)
                if rest:
                    self._add(run, 1, length - rest, rest)
        if activation:
            with self._units() as unit, k.loop(self.samples, unroll=1) as sample:
                self._put(activation.value(self._get(sample, unit)), sample, unit)

    def _add(self, run: Index, runs: int, first: Index, count: int) -> None:
        """Add the products of some rows, so many from one on in so many runs, to all y of the task."""
        k, units, samples = self.k, self.y.channels, range(self.samples)
        far = 4 * self.x.positions * self.x.channels * units > _NEAR
        with k.loop(*self.mine, unroll=1) as tile:
            start = self.tiles.start(tile) * k.lanes
            for width, chosen in self.tiles.kinds(tile):
                with k.when(chosen):
                    at = [start + v * k.lanes for v in range(width)]
                    real = [k.lanes] * (width - 1) + [self._real(at[-1])]
                    sums = [[k.register(self._get(sample, unit)) for unit in at] for sample in samples]
                    with k.loop(runs, unroll=1) as r, k.loop(count, unroll=1) as c:
                        row = self.weight + ((run + r) * self.x.channels + first + c) * units
                        here = self.source + ((run + r) * self.x.pitch + first + c)
                        weights = [k.vector(row, unit, n) for unit, n in zip(at, real, strict=True)]
                        for unit in at if far else ():
                            k.prefetch(row, unit + _ROWS * units)
                        for line, sample in zip(sums, samples, strict=True):
                            number = k.splat(here, sample * self.x.strides[0])
                            for each, weight in zip(line, weights, strict=True):
                                each.set(k.fma(number, weight, each.get()))
                    for line, sample in zip(sums, samples, strict=True):
                        for each, unit in zip(line, at, strict=True):
                            self._put(each.get(), sample, unit)

    @contextmanager
    def _units(self) -> Iterator[Index]:
        """The first unit of each vector of the task."""
        start, end = (self.tiles.start(tile) * self.k.lanes for tile in self.mine)
        with self.k.loop(start, end, self.k.lanes, unroll=1) as unit:
            yield unit

    def _real(self, unit: Index) -> Index:
        """How many lanes of the vector from this unit on hold units."""
        lanes, units = self.k.lanes, self.y.channels
        return lower(units - unit, lanes) if units % lanes else lanes

    def _written(self, unit: Index) -> Index:
        return self.k.lanes if self.y.fills(self.k.lanes) else self._real(unit)

    def _get(self, sample: Index, unit: Index) -> Value:
        return self.k.vector(self.target, sample * self.y.pitch + unit, self._written(unit))

    def _put(self, value: Value, sample: Index, unit: Index) -> None:
        self.k.store(value, self.target, sample * self.y.pitch + unit, self._written(unit))
