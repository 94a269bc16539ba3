"""The gradient of filters: which kernel, and into how many partial sums over the batch it is cut."""

from __future__ import annotations

from collections.abc import Mapping

from kitnet.engine.builder import Builder
from kitnet.engine.lower.problem import Problem, is_spread, spread_of
from kitnet.engine.step import Place, Ref
from kitnet.kernels import convolution_gradient, update, winograd_gradient
from kitnet.kernels.emit import Kernel

# Where groups are too few to make a task of each: partial sums of so many weights, one for each task, cost
# less than tasks that share the weights and each prepare the same dy. Measured with 16 images on AVX-512:
# 64->64@56 is 1.3 times as fast with partial sums, 1x1 256->64@56 twice, 128->128@28 as fast as without.
MOST_PARTIAL = 40_000


def _chunks(b: Builder, weights: int, most: int) -> int:
    """Into how many partial sums the gradient is cut, of which there can be so many."""
    chunks = b.chunks()
    return chunks if b.apart(chunks) or weights > MOST_PARTIAL else min(b.parts, most)


def filter_gradient(b: Builder, i: int, problem: Problem, winograd: bool = False) -> None:
    """Add the steps for the filters of node i, if their gradient is wanted.

    `winograd` allows Winograd's filtering for a 3x3 problem that it fits. It is taken if filters fill the
    lanes: with 16 and 32 images on two AVX-512 cores it is 1.2 times as fast as the direct sum for 16->16@32,
    1.7 for 32->32@32 and @16, and about twice for 64->64@56 and @8, 128->128@28, 256->256@14 and 512->512@7.
    """
    dy = b.dy(b.fused.get(i, i))
    assert dy is not None
    products(b, i, problem, b.place(b.node(i).inputs[0]), dy, winograd)


def products(b: Builder, i: int, problem: Problem, x: Place, dy: Place, winograd: bool = False) -> None:
    """The same for what windows see of x times dy: a transposed convolution has them the other way round."""
    if not b.learns(i):
        return
    winograd = winograd and dy.volume.channels % b.cpu.lanes == 0
    most = (
        winograd_gradient.most_chunks(b.cpu, b.batch, dy.volume)
        if winograd
        else convolution_gradient.most_chunks(b.batch, dy.volume)
    )
    chunks = _chunks(b, problem.weights, most)
    parts = 1 if chunks > 1 else b.tasks
    volumes, bias = (b.cpu, b.batch, x.volume, dy.volume), problem.bias
    if winograd:
        kernel = winograd_gradient.filter_gradient(
            "winograd_filter_gradient",
            *volumes,
            problem.window.before,
            bias=bias,
            chunks=chunks,
            parts=parts,
        )
    else:
        kernel = convolution_gradient.filter_gradient(
            "filter_gradient",
            *volumes,
            problem.window,
            groups=problem.groups,
            bias=bias,
            chunks=chunks,
            parts=parts,
        )
    reads = {"x": x.ref, "dy": dy.ref}
    add_partial(b, i, problem, kernel, reads, chunks, across=chunks != b.batch.groups)


def add_partial(
    b: Builder,
    i: int,
    problem: Problem,
    kernel: Kernel,
    reads: Mapping[str, Ref],
    chunks: int,
    across: bool = False,
) -> None:
    """The step of a kernel that leaves partial (chunks, weights), bias_partial (chunks, filters), and the
    steps that add these up to the gradients of node i.
    """
    node, label = b.node(i), f"{b.node(i).path} filter gradient"
    units, spread = node.shape[-1], is_spread(b, i)
    whole = b.room(f"d {node.path}.filters", problem.weights) if spread else b.weight_gradient(i, "weight")
    partial = b.room(f"{node.path}.partial", chunks * problem.weights) if b.apart(chunks) else whole
    bias = bias_partial = partial  # not written where there is none
    if problem.bias:
        bias = bias_partial = b.weight_gradient(i, "bias")
        if b.apart(chunks):
            bias_partial = b.room(f"{node.path}.bias_partial", chunks * units)
    b.call(label, kernel, reads, {"partial": partial, "bias_partial": bias_partial}, across=across)
    if b.apart(chunks):
        b.sum_up(label, chunks, problem.weights, partial, whole)
        if problem.bias:
            b.sum_up(f"{node.path} bias gradient", chunks, units, bias_partial, bias)
    if spread:
        _gather_own(b, i, whole)


def _gather_own(b: Builder, i: int, whole: Ref) -> None:
    """The gradient of the layer's own weights, out of that of the filters that were spread out of them."""
    path, (_, where) = b.node(i).path, spread_of(b, i)
    reads = {"x": whole, "index": b.constant(f"{path}.where", where)}
    kernel = update.gather("gather", b.cpu, where.size)
    b.at_end(f"{path} own weights", kernel, reads, {"y": b.weight_gradient(i, "weight")})
