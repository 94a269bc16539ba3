"""Convolutions with large windows by Fourier transforms, forward and back to the input; the filters are
transformed at the beginning of each run. The gradient of the filters is the direct one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, Slower
from kitnet.engine.lower.filter_gradient import filter_gradient
from kitnet.engine.lower.problem import bias_of, blocks_of, made_of, problem_of
from kitnet.engine.setting import sizes_of
from kitnet.engine.step import Ref
from kitnet.kernels import fourier
from kitnet.kernels.spec import Triple, Volume, Window
from kitnet.layers import Convolution


@dataclass(frozen=True)
class _Cost:
    """Cycles of tiles of one side, for vectors of images: of a transform, for each place; of a complex
    multiply-add; of the transform of some filters, for each place.
    """

    place: float
    complex: float
    filters: float


# Measured on an AVX-512 core. Larger tiles do not stay in the caches.
COSTS = {8: _Cost(6, 2.5, 13), 16: _Cost(8, 3.2, 13), 32: _Cost(14, 4.5, 29), 64: _Cost(20, 7, 80)}
DIRECT = 0.55  # a multiply-add of the direct sum
FREQUENCY = 4  # one of a filter's, apart from its sum
FEW = 4  # tiles are done by several threads; fewer tiles cost as much as so many
LEAST_GAIN = 1.5  # of the estimate over the direct sum, whose code takes less time to compile
MOST_BYTES = 80e6  # of the filters' spectra


def _bytes(side: int, x: Volume, y: Volume) -> int:
    return 8 * fourier.frequencies(side) * x.channels * y.channels


def _gain(b: Builder, side: int, x: Volume, y: Volume, window: Window) -> float:
    """How many times as fast as the direct sum tiles of this side should be."""
    depth, rows, (_, high, wide) = x.channels, y.channels, window.size
    each, cost, places = b.batch.images // b.cpu.lanes, COSTS[side], side**2
    direct = DIRECT * window.taps * depth * rows * y.positions * each
    tiles = -(-y.sizes[1] // (side - high + 1)) * -(-y.sizes[2] // (side - wide + 1)) * each
    products = rows * fourier.frequencies(side) * (FREQUENCY + depth * cost.complex)
    cycles = max(tiles, FEW / b.batch.groups) * ((depth + rows) * places * cost.place + products)
    filters = cost.filters * places * depth * math.ceil(rows / 12) / b.batch.groups
    return direct / (cycles + filters)


def _side(b: Builder, x: Volume, y: Volume, window: Window) -> int:
    """The side of the quickest tiles whose spectra are not too large, or else of the smallest."""
    sides = [side for side in fourier.SIDES if side > max(window.size)]
    able = [side for side in sides if _bytes(side, x, y) <= MOST_BYTES]
    return max(able or sides[:1], key=lambda side: _gain(b, side, x, y, window))


def refuses_fourier(b: Builder, i: int) -> str | None:
    layer = b.node(i).layer
    if not isinstance(layer, Convolution):
        return "only for convolutions"
    if layer.table is not None:
        return "the layer has a connection table"
    (shape,), problem = b.graph.shapes_into(b.node(i)), problem_of(b, i)
    window, most = problem.window, max(fourier.SIDES)
    if sizes_of(shape)[0] > 1 or window.size[0] > 1:
        return "only for planes"
    if window.stride != (1, 1, 1) or window.dilation != (1, 1, 1):
        return "only for stride 1 and dilation 1"
    if problem.groups > 1:
        return f"only without groups; the layer has {problem.groups}"
    if max(window.size) >= most:
        return f"only for windows below {most}x{most}"
    x, y = (Volume(sizes_of(each), each[-1], each[-1]) for each in (shape, b.node(i).shape))
    side = _side(b, x, y, window)
    gain, size = _gain(b, side, x, y, window), _bytes(side, x, y)
    if size > MOST_BYTES:
        return Slower(f"the filters' spectra would take {size / 1e6:.0f} MB")
    if gain < LEAST_GAIN:
        return Slower(f"an estimated {gain:.2g} times as fast as the direct sum; taken from {LEAST_GAIN} on")
    return None


def _spectra(b: Builder, i: int, side: int, window: Triple, x: Volume, y: Volume, turned: bool) -> Ref:
    """The layer's filters, transformed at the beginning of each run."""
    path, depth, rows = b.node(i).path, x.channels, y.channels
    name = f"{path} {'turned spectra' if turned else 'spectra'}"
    u = b.room(name, 2 * fourier.frequencies(side) * depth * rows)
    scaled = b.norm(i) is not None
    kernel = fourier.spectra(
        "spectra", b.cpu, side, window, depth, rows, turned=turned, scaled=scaled, tasks=b.tasks
    )
    b.at_start(name, kernel, made_of(b, i), {"u": u})
    return u


def fourier_forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y, window = b.place(node.inputs[0]), b.result(i), problem.window
    side = _side(b, x.volume, y.volume, window)
    u = _spectra(b, i, side, window.size, x.volume, y.volume, turned=False)
    kernel = fourier.convolve(
        "fourier",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        side,
        window.size,
        window.before,
        bias=problem.bias,
        activation=b.fused_activation(i),
        accumulate=b.over(i),
        blocks=blocks_of(b, y.volume),
    )
    reads = {"x": x.ref, "u": u, "bias": bias_of(b, i, problem, u)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, adds=b.over(i))


def fourier_backward(b: Builder, i: int, kept: None) -> None:
    node, problem = b.node(i), problem_of(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    filter_gradient(b, i, problem)
    if b.wants(node.inputs[0]):
        (dx, accumulate), window = b.dx(node.inputs[0]), problem.window
        side = _side(b, dy.volume, dx.volume, window)
        u = _spectra(b, i, side, window.size, dy.volume, dx.volume, turned=True)
        _, high, wide = (size - 1 - before for size, before in zip(window.size, window.before, strict=True))
        kernel = fourier.convolve(
            "fourier_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            side,
            window.size,
            (0, high, wide),
            bias=False,
            accumulate=accumulate,
            blocks=blocks_of(b, dx.volume),
        )
        reads = {"x": dy.ref, "u": u, "bias": u}
        b.call(f"{node.path} input gradient", kernel, reads, {"y": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = (
    Implementation(
        "conv.fourier.images",
        "fourier transforms",
        ("conv",),
        fourier_forward,
        fourier_backward,
        refuses_fourier,
    ),
)
