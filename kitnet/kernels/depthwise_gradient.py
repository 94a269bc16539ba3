"""The gradient of the filters of a depthwise convolution, in either layout.

    dw[tap, c] = sum over groups, places, images of  x[place under the tap, c, image] * dy[place, c, image]

A tile is some places of a line of dy, which are read once, and one vector of lanes. What each tap has summed
lies in memory of the task's own, for so few channels at a time that it stays in the first cache. With images
in the lanes their sums are added up at the end, as many channels together as there are lanes.
"""

from __future__ import annotations

from kitnet.kernels.convolution import forwards
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.depthwise import Columns, columns_of, inside
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.lanes import Lanes
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import lower, over, put, share

_VECTORS = 32  # of channels that are summed at a time
_PLACES = 14  # of a tile, at most


@once
def filter_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    window: Window,
    *,
    bias: bool = True,
    blocks: int = 1,
) -> Kernel:
    """x, dy -> partial (tasks, taps, channels) and bias_partial (tasks, channels), which `bias=False` leaves
    alone: each task's part of the gradients, for `reduce` to add up. Lines of dy are cut into blocks.
    """
    lanes = Lanes(x)
    batch, (x, dy) = lanewise(batch, x, dy)
    k = over(name, cpu, batch, blocks, x=x.type, dy=dy.type, partial=F32, bias_partial=F32)
    _Writer(k, batch, lanes, x, dy, window, bias).write()
    return k


class _Writer:
    """Writes the tasks into a kernel."""

    def __init__(
        self, k: Kernel, batch: Batch, lanes: Lanes, x: Volume, dy: Volume, window: Window, bias: bool
    ) -> None:
        self.k, self.batch, self.lanes, self.x, self.dy = k, batch, lanes, x, dy
        self.taps, self.bias = window.taps, bias
        self.source, self.gradient, self.partial, self.bias_partial = k.pointers
        (self.deep,), (self.high,), (self.wide,) = forwards(x, dy, window)
        self.vectors = x.channels * batch.images // k.lanes  # of a position
        self.each = 1 if lanes.hold_channels else batch.images // k.lanes  # of a channel
        most = _VECTORS if lanes.hold_channels else k.lanes * self.each
        self.some = min(self.vectors, most)
        self.sums = k.scratch(F32, (self.taps + bias) * self.row)

    @property
    def row(self) -> int:
        """Numbers of the sums of one tap."""
        return self.some * self.k.lanes

    def write(self) -> None:
        k = self.k
        places = max(1, min(_PLACES, k.cpu.registers - self.wide.taps - 2))
        group, first, last = share(k, self.batch, self.deep.places * self.high.places)
        x = self.source + group * self.x.group_stride(self.batch)
        dy = self.gradient + group * self.dy.group_stride(self.batch)
        with k.loop(0, self.vectors, self.some, unroll=1) as start:
            with k.loop(0, (self.taps + self.bias) * self.row, k.lanes) as i:
                k.store(k.zero(), self.sums, i)
            end = lower(start + self.some, self.vectors)
            with k.loop(first, last, unroll=1) as line:
                z, y = divmod(line, self.high.places)
                for some in columns_of(self.wide, places):
                    with k.loop(some.count, unroll=1) as number, k.loop(start, end, unroll=1) as vector:
                        column = number * some.width + some.first
                        sums = self.sums + (vector - start) * k.lanes
                        self._tile((z, y, column), some, x + vector * k.lanes, dy + vector * k.lanes, sums)
            self._put(self.partial + k.task * (self.taps * self.lanes.channels), 0, self.taps, start, end)
            if self.bias:
                self._put(self.bias_partial + k.task * self.lanes.channels, self.taps, 1, start, end)

    def _tile(
        self, at: tuple[Index, Index, Index], some: Columns, x: Pointer, dy: Pointer, sums: Pointer
    ) -> None:
        """Add what a tile of dy gives to the sums of its vector."""
        k, (z, y, column), deep, high, images = self.k, at, self.deep, self.high, self.batch.images
        first = (z * high.places + y) * self.wide.places + column
        given = [
            k.vector(dy + first * (self.dy.pitch * images), j * self.dy.pitch * images)
            for j in range(some.width)
        ]
        if self.bias:
            put(k, sum(given[1:], given[0]), sums, self.taps * self.row, accumulate=True)
        with k.loop(*deep.taps_at(z), unroll=1) as a:
            plane = z * deep.step + deep.start + a * deep.apart
            for b in range(high.taps):
                line = y * high.step + (high.start + b * high.apart)
                tap = (a * high.taps + b) * self.wide.taps
                with inside(k, high, line):
                    start = (plane * self.x.sizes[1] + line) * self.x.sizes[2] + column * self.wide.step
                    here, own = x + start * (self.x.pitch * images), sums + tap * self.row
                    totals = [k.register(k.vector(own, c * self.row)) for c in range(self.wide.taps)]
                    for right, pairs in some.meets.items():
                        value = k.vector(here, right * self.x.pitch * images)
                        for j, c in pairs:
                            totals[c].set(k.fma(value, given[j], totals[c].get()))
                    for c, total in enumerate(totals):
                        k.store(total.get(), own, c * self.row)

    def _put(self, target: Pointer, first: int, rows: int, start: Index, end: Index) -> None:
        """Rows of sums, from the first one on, to (rows, channels)."""
        k, channels = self.k, self.lanes.channels
        with k.loop(rows, unroll=1) as row:
            here, there = self.sums + (row + first) * self.row, target + row * channels
            if self.lanes.hold_channels:
                with k.loop(start, end, unroll=1) as vector:
                    total = k.vector(here, (vector - start) * k.lanes)
                    k.store(total, there, vector * k.lanes, self.lanes.real(k, vector))
            else:
                many, channel = self.some // self.each, start // self.each
                totals = [self._of_channel(here, c) for c in range(many)]
                left = many if channels % many == 0 else lower(channels - channel, many)
                k.store(k.totals(totals), there, channel, left)

    def _of_channel(self, sums: Pointer, channel: int) -> Value:
        """The sum of a channel's vectors of images."""
        first = channel * self.each
        vectors = [self.k.vector(sums, v * self.k.lanes) for v in range(first, first + self.each)]
        return sum(vectors[1:], vectors[0])
