"""Values as bf16 pairs: the form in which matrix tiles read them as they lie.

A value is (groups of 16 images, lines, places, blocks of 32 channels, parts, 16 pairs of channels, 16
images, 2): a part of a block is a tile of columns, 1 KB in one run, and what a row of taps sees is one run of
tiles. A rim of zeros as wide as the padding is part of it, so that all places are alike. Channels that do not
fill the last block are followed by zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiles.unit import DEEP, SIDE, TILE, Unit, unit_of
from kitnet.kernels.types import U32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import over, share


@dataclass(frozen=True)
class Pairs:
    """A plane of `sizes` (height, width) with its rim: `before` (top, left) and `after` (bottom, right). An
    `own` one holds the group that a thread is at.
    """

    sizes: tuple[int, int]
    channels: int
    parts: int
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    own: bool = False

    @property
    def blocks(self) -> int:
        return -(-self.channels // DEEP)

    @property
    def lines(self) -> int:
        return self.before[0] + self.sizes[0] + self.after[0]

    @property
    def places(self) -> int:
        """Of a line."""
        return self.before[1] + self.sizes[1] + self.after[1]

    # In elements of 4 bytes, from one to the next

    @property
    def block(self) -> int:
        return self.parts * TILE

    @property
    def place(self) -> int:
        return self.blocks * self.block

    @property
    def line(self) -> int:
        return self.places * self.place

    @property
    def size(self) -> int:
        """Of a group of 16 images."""
        return self.lines * self.line

    def at(self, images: int, group: Index, half: Index) -> Index:
        """Where the 16 images number `half` of a group of `images` begin."""
        return half * self.size if self.own else (group * (images // SIDE) + half) * self.size


def pairs_of(x: Volume, y: Volume, window: Window, parts: int) -> Pairs:
    """What a window reads of x for all places of y, both planes."""
    (_, *sizes), (_, *places), before = x.sizes, y.sizes, window.before[1:]
    reach = [
        (n - 1) * stride + taps
        for n, stride, taps in zip(places, window.stride[1:], window.size[1:], strict=True)
    ]
    after = [max(0, r - b - size) for r, b, size in zip(reach, before, sizes, strict=True)]
    return Pairs((sizes[0], sizes[1]), x.channels, parts, (before[0], before[1]), (after[0], after[1]), x.own)


def room(pairs: Pairs, batch: Batch) -> int:
    """Elements of 4 bytes that the pairs of a batch take."""
    return (1 if pairs.own else batch.groups) * batch.images // SIDE * pairs.size


@once
def into_pairs(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Pairs, blocks: int = 1) -> Kernel:
    """x as pairs, with the rim. A group's lines are cut into blocks."""
    k = over(name, cpu, batch, blocks, x=x.type, y=U32)
    unit, (source, target) = unit_of(k), k.pointers
    group, first, last = share(k, batch, y.lines)
    with k.loop(batch.images // SIDE, unroll=1) as half, k.loop(first, last, unroll=1) as line:
        h = line - y.before[0]
        here = target + y.at(batch.images, group, half) + line * y.line

        def convert() -> None:
            with k.loop(y.sizes[1], unroll=1) as v:
                position = group * x.group_stride(batch) + (h * y.sizes[1] + v) * (x.pitch * batch.images)
                place = here + (v + y.before[1]) * y.place
                _channels(unit, batch, source + position + half * SIDE, place, y)

        on_line(k, y, line, here, convert)
    return k


def _channels(unit: Unit, batch: Batch, source: Pointer, target: Pointer, y: Pairs) -> None:
    """All channels of 16 images at a place."""
    k, images = unit.k, batch.images

    def pair(channel: Index, at: Index, both: bool) -> None:
        for n in range(0, SIDE, k.lanes):
            low = k.vector(source, channel * images + n)
            high = k.vector(source, (channel + 1) * images + n) if both else k.zero()
            put_pairs(unit, low, high, target, at + n, y.parts)

    whole, rest = divmod(y.channels, DEEP)
    with k.loop(whole, unroll=1) as block, k.loop(SIDE) as i:
        pair(block * DEEP + i * 2, block * y.block + i * SIDE, True)
    if rest:
        with k.loop(rest // 2) as i:
            pair(whole * DEEP + i * 2, whole * y.block + i * SIDE, True)
        if rest % 2:
            pair(y.channels - 1, whole * y.block + rest // 2 * SIDE, False)
        for part in range(y.parts):
            first = whole * y.block + part * TILE
            clear(k, target + first, -(-rest // 2) * SIDE, TILE)


def put_pairs(unit: Unit, low: Value, high: Value, target: Pointer, at: Index, parts: int) -> None:
    """Two vectors as parts, each a tile behind the one before."""
    for part, pairs in enumerate(unit.split(low, high, parts)):
        unit.k.store(pairs, target, at + part * TILE)


def on_line(k: Kernel, y: Pairs, line: Index, here: Pointer, body: Callable[[], None]) -> None:
    """`body()` for a line of the plane, between the zeros of the rim; zeros alone for a line of the rim."""
    top, height = y.before[0], y.sizes[0]
    inside: Value | bool = True
    if y.lines > height:
        inside = _within(line, top, top + height)
        with k.when(~inside):
            clear(k, here, 0, y.line)
    with k.when(inside):
        clear(k, here, 0, y.before[1] * y.place)
        body()
        clear(k, here, (y.before[1] + y.sizes[1]) * y.place, y.line)


def _within(line: Index, first: int, last: int) -> Value:
    assert not isinstance(line, int)
    return (line >= first) & (line < last)


def clear(k: Kernel, target: Pointer, start: int, stop: int) -> None:
    """Zeros to elements of 4 bytes, whole vectors of them."""
    if start < stop:
        with k.loop(start, stop, k.lanes) as i:
            k.store(k.constant(0, U32), target, i)
