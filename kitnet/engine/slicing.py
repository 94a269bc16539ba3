"""Slices of a batch: where the first layers of a plan for scores have large values, they do some images at a
time, a few where channels lie in the lanes, a group where images do. Only one value, where they end, exists
for the whole batch; the other layers go on from there.

The plan's memory is then not that of all images at the network's widest place, and values of a slice are
read while they are in cache. The last layers, whose filters are the large ones, still read these once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from kitnet.base.spec import Array
from kitnet.engine.builder import Builder
from kitnet.engine.convert import Convert
from kitnet.engine.fuse import roots_of
from kitnet.engine.step import COUNT_BYTES, FLOAT, Ref
from kitnet.kernels.spec import Batch

MOST = 4  # images of a slice, where a group is one image
MADE = 2  # what is made of weights takes about so many times their memory
LEAST_BYTES = 8 << 20  # of values that are needed at once; below, slices gain nothing
LEAST_GAIN = 0.25  # of the memory


@dataclass(frozen=True)
class Slicing:
    """Layers up to the one with this number do `images` at a time; their last value is there for all."""

    last: int
    images: int


def slicing_of(b: Builder, heads: Collection[int]) -> Slicing | None:
    """Where to end the slices so that least memory is needed: behind a layer whose value is all that the
    others read. None where the batch cannot be cut, values are small, or little would be gained.

    `heads` are the nodes that take steps.
    """
    if len({b.setting.lanes[i] for i in heads if not isinstance(b.node(i).layer, Convert)}) > 1:
        return None
    batch = b.batches[b.setting.preferred]
    group, lives = batch.images, _lives(b, heads)
    samples, most = batch.groups * group, max(MOST, group)
    able = (n for n in range(min(most, samples // 2), 1, -1) if n % group == 0 and samples % n == 0)
    images = next(able, None)
    if images is None or not lives:
        return None
    live = {i: sum(each.size for each in lives.values() if each.first <= i <= each.last) for i in heads}
    whole = samples * max(live.values())
    best, least = 0, whole * (1 - LEAST_GAIN) if whole >= LEAST_BYTES else 0
    for value, own in lives.items():
        others = (each for each in lives.values() if each is not own)
        if isinstance(b.node(value).layer, Convert) or any(
            each.first <= own.first < each.last for each in others
        ):
            continue
        made = sum(MADE * array.nbytes for i in heads if i <= own.first for array in _weights(b, i))
        front = images * max(size for i, size in live.items() if i <= own.first) + samples * own.size + made
        back = samples * max((size for i, size in live.items() if i > own.first), default=0)
        if max(front, back) < least:
            best, least = value, max(front, back)
    return Slicing(best, images) if best else None


def _weights(b: Builder, i: int) -> Iterable[Array]:
    return b.weights.of(b.node(i).owner).values()


@dataclass(frozen=True)
class _Life:
    """Bytes of an image's value, and the first and last node whose steps need it."""

    size: int
    first: int
    last: int


def _lives(b: Builder, heads: Collection[int]) -> dict[int, _Life]:
    """Of the values in the plan's memory, by their numbers."""
    nodes, roots = b.graph.nodes, roots_of(b.graph, train=b.train)
    step = {j: i for i in heads for j in (i, *(b.fusions[i].passed if i in b.fusions else ()))}
    first = {b.fused.get(i, i): i for i in heads}
    first = {value: i for value, i in first.items() if roots[value] == value and value not in b.bound}
    last = dict(first)
    for j, i in step.items():
        for root in {roots[k] for k in nodes[j].inputs} & first.keys():
            last[root] = max(last[root], i)
    return {v: _Life(FLOAT * math.prod(nodes[v].shape), i, last[v]) for v, i in first.items()}


def repeat(b: Builder, slicing: Slicing, whole: Batch) -> None:
    """The builder's steps so far, which do one slice, once for each slice of the whole batch; from now on it
    writes steps for all.
    """
    kept = b.place(slicing.last).ref.buffer
    times, per_slice = whole.groups // b.batch.groups, b.batch.groups
    strides = {kept: b.buffers[kept], f"@count {b.lanes}": COUNT_BYTES * per_slice}
    for path, shape in b.graph.operands.items():
        strides[f"@in {path}"] = FLOAT * slicing.images * math.prod(shape)
    own = {ref.buffer for step in b.steps for ref in step.writes.values()} - {kept}
    once = list(b.steps)
    for i in range(1, times):

        def there(ref: Ref, i: int = i) -> Ref:
            if ref.buffer in own:
                return replace(ref, buffer=f"{ref.buffer} of slice {i}")
            return replace(ref, offset=ref.offset + i * strides.get(ref.buffer, 0))

        for step in once:
            reads, writes = (
                {name: there(ref) for name, ref in refs.items()} for refs in (step.reads, step.writes)
            )
            b.steps.append(replace(step, reads=reads, writes=writes))
        b.buffers.update({there(Ref(name)).buffer: b.buffers[name] for name in own})
    b.buffers[kept] *= times
    b.batches[b.lanes] = whole
