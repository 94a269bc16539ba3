"""Convolutions and linear layers, directly on values whose batch lies in the lanes."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.filter_gradient import filter_gradient
from kitnet.engine.lower.problem import (
    Problem,
    bias_of,
    blocks_of,
    dense_filters,
    filters_of,
    made_of,
    problem_of,
)
from kitnet.kernels import convolution, linear
from kitnet.kernels.spec import Volume

# From when on the filters are packed for forward, measured on AVX-512 cores: where the weights of a tile's
# rows, `filters` apart from step to step, no longer stay in L1. Packing takes 0.3 ns a weight; the pass is
# 1.1 to 3.5 times as fast.
LEAST_STEPS = 256  # of a sum: taps times channels
LEAST_FILTERS = 64
LEAST_USES = 16  # of a weight


def _packs(b: Builder, y: Volume, problem: Problem) -> bool:
    steps = problem.weights // y.channels
    uses = y.positions * b.groups_of_all
    return steps >= LEAST_STEPS and y.channels // problem.groups >= LEAST_FILTERS and uses >= LEAST_USES


def _is_long(b: Builder, x: Volume, y: Volume, problem: Problem) -> bool:
    """Whether it is a layer of many units, whose weights come from memory and not from a cache."""
    whole = problem.window.size == x.sizes and y.positions == problem.groups == 1 and x.pitch == x.channels
    return whole and 4 * problem.weights > (b.cpu.l2 or 1 << 20) // 2


def forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.result(i)
    volumes = b.cpu, b.batch, x.volume, y.volume
    bias, activation, blocks = problem.bias, b.fused_activation(i), blocks_of(b, y.volume)
    if not b.over(i) and _is_long(b, x.volume, y.volume, problem):
        weight = filters_of(b, i)
        kernel = linear.forward("linear", *volumes, bias=bias, activation=activation, blocks=blocks)
    else:
        packed, groups, window = _packs(b, y.volume, problem), problem.groups, problem.window
        if packed:
            weight, scaled = b.room(f"{node.path}.packed filters", problem.weights), b.norm(i) is not None
            pack = convolution.pack("pack", *volumes, window, groups=groups, scaled=scaled, tasks=b.tasks)
            b.at_start(f"{node.path} packed", pack, made_of(b, i), {"packed": weight})
        else:
            weight = filters_of(b, i)
        kernel = convolution.forward(
            "convolution",
            *volumes,
            window,
            groups=groups,
            packed=packed,
            bias=bias,
            activation=activation,
            accumulate=b.over(i),
            blocks=blocks,
        )
    reads = {"x": x.ref, "weight": weight, "bias": bias_of(b, i, problem, weight)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, adds=b.over(i))


def backward(b: Builder, i: int, kept: None) -> None:
    node, problem = b.node(i), problem_of(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    filter_gradient(b, i, problem)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx(node.inputs[0])
        kernel = convolution.input_gradient(
            "input_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            problem.window,
            groups=problem.groups,
            accumulate=accumulate,
            blocks=blocks_of(b, dx.volume),
        )
        reads = {"dy": dy.ref, "weight": dense_filters(b, i)}
        b.call(f"{node.path} input gradient", kernel, reads, {"dx": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = (Implementation("conv.direct.images", "direct", ("conv", "fc"), forward, backward),)
