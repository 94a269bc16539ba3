"""Wide 3x3 convolutions by Winograd's filtering, forward, back to the input and for the gradient of the
filters. The filters are mapped at the beginning of each run.
"""

from __future__ import annotations

from functools import partial

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.filter_gradient import filter_gradient
from kitnet.engine.lower.filtering import IDS, NAMES, refuses
from kitnet.engine.lower.problem import bias_of, blocks_of, made_of, problem_of
from kitnet.engine.step import Ref
from kitnet.kernels import winograd
from kitnet.kernels.filtering import F2, F4, Filtering


def _mapped(
    b: Builder, i: int, name: str, depth: int, rows: int, filtering: Filtering, turned: bool = False
) -> Ref:
    """The layer's filters, mapped at the beginning of each run."""
    path = b.node(i).path
    u = b.room(f"{path}.{name}", filtering.frequencies * depth * rows)
    kernel = winograd.filters(
        "winograd_filters",
        b.cpu,
        depth,
        rows,
        turned=turned,
        filtering=filtering,
        scaled=b.norm(i) is not None,
        tasks=b.tasks,
    )
    b.at_start(f"{path} {name}", kernel, made_of(b, i), {"u": u})
    return u


def _forward(filtering: Filtering, b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.result(i)
    u = _mapped(b, i, "mapped filters", x.volume.channels, y.volume.channels, filtering)
    kernel = winograd.convolve(
        "winograd",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window.before,
        bias=problem.bias,
        activation=b.fused_activation(i),
        accumulate=b.over(i),
        filtering=filtering,
        blocks=blocks_of(b, y.volume),
    )
    reads = {"x": x.ref, "u": u, "bias": bias_of(b, i, problem, u)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, adds=b.over(i))


def _backward(filtering: Filtering, b: Builder, i: int, kept: None) -> None:
    node, problem = b.node(i), problem_of(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    filter_gradient(b, i, problem, winograd=True)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx(node.inputs[0])
        u = _mapped(b, i, "turned filters", dy.volume.channels, dx.volume.channels, filtering, turned=True)
        _, high, wide = problem.window.before
        kernel = winograd.convolve(
            "winograd_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            (0, 2 - high, 2 - wide),
            bias=False,
            accumulate=accumulate,
            filtering=filtering,
            blocks=blocks_of(b, dx.volume),
        )
        reads = {"x": dy.ref, "u": u, "bias": u}
        b.call(f"{node.path} input gradient", kernel, reads, {"y": dx.ref}, adds=accumulate)


def _implementation(filtering: Filtering) -> Implementation:
    forward, backward = partial(_forward, filtering), partial(_backward, filtering)
    return Implementation(
        f"conv.{IDS[filtering]}.images",
        f"winograd {NAMES[filtering]}",
        ("conv",),
        forward,
        backward,
        partial(refuses, filtering=filtering),
    )


IMPLEMENTATIONS = _implementation(F4), _implementation(F2)
