"""Dropout in training with the batch in the lanes: the random bits of `kitnet.base.random`, drawn in vectors,
one image a lane.

The generator is Philox 4x64 with ten rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011, section 3.3). Its counter says what is drawn, so every task draws for itself: the numbers of an
image, in the order of positions, then channels, take one word each, and each counter gives four words. NumPy
counts up before it draws. Of maps, or samples, that are dropped as one, each takes one word.
"""

from __future__ import annotations

from collections.abc import Callable

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32, U8, U64
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import each_vector, over, put, share

_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # added to the key from round to round
_ROUNDS = 10
_WORDS = 4  # of a counter
_LOW = 0xFFFFFFFF


def dropout(name: str, cpu: Cpu, batch: Batch, drop: float, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x, random (uint64: the key's two words, the number of the first sample, the step) -> y = x / (1 - drop)
    or 0, and kept (uint8, a dense volume): 1 where it is not dropped. Numbers are cut into blocks by fours.
    """
    k = over(name, cpu, batch, blocks, x=x.type, random=U64, y=y.type, kept=U8)
    px, random, py, kept = k.pointers
    dense = x.dense

    def body(group: Index, number: Index, v: int, stays: Value) -> None:
        def at(volume: Volume) -> Index:
            position, channel = divmod(number, volume.channels)
            start = group * volume.group_stride(batch)
            return start + (position * volume.pitch + channel) * batch.images + v

        factor = k.select(stays, k.constant(1 / (1 - drop)), 0.0)
        k.store(factor * k.vector(px, at(x)), py, at(y))
        k.store(k.select(stays, k.constant(1, U8), 0), kept, at(dense))

    _each_draw(k, batch, random, drop, x.positions * x.channels, body)
    return k


def dropout_factors(
    name: str, cpu: Cpu, batch: Batch, drop: float, factor: Volume, together: bool = False, blocks: int = 1
) -> Kernel:
    """random (as of `dropout`) -> factor, a volume of one position: 1 / (1 - drop) or 0 for each map, or for
    all maps `together`. Maps are cut into blocks by fours.
    """
    k = over(name, cpu, batch, blocks, random=U64, factor=factor.type)
    random, target = k.pointers

    def body(group: Index, number: Index, v: int, stays: Value) -> None:
        value = k.select(stays, k.constant(1 / (1 - drop)), 0.0)
        start = target + group * factor.group_stride(batch) + v
        if not together:
            k.store(value, start, number * batch.images)
            return
        with k.loop(factor.channels) as c:
            k.store(value, start, c * batch.images)

    _each_draw(k, batch, random, drop, 1 if together else factor.channels, body)
    return k


def _each_draw(
    k: Kernel,
    batch: Batch,
    random: Pointer,
    drop: float,
    numbers: int,
    body: Callable[[Index, Index, int, Value], None],
) -> None:
    """`body(group, number, v, stays)` for each of the numbers that an image draws, where v is the first of a
    vector of images, and stays says in which of them the number is not dropped.
    """
    counters = -(-numbers // _WORDS)
    key = k.splat(random, 0), k.splat(random, 1)
    first_sample, step = k.splat(random, 2), k.splat(random, 3)
    group, first, last = share(k, batch, counters)
    threshold = k.constant(int(drop * 2.0**64), U64)
    with k.loop(first, last) as counter:
        for v in range(0, batch.images, k.lanes):
            sample = first_sample + (_scalar(k, group * batch.images + v) + k.iota(U64))
            count = sample * counters + _scalar(k, counter + 1)
            words = philox(k, key, (count, k.constant(0, U64), k.constant(0, U64), step))
            for i, word in enumerate(words):
                number = counter * _WORDS + i
                with k.when(numbers % _WORDS == 0 or number < numbers):
                    body(group, number, v, word >= threshold)


def dropout_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    drop: float,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """kept, dy -> dx = dy / (1 - drop) where a number was kept, else 0. Blocks as in `elementwise`."""
    k = over(name, cpu, batch, blocks, kept=U8, dy=dy.type, dx=dx.type)
    kept, pdy, pdx = k.pointers

    def body(at_kept: Index, at_dy: Index, at_dx: Index) -> None:
        factor = k.vector(kept, at_kept).to(F32) * (1 / (1 - drop))
        put(k, factor * k.vector(pdy, at_dy), pdx, at_dx, accumulate)

    each_vector(k, batch, [dy.dense, dy, dx], body)
    return k


def philox(k: Kernel, key: tuple[Value, Value], counter: tuple[Value, ...]) -> tuple[Value, ...]:
    """The four words of a counter, all vectors of uint64."""
    a, b, c, d = counter
    for turn in range(_ROUNDS):
        one, two = (
            each + turn * weyl % 2**64 if turn else each for each, weyl in zip(key, _WEYL, strict=True)
        )
        (high, low), (higher, lower) = (
            _product(k, each, factor) for each, factor in zip((a, c), _MULTIPLIERS, strict=True)
        )
        a, b, c, d = higher ^ b ^ one, lower, high ^ d ^ two, low
    return a, b, c, d


def _product(k: Kernel, x: Value, factor: int) -> tuple[Value, Value]:
    """The high and the low 64 bits of x * factor, by the halves of both."""
    over, under = factor >> 32, factor & _LOW
    low, high = x & _LOW, x >> 32
    lowest = low * under
    middle = high * under + (lowest >> 32)
    other = low * over + (middle & _LOW)
    return high * over + (middle >> 32) + (other >> 32), (other << 32) | (lowest & _LOW)


def _scalar(k: Kernel, index: Index) -> Value:
    """In every lane."""
    return k.constant(index, U64) if isinstance(index, int) else k.spread(index.value.to(U64), k.lanes)
