"""How a kernel walks over volumes: which part is the task's own, position by position, vector by vector.

A kernel over a batch has `groups * blocks` tasks: each does one block of one group. What is cut into blocks
(rows, vectors, numbers) is the maker's choice; blocks write disjoint places, so they change no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.kernels.types import BOOL, Type
from kitnet.kernels.values import Index, Int, Pointer, Value

Place = tuple[Index, Index, Index]  # depth, height, width
Vectors = list[tuple[Index, Index]]  # the channel of each, and its elements from the first channel's first


def over(name: str, cpu: Cpu, batch: Batch, blocks: int, /, **arguments: Type) -> Kernel:
    """A kernel of `groups * blocks` tasks."""
    if batch.images % cpu.lanes:
        raise ValueError(
            f"kernel {name}: {batch.images} images do not fill vectors of {cpu.lanes}; use a multiple"
        )
    return Kernel(name, cpu, batch.groups * blocks, **arguments)


def share(k: Kernel, batch: Batch, of: int) -> tuple[Index, Index, Index]:
    """The task's group, and where its block's part of range(of) begins and ends."""
    blocks = k.tasks // batch.groups
    if blocks == 1:
        return k.task, 0, of
    group, block = divmod(k.task, blocks)
    return group, block * of // blocks, (block + 1) * of // blocks


def higher(a: Index, b: Index) -> Index:
    if isinstance(a, Int):
        return a.at_least(b)
    return b.at_least(a) if isinstance(b, Int) else max(a, b)


def lower(a: Index, b: Index) -> Index:
    if isinstance(a, Int):
        return a.at_most(b)
    return b.at_most(a) if isinstance(b, Int) else min(a, b)


def equal(k: Kernel, one: Index, other: Index) -> Value:
    """Whether two indices are the same."""
    if isinstance(one, int):
        one, other = other, one
    return one.equals(other) if isinstance(one, Int) else k.constant(one == other, BOOL, 1)


def put(
    k: Kernel,
    value: Value,
    pointer: Pointer,
    offset: Index,
    accumulate: bool,
    count: Index | None = None,
) -> None:
    """Write a value, or add it to what is there."""
    k.store(k.vector(pointer, offset, count) + value if accumulate else value, pointer, offset, count)


def place_offset(volume: Volume, batch: Batch, place: Place) -> Index:
    """Elements from a group's first position to another."""
    _, height, width = volume.sizes
    d, h, w = place
    return ((d * height + h) * width + w) * (volume.pitch * batch.images)


@contextmanager
def each_position(k: Kernel, batch: Batch, sizes: Triple) -> Iterator[tuple[Index, Place]]:
    """The group and every position of the task's block; rows are cut into blocks."""
    depth, height, width = sizes
    group, first, last = share(k, batch, depth * height)
    with k.loop(first, last) as row, k.loop(width) as w:
        d, h = divmod(row, height) if depth > 1 else (0, row)
        yield group, (d, h, w)


def each_tile(
    k: Kernel, batch: Batch, channels: int, body: Callable[[Vectors], None], width: int = 4
) -> None:
    """`body(vectors)` for all vectors of a position, about `width` at once so that they hide each other's
    latency.
    """
    images, lanes = batch.images, k.lanes
    vectors = images // lanes  # of a channel
    if vectors > width:
        with k.loop(channels) as c:
            whole = vectors - vectors % width
            with k.loop(0, whole * lanes, width * lanes) as i:
                body([(c, c * images + i + v * lanes) for v in range(width)])
            if whole < vectors:
                body([(c, c * images + v * lanes) for v in range(whole, vectors)])
        return
    together = width // vectors

    def some(first: Index, count: int) -> None:
        pairs = [(first + c, v) for c in range(count) for v in range(vectors)]
        body([(c, c * images + v * lanes) for c, v in pairs])

    whole = channels - channels % together
    with k.loop(0, whole, together) as c:
        some(c, together)
    if whole < channels:
        some(whole, channels - whole)


def each_vector(
    k: Kernel,
    batch: Batch,
    volumes: Sequence[Volume],
    body: Callable[..., None],
    unroll: int | None = None,
) -> None:
    """`body(*offsets)` for every vector of volumes that hold equally many numbers, with its offset in each.

    Their pitches may differ, and a volume of one position is the flat form of any other. Positions are cut
    into blocks, or vectors where all numbers are one run.
    """
    runs, length, steps = _runs(volumes)
    vectors = length * batch.images // k.lanes
    group, first, last = share(k, batch, runs if runs > 1 else vectors)
    starts = [group * volume.group_stride(batch) for volume in volumes]
    if runs == 1:
        with k.loop(first * k.lanes, last * k.lanes, k.lanes, unroll) as i:
            body(*(start + i for start in starts))
    else:
        with k.loop(first, last) as run:
            bases = [start + run * (step * batch.images) for start, step in zip(starts, steps, strict=True)]
            with k.loop(0, vectors * k.lanes, k.lanes, unroll) as i:
                body(*(base + i for base in bases))


def _runs(volumes: Sequence[Volume]) -> tuple[int, int, list[int]]:
    """How many runs of how many numbers lie together in every volume, and the numbers from one run to the
    next in each.
    """
    forms = {(volume.positions, volume.channels) for volume in volumes}
    spread = {form for form in forms if form[0] > 1}
    if len(spread) > 1 or len({positions * channels for positions, channels in forms}) > 1:
        shapes = " and ".join(f"{volume.sizes} of {volume.channels}" for volume in volumes)
        raise ValueError(f"volumes of different shapes cannot be walked together: {shapes}")
    runs, length = max(forms)  # of flat and spread the spread one, which has more positions
    steps = [volume.pitch if volume.positions > 1 else length for volume in volumes]
    if all(step == length for step in steps):
        return 1, runs * length, [runs * length] * len(volumes)
    return runs, length, steps
