"""A bias for every position of every map, in either layout, and sums over the images in the lanes."""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.lanes import Lanes
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.walk import each_position, lower, over, place_offset


def add_bias(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """x, bias (positions, channels) -> y = f(x + bias). Rows are cut into blocks."""
    lanes = Lanes(x)
    batch, (x, y) = lanewise(batch, x, y)
    k = over(name, cpu, batch, blocks, x=x.type, bias=F32, y=y.type)
    px, bias, py = k.pointers
    with each_position(k, batch, y.sizes) as (group, place):
        source = px + group * x.group_stride(batch) + place_offset(x, batch, place)
        target = py + group * y.group_stride(batch) + place_offset(y, batch, place)
        own = bias + place_offset(Volume(y.sizes, 1, lanes.channels), Batch(1, 1), place)
        with k.loop(x.channels * batch.images // k.lanes, unroll=1) as vector:
            at = vector * k.lanes
            value = k.vector(source, at) + lanes.parameter(k, own, 0, vector, batch)
            k.store(activation.value(value) if activation else value, target, at)
    return k


def image_sums(name: str, cpu: Cpu, batch: Batch, x: Volume, blocks: int = 1) -> Kernel:
    """x -> sums (groups, positions, channels): at each position the sum of a group's images. Rows are cut
    into blocks.
    """
    lanes = Lanes(x)
    batch, (x,) = lanewise(batch, x)
    k = over(name, cpu, batch, blocks, x=x.type, sums=F32)
    px, sums = k.pointers
    channels, each = lanes.channels, batch.images // k.lanes
    dense = Volume(x.sizes, channels, channels)
    with each_position(k, batch, x.sizes) as (group, place):
        source = px + group * x.group_stride(batch) + place_offset(x, batch, place)
        target = sums + group * (dense.positions * channels) + place_offset(dense, Batch(1, 1), place)
        if lanes.hold_channels:
            k.sweep(channels, lambda c, count: k.store(k.vector(source, c, count), target, c, count))
        else:
            many = min(channels, k.lanes)  # whose lanes are added up together
            with k.loop(0, channels, many, unroll=1) as first:
                totals = []
                for c in range(many):
                    # Beyond the last channel there are the next position's numbers, or none.
                    here = source + lower(first + c, channels - 1) * batch.images
                    vectors = [k.vector(here, v * k.lanes) for v in range(each)]
                    totals.append(sum(vectors[1:], vectors[0]))
                left = many if channels % many == 0 else lower(channels - first, many)
                k.store(k.totals(totals), target, first, left)
    return k
