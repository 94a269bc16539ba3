"""The gradient of filters, partial sums over the batch where there are several groups of it."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.problem import Problem, dense_filters, table_of
from kitnet.engine.lower.sums import sum_up
from kitnet.kernels import convolution_gradient, update


def filter_gradient(b: Builder, i: int, problem: Problem) -> None:
    node, dy = b.node(i), b.dy(b.fused.get(i, i))
    assert dy is not None
    x, chunks, units = b.place(node.inputs[0]), b.chunks(), dy.volume.channels
    filters = dense_filters(b, i)
    packed = filters.buffer != "@weights"
    weight = b.weight_gradient(f"{node.path}.weight")
    whole = b.room(f"d {filters.buffer}", problem.weights) if packed else weight
    partial = b.room(f"{node.path}.partial", chunks * problem.weights) if chunks > 1 else whole
    bias = bias_partial = partial  # not written where there is none
    if problem.bias:
        bias = bias_partial = b.weight_gradient(f"{node.path}.bias")
        if chunks > 1:
            bias_partial = b.room(f"{node.path}.bias_partial", chunks * units)
    kernel = convolution_gradient.filter_gradient(
        "filter_gradient",
        b.cpu,
        b.batch,
        x.volume,
        dy.volume,
        problem.window,
        groups=problem.groups,
        bias=problem.bias,
        chunks=chunks,
        parts=1 if chunks > 1 else b.tasks,
    )
    writes = {"partial": partial, "bias_partial": bias_partial}
    across = chunks < b.batch.groups
    b.call(f"{node.path} filter gradient", kernel, {"x": x.ref, "dy": dy.ref}, writes, across=across)
    if chunks > 1:
        sum_up(b, f"{node.path} filter gradient", chunks, problem.weights, partial, whole)
        if problem.bias:
            sum_up(b, f"{node.path} bias gradient", chunks, units, bias_partial, bias)
    if packed:
        _, where = table_of(b, i)
        reads = {"x": whole, "index": b.constant(f"{node.path}.where", where)}
        b.at_end(f"{node.path} links", update.gather("gather", b.cpu, where.size), reads, {"y": weight})
