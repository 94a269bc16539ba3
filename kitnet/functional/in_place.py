"""Convolutions of arrays as people hold them, channels innermost: nothing is turned around, and filters lie
in the vector lanes.
"""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.lower.window import kernel_window
from kitnet.engine.values import volume_of
from kitnet.functional.program import TASKS, Draft, Problem
from kitnet.kernels.channels import convolution, pack, winograd
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.filtering import F4
from kitnet.kernels.spec import Volume, whole_vectors
from kitnet.layers.window import Axes

FILL = 0.6  # of the lanes that filters take, from which on it is quicker than to put the batch there


def suits(samples: int, filters: int, groups: int, cpu: Cpu) -> bool:
    """Whether it is quicker for so many samples."""
    if samples < cpu.lanes:
        return True
    vectors = -(-filters // cpu.lanes)
    return groups == 1 and filters >= FILL * vectors * cpu.lanes


def winograd_fits(axes: Axes, groups: int) -> bool:
    """Whether Winograd's filtering is for such windows."""
    return groups == 1 and [(a.window, a.stride, a.dilation) for a in axes] == [(3, 1, 1)] * 2


def _volumes(p: Problem) -> tuple[Volume, Volume]:
    return replace(volume_of(p.x), lanes="channels"), replace(volume_of(p.y), lanes="channels")


def convolve(d: Draft, p: Problem) -> None:
    """x, w, b -> y"""
    (x, y), window = _volumes(p), kernel_window(p.axes)
    packing = convolution.packing(d.cpu, d.batch, x, y, window, groups=p.groups, blocks=TASKS)
    packed = d.room(4 * packing.size)
    d.call(pack.pack("pack", d.cpu, packing, tasks=TASKS), across=True, weight="w", packed=packed)
    kernel = convolution.forward(
        "convolution", d.cpu, d.batch, x, y, window, groups=p.groups, bias=p.bias, blocks=TASKS
    )
    d.call(kernel, across=True, x="x", packed=packed, bias="b" if p.bias else "w", y="y")


def convolve_by_winograd(d: Draft, p: Problem) -> None:
    """x, w, b -> y"""
    (x, y), window = _volumes(p), kernel_window(p.axes)
    u = d.room(4 * F4.frequencies * p.channels * whole_vectors(p.filters, d.cpu.lanes))
    kernel = winograd.filters("winograd_filters", d.cpu, p.channels, p.filters, tasks=TASKS)
    d.call(kernel, across=True, weight="w", u=u)
    kernel = winograd.convolve("winograd", d.cpu, d.batch, x, y, window.before, bias=p.bias, blocks=TASKS)
    d.call(kernel, across=True, x="x", u=u, bias="b" if p.bias else "w", y="y")
