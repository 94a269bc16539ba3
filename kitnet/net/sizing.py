"""The sizing rules of thumb for convolutional networks, after the notes of CS231n on layer sizing patterns.

    input     the sizes are divisible by 2 as often as the network halves them, or by other strides: 32, 64,
              96, 224, 384, 512; far larger ones take time and memory
    filter    3x3, or 5x5; larger only in the first layer, and there with a stride; odd, so that padding fits
    stride    1 in convolutions; only the first one may save memory by a larger one (7x7 with stride 2 in
              ZFNet, 11x11 with stride 4 in AlexNet)
    padding   keeps the size, which pooling alone makes smaller
    pooling   2x2 or 3x3 with stride 2; larger windows lose too much
    pattern   INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC with N of 3 and K of 2 at most

1x1 filters mix maps only, and a window over the whole input is a fully connected layer or a global mean: no
rule speaks of them. Nor does one of templates (S cells, cosines, patches), whose size is that of what they
look for. The rules say what is usual, not what is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kitnet.base.error import KitnetError
from kitnet.base.shape import Axis, Shape, say, with_article
from kitnet.layers import Convolution, Layer, Linear
from kitnet.layers.locally_connected import LocallyConnected
from kitnet.layers.pooling import Pooling
from kitnet.layers.subsampling import Subsampling
from kitnet.layers.template import Template
from kitnet.layers.unpool import Unpool
from kitnet.layers.window import Windowed
from kitnet.net.block import Chain
from kitnet.net.graph import Graph, Node
from kitnet.net.language import read_volume, write
from kitnet.net.origin import takes_input

LEAST_IMAGE = 8  # places a side, from which two equal numbers look like an image
LARGEST_INPUT = 1024  # the double of what is usual
LARGEST_FILTER, LARGEST_FIRST, LARGEST_POOL = 5, 11, 3
POOL_STRIDE = 2
MOST_CONVOLUTIONS, MOST_HIDDEN = 3, 2


@dataclass(frozen=True)
class Advice:
    """A layer, or an operand, that does not keep a rule."""

    path: str
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text} ({self.rule})"


def advice(graph: Graph) -> list[Advice]:
    """What the rules say of a graph, in its order; nothing where it keeps them."""
    found = [*advice_on_rank(graph), *(Advice(path, "input", text) for path, text in _of_operands(graph))]
    first = True
    for node in graph.nodes:
        if not isinstance(node.layer, Windowed):
            continue
        axes = node.layer.axes(graph.shapes_into(node)[0])
        regions = any(axis.regions for axis in axes)
        if not _whole(axes) and not regions and any(axis.window > 1 for axis in axes):
            rules = _of_window(node.layer, axes, first)
            found += [Advice(node.path, rule, text) for rule, text in rules]
        first = first and not isinstance(node.layer, Convolution | LocallyConnected | Template)
    return found


def _of_window(layer: Layer, axes: Sequence[Axis], first: bool) -> Iterator[tuple[str, str]]:
    """What the rules say of a layer's window; `first`: of the first layer of filters."""
    if isinstance(layer, Convolution | LocallyConnected):
        yield from _of_filters(axes, first)
    elif _is_pool(layer):
        yield from _of_pool(axes)


def _is_pool(layer: object) -> bool:
    return isinstance(layer, Pooling | Subsampling) and not isinstance(layer, Unpool)


def advice_on_rank(graph: Graph) -> Iterator[Advice]:
    """Operands such as 28x28, which have one axis and 28 channels, and are mostly meant as grey images."""
    for path, shape in graph.operands.items():
        text = said_of_rank(shape)
        if text:
            yield Advice(path, "rank", text)


def said_of_rank(shape: Shape) -> str:
    """What is said of an input such as 28x28; nothing of others."""
    if not _looks_like_an_image(shape):
        return ""
    return f"{_axis_of(shape)}; for grey images write {say(shape)}x1"


def check_no_volume(text: str) -> None:
    """Raises KitnetError for an input volume that stands where a network should."""
    try:
        shape = read_volume(text)
    except ValueError:
        return
    note = f" ({_axis_of(shape)})" if _looks_like_an_image(shape) else ""
    shape = (*shape, 1) if note else shape
    raise KitnetError(
        f"{text} is an input volume without layers{note}; write a line such as '{say(shape)} -> fc10'"
    )


def _looks_like_an_image(shape: Shape) -> bool:
    return len(shape) == 2 and min(shape) >= LEAST_IMAGE and max(shape) <= 2 * min(shape)


def _axis_of(shape: Shape) -> str:
    return f"{say(shape)} is one axis: {shape[0]} places of {shape[1]} channels"


def advice_on_pattern(body: Chain) -> Iterator[Advice]:
    """What the pattern says of the repeated chains of a line: convolutions without a pool, or hidden fully
    connected layers."""
    for term in body.terms:
        if not isinstance(term.part, Chain):
            continue
        kinds = {type(inner.part) for inner in term.part.terms}
        if Convolution in kinds and not kinds & {Linear, Chain} and not _has_pool(term.part):
            most, what = MOST_CONVOLUTIONS, "convolutions before a pool"
        elif Linear in kinds:
            most, what = MOST_HIDDEN, "hidden fully connected layers"
        else:
            yield from advice_on_pattern(term.part)
            continue
        if term.times > most:
            text = f"{term.times} times are many for {what}; usual are 0 to {most}"
            yield Advice(write(term), "pattern", text)


def _has_pool(chain: Chain) -> bool:
    parts = [term.part for term in chain.terms]
    return any(map(_is_pool, parts))


def _whole(axes: Sequence[Axis]) -> bool:
    return all(axis.extent == axis.size and axis.before == axis.after == 0 for axis in axes)


def _of_operands(graph: Graph) -> Iterator[tuple[str, str]]:
    strides = _strides_behind(graph)
    for i, (node, each) in enumerate(zip(graph.nodes, strides, strict=True)):
        if node.layer is not None:
            continue
        if max(node.shape[:-1], default=0) > LARGEST_INPUT:
            yield (
                node.path,
                f"an input of {say(node.shape)} is very large; usual are 32 to 512 places, enlarge only what "
                "needs it",
            )
        pairs = list(zip(node.shape[:-1], each, strict=True))
        wrong = [i for i, (size, along) in enumerate(pairs) if size % math.prod(along)]
        if wrong:
            size, along = pairs[wrong[0]]
            near = [
                str(volume[wrong[0]])
                for up in (0, 1)
                if min(volume := (*(_multiple(*pair, up) for pair in pairs), node.shape[-1]))
                and takes_input(graph.nodes, i, volume)
            ]
            remedy = f"; use {' or '.join(near)}" if near else ""
            yield node.path, f"a size of {size} is not divisible by {_why(along)}{remedy}"


def _multiple(size: int, strides: Shape, up: int) -> int:
    """The nearest size that the strides divide, below or above one that they do not."""
    step = math.prod(strides)
    return size // step * step + (step * up if size % step else 0)


def _why(strides: Shape) -> str:
    """What a size is to be divisible by, and why."""
    step = math.prod(strides)
    if step & (step - 1) == 0:
        return f"{step}, but the layers halve it {_times(step.bit_length() - 1)}"
    if len(strides) == 1:
        return f"{step}, the stride of a layer"
    return f"{step}, the product of the strides {' x '.join(map(str, strides))}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _strides_behind(graph: Graph) -> list[tuple[Shape, ...]]:
    """The strides above 1 that each axis of a value meets behind it, on the way where their product is
    largest."""
    found: list[tuple[Shape, ...]] = [((),) * (len(node.shape) - 1) for node in graph.nodes]
    for i, node in reversed(list(enumerate(graph.nodes))):
        own = _strides(graph, node)
        for j in node.inputs:
            later = found[i] if len(found[i]) == len(found[j]) else ((),) * len(found[j])
            ways = ((*own.get(axis, ()), *along) for axis, along in enumerate(later))
            found[j] = tuple(max(pair, key=math.prod) for pair in zip(found[j], ways, strict=True))
    return found


def _strides(graph: Graph, node: Node) -> dict[int, Shape]:
    """The strides of a layer above 1 by the axis; a window over the whole input, and regions, have none."""
    if not isinstance(node.layer, Windowed):
        return {}
    axes = node.layer.axes(graph.shapes_into(node)[0])
    return {} if _whole(axes) else {i: (a.stride,) for i, a in enumerate(axes) if a.stride > 1}


def _of_filters(axes: Sequence[Axis], first: bool) -> Iterator[tuple[str, str]]:
    windows, strides = [axis.window for axis in axes], [axis.stride for axis in axes]
    filter = with_article(f"{say(windows)} filter")
    most = LARGEST_FIRST if first else LARGEST_FILTER
    if max(windows) > most:
        where = "in the first layer" if first else "behind the first layer"
        yield "filter", f"{filter} is large {where}; stack 3x3 filters, which see as much"
    elif max(windows) > LARGEST_FILTER and max(strides) == 1:
        yield "filter", f"{filter} with stride 1 makes large volumes; use stride 2 or 4, or stack 3x3 filters"
    if any(window % 2 == 0 for window in windows):
        yield "filter", f"{filter} has no middle, so that no padding keeps the size; use an odd one"
    if max(strides) > 1 and not first:
        yield "stride", f"a stride of {max(strides)} behind the first convolution; use stride 1 and a pool"
    if any(axis.stride > axis.extent for axis in axes):
        yield "stride", f"a stride of {max(strides)} skips places that {filter} never sees; use a smaller one"
    shrunk = [axis for axis in axes if axis.stride == 1 and axis.output != axis.size]
    if shrunk and all(window % 2 for window in windows):
        sizes = f"{shrunk[0].size} to {shrunk[0].output}"
        yield "padding", f"{filter} changes the size, {sizes}; write same, and let pools make it smaller"


def _of_pool(axes: Sequence[Axis]) -> Iterator[tuple[str, str]]:
    windows, strides = [axis.window for axis in axes], [axis.stride for axis in axes]
    window = with_article(f"{say(windows)} window")
    if max(windows) > LARGEST_POOL:
        yield "pooling", f"{window} drops too much; use 2x2 or 3x3 with stride 2"
    elif set(strides) != {POOL_STRIDE}:
        stride = strides[0] if len(set(strides)) == 1 else say(strides)
        yield "pooling", f"{window} with stride {stride} is unusual; use 2x2 or 3x3 with stride 2"
