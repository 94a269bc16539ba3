"""Convolutions on matrix tiles, of values as bf16 pairs: forward, for scores, in the precision of the plan.

A value whose readers all are such convolutions of one window is written as pairs by the step that makes it,
where that is one as well, and never as float32. Any other value is turned into pairs by a step of its own.
"""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, Slower, no_way_back
from kitnet.engine.lower.problem import bias_of, made_of, problem_of
from kitnet.engine.setting import sizes_of
from kitnet.engine.step import Ref
from kitnet.kernels.amx import why_no_tiles
from kitnet.kernels.spec import Volume
from kitnet.kernels.tiles import convolution, filters
from kitnet.kernels.tiles.pairs import Pairs, into_pairs, pairs_of, room
from kitnet.kernels.tiles.unit import SIDE
from kitnet.kernels.types import U32
from kitnet.layers import Convolution

ID = "conv.tiles.images"
LEAST_CHANNELS = 16  # half of what a product of tiles sums, and all filters of a tile


def _refuses(b: Builder, i: int) -> str | None:
    layer, (shape,) = b.node(i).layer, b.graph.shapes_into(b.node(i))
    assert isinstance(layer, Convolution)
    if not b.setting.precision.parts:
        return "only in bf16, bf16x3 and bf16x6; the plan is in fp32"
    reason = why_no_tiles(b.cpu)
    if reason:
        return reason
    problem = problem_of(b, i)
    if sizes_of(shape)[0] > 1:
        return "only for planes"
    if problem.groups > 1:
        return f"only without groups; the layer has {problem.groups}"
    if problem.window.dilation != (1, 1, 1):
        return "only for dilation 1"
    if b.batch.images % SIDE:
        return f"only for groups of {SIDE} images; these have {b.batch.images}"
    if min(shape[-1], layer.filters) < LEAST_CHANNELS:
        return Slower(f"slower with so few channels, {shape[-1]} into {layer.filters}")
    return None


def _forward(b: Builder, i: int) -> None:
    node, problem, precision = b.node(i), problem_of(b, i), b.setting.precision
    last = b.fused.get(i, i)
    x, to = _read(b, i), _read_next(b, last)
    depth, count = x.channels, node.shape[-1]
    y: Volume | Pairs
    if to is None or b.over(i):
        result = b.result(i)
        y, target = result.volume, result.ref
    else:
        y, target = to, _place(b, last, to)
    u = b.room(f"{node.path}.tiles", filters.size(problem.window.taps, depth, count, precision), U32)
    made = made_of(b, i)
    pack = filters.pack(
        "pack_tiles",
        b.cpu,
        problem.window.taps,
        depth,
        count,
        precision,
        scaled="factor" in made,
        tasks=b.tasks,
    )
    b.at_start(f"{node.path} tiles", pack, made, {"u": u})
    kernel = convolution.convolve(
        "tiles",
        b.cpu,
        b.batch,
        x,
        y,
        count,
        problem.window,
        precision,
        bias=problem.bias,
        activation=b.fused_activation(i),
        accumulate=b.over(i),
        blocks=b.blocks(y.lines if isinstance(y, Pairs) else y.sizes[1]),
    )
    reads = {"x": _in_pairs(b, node.inputs[0], x), "u": u, "bias": bias_of(b, i, problem, u)}
    b.call(f"{node.path} forward", kernel, reads, {"y": target}, adds=b.over(i))


def _read(b: Builder, i: int) -> Pairs:
    """How node i reads its operand."""
    y = b.volume(b.fused.get(i, i))
    return pairs_of(b.volume(b.node(i).inputs[0]), y, problem_of(b, i).window, b.setting.precision.parts)


def _read_next(b: Builder, value: int) -> Pairs | None:
    """The pairs as which all readers of a value read it, None where some read it otherwise."""
    readers = [j for j, node in enumerate(b.graph.nodes) if value in node.inputs]
    alone = b.root(value) == value and value not in b.slices and b.node(value).path not in b.request.kept
    if not alone or not readers or any(b.setting.ways.get(j) != ID for j in readers):
        return None
    first, *others = (_read(b, j) for j in readers)
    return first if all(other == first for other in others) else None


def _in_pairs(b: Builder, value: int, pairs: Pairs) -> Ref:
    """Where a value lies as pairs; made by a step of its own where the one that makes the value did not."""
    found: list[Ref] = b.once(("pairs", b.root(value), pairs), list)
    if not found:
        x = b.place(value)
        target = _place(b, value, pairs)
        kernel = into_pairs("into_pairs", b.cpu, b.batch, x.volume, pairs, b.blocks(pairs.lines))
        b.call(f"{b.node(value).path} in pairs", kernel, {"x": x.ref}, {"y": target})
    return found[0]


def _place(b: Builder, value: int, pairs: Pairs) -> Ref:
    """A buffer for a value as pairs, which later readers find."""
    found: list[Ref] = b.once(("pairs", b.root(value), pairs), list)
    rims = "".join(f" {n}" for n in (*pairs.before, *pairs.after) if n)
    name = f"{b.node(b.root(value)).path} in pairs{rims}"
    if pairs.own:
        b.own_buffers.add(name)
    found.append(b.room(name, room(pairs, b.batch), U32))
    return found[0]


IMPLEMENTATIONS = (Implementation(ID, "matrix tiles", ("conv",), _forward, no_way_back, _refuses),)
