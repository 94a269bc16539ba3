"""LeNet's trainable subsampling with channels in the lanes: y = coefficient * (sum over the window) + bias,
and an activation behind it if wanted.
"""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import F32, Kernel
from kitnet.kernels.sliding import axes, window_sums
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.walk import Vectors, each_position, each_tile, lower, over, place_offset


def subsample(
    name: str,
    cpu: Cpu,
    batch: Batch,
    window: Window,
    x: Volume,
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """x, coefficient (channels), bias (channels) -> y, of one pitch that fills whole vectors. Rows of y are
    cut into blocks.
    """
    # A pixel's channels are what a channel's images are where the batch lies in the lanes.
    lanes = Batch(batch.groups, x.pitch)
    source, sink = Volume(x.sizes, 1, 1), Volume(y.sizes, 1, 1)
    slides = axes(window, source, sink)
    k = over(name, cpu, lanes, blocks, x=F32, coefficient=F32, bias=F32, y=F32)
    px, coefficient, bias, py = k.pointers
    with each_position(k, lanes, sink.sizes) as (sample, position):
        out = sample * sink.group_stride(lanes) + place_offset(sink, lanes, position)

        def tile(vectors: Vectors) -> None:
            sums = window_sums(k, lanes, slides, source, px, sample, position, vectors)
            for total, (_, v) in zip(sums, vectors, strict=True):
                count = lower(x.channels - v, k.lanes)
                slope, level = (k.vector(each, v, count) for each in (coefficient, bias))
                value = k.fma(slope, total, level)
                k.store(activation.value(value) if activation else value, py, out + v)

        each_tile(k, lanes, 1, tile)
    return k
