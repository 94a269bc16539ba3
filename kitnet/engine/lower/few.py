"""Convolutions and linear layers of few images, with the filters in the vector lanes; what is made of their
weights is made once, or large ones are read where they lie.
"""

from __future__ import annotations

from functools import partial

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.engine.lower.filtering import IDS, NAMES, refuses
from kitnet.engine.lower.problem import bias_of, filters_of, made_of, problem_of, reads_in_place
from kitnet.kernels.channels import convolution, in_place, linear, winograd
from kitnet.kernels.channels.pack import pack
from kitnet.kernels.filtering import F2, F4, Filtering
from kitnet.kernels.spec import whole_vectors

MANY_PLACES = 784  # where filters are used so often, mapping them is a quarter of the convolution's time


def _direct(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.result(i)
    shapes, filters, addend = (b.cpu, b.batch, x.volume, y.volume, problem.window), made_of(b, i), b.addend(i)
    activation, scaled, added = b.fused_activation(i), b.norm(i) is not None, addend is not None
    if reads_in_place(b, i):
        kernel = in_place.forward(
            "convolution_in_place",
            *shapes,
            bias=problem.bias,
            activation=activation,
            addend=added,
            scaled=scaled,
            blocks=b.tasks,
        )
    else:
        packing = convolution.packing(*shapes, groups=problem.groups, blocks=b.tasks)
        packed = {"packed": b.room(f"{node.path}.packed", packing.size)}
        packer = pack("pack", b.cpu, packing, scaled=scaled, tasks=8)
        b.at_start(f"{node.path} packed", packer, filters, packed)
        filters = packed
        kernel = convolution.forward(
            "convolution",
            *shapes,
            groups=problem.groups,
            bias=problem.bias,
            activation=activation,
            addend=added,
            blocks=b.tasks,
        )
    reads = {"x": x.ref, **filters, "bias": bias_of(b, i, problem, x.ref)}
    if addend is not None:
        reads["addend"] = b.place(addend).ref
    # A task may be some filters of several samples, even where there are as many tasks as samples.
    across = b.batch.groups > 1
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, across=across)


def _winograd(filtering: Filtering, b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.result(i)
    channels, filters = x.volume.channels, y.volume.channels
    mapped = filtering.frequencies * channels * whole_vectors(filters, b.cpu.lanes)
    u = b.room(f"{node.path}.mapped filters", mapped)
    if b.batch.groups * y.volume.positions >= MANY_PLACES:
        b.quickly_made.add(u.buffer)
    scaled = b.norm(i) is not None
    kernel = winograd.filters(
        "winograd_filters", b.cpu, channels, filters, filtering=filtering, scaled=scaled, tasks=8
    )
    b.at_start(f"{node.path} mapped filters", kernel, made_of(b, i), {"u": u})
    addend = b.addend(i)
    kernel = winograd.convolve(
        "winograd",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window.before,
        bias=problem.bias,
        activation=b.fused_activation(i),
        addend=addend is not None,
        filtering=filtering,
        blocks=b.tasks,
    )
    reads = {"x": x.ref, "u": u, "bias": bias_of(b, i, problem, u)}
    if addend is not None:
        reads["addend"] = b.place(addend).ref
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, across=True)


def _linear(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.place(b.fused.get(i, i))
    filters = filters_of(b, i)
    kernel = linear.forward(
        "linear",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        bias=problem.bias,
        activation=b.fused_activation(i),
        blocks=b.tasks,
    )
    reads = {"x": x.ref, "weight": filters, "bias": bias_of(b, i, problem, filters)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, across=b.batch.groups > 1)


IMPLEMENTATIONS = (
    *(
        Implementation(
            f"conv.{IDS[filtering]}.channels",
            f"winograd {NAMES[filtering]}",
            ("conv",),
            partial(_winograd, filtering),
            no_way_back,
            partial(refuses, filtering=filtering),
            lanes="channels",
            takes_dense=True,
        )
        for filtering in (F4, F2)
    ),
    Implementation(
        "linear.channels",
        "weights as they lie",
        ("fc",),
        _linear,
        no_way_back,
        lanes="channels",
        takes_dense=True,
    ),
    Implementation(
        "conv.direct.channels",
        "direct",
        ("conv", "fc"),
        _direct,
        no_way_back,
        lanes="channels",
        takes_dense=True,
    ),
)
