"""The gradient of filters: which kernel, and into how many partial sums over the batch it is cut."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.problem import Problem, has_table, table_of
from kitnet.engine.step import Ref
from kitnet.kernels import convolution_gradient, update, winograd_gradient

# Where groups are too few to make a task of each: partial sums of so many weights, one for each task, cost
# less than tasks that share the weights and each prepare the same dy. Measured with 16 images on AVX-512:
# 64->64@56 is 1.3 times as fast with partial sums, 1x1 256->64@56 twice, 128->128@28 as fast as without.
MOST_PARTIAL = 40_000


def _chunks(b: Builder, weights: int, most: int) -> int:
    """Into how many partial sums the gradient is cut, of which there can be so many."""
    chunks = b.chunks()
    return chunks if chunks > 1 or weights > MOST_PARTIAL else min(b.parts, most)


def filter_gradient(b: Builder, i: int, problem: Problem, winograd: bool = False) -> None:
    """Add the steps for the filters of node i, if their gradient is wanted.

    `winograd` allows Winograd's filtering for a 3x3 problem that it fits. It is taken if filters fill the
    lanes: with 16 and 32 images on two AVX-512 cores it is 1.2 times as fast as the direct sum for 16->16@32,
    1.7 for 32->32@32 and @16, and about twice for 64->64@56 and @8, 128->128@28, 256->256@14 and 512->512@7.
    """
    if not b.request.weights:
        return
    node, dy = b.node(i), b.dy(b.fused.get(i, i))
    assert dy is not None
    x, units = b.place(node.inputs[0]), dy.volume.channels
    winograd = winograd and units % b.cpu.lanes == 0
    most = (
        winograd_gradient.most_chunks(b.cpu, b.batch, dy.volume)
        if winograd
        else convolution_gradient.most_chunks(b.batch, dy.volume)
    )
    chunks = _chunks(b, problem.weights, most)
    label, packed = f"{node.path} filter gradient", has_table(b, i)
    whole = b.room(f"d {node.path}.filters", problem.weights) if packed else b.weight_gradient(i, "weight")
    partial = b.room(f"{node.path}.partial", chunks * problem.weights) if chunks > 1 else whole
    bias = bias_partial = partial  # not written where there is none
    if problem.bias:
        bias = bias_partial = b.weight_gradient(i, "bias")
        if chunks > 1:
            bias_partial = b.room(f"{node.path}.bias_partial", chunks * units)
    parts = 1 if chunks > 1 else b.tasks
    volumes, bias_too = (b.cpu, b.batch, x.volume, dy.volume), problem.bias
    if winograd:
        kernel = winograd_gradient.filter_gradient(
            "winograd_filter_gradient",
            *volumes,
            problem.window.before,
            bias=bias_too,
            chunks=chunks,
            parts=parts,
        )
    else:
        kernel = convolution_gradient.filter_gradient(
            "filter_gradient",
            *volumes,
            problem.window,
            groups=problem.groups,
            bias=bias_too,
            chunks=chunks,
            parts=parts,
        )
    writes = {"partial": partial, "bias_partial": bias_partial}
    b.call(label, kernel, {"x": x.ref, "dy": dy.ref}, writes, across=chunks != b.batch.groups)
    if chunks > 1:
        b.sum_up(label, chunks, problem.weights, partial, whole)
        if problem.bias:
            b.sum_up(f"{node.path} bias gradient", chunks, units, bias_partial, bias)
    if packed:
        _gather_links(b, i, whole)


def _gather_links(b: Builder, i: int, whole: Ref) -> None:
    """The gradient of a table's links, out of that of the dense filters."""
    path, (_, where) = b.node(i).path, table_of(b, i)
    reads = {"x": whole, "index": b.constant(f"{path}.where", where)}
    kernel = update.gather("gather", b.cpu, where.size)
    b.at_end(f"{path} links", kernel, reads, {"y": b.weight_gradient(i, "weight")})
