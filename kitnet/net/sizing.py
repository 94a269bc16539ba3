"""The sizing rules of thumb for convolutional networks, after the notes of CS231n on layer sizing patterns.

    input     the sizes are divisible by 2 as often as the network halves them: 32, 64, 96, 224, 384, 512
    filter    3x3, or 5x5; larger only in the first layer, and there with a stride; odd, so that padding fits
    stride    1 in convolutions; only the first one may save memory by a larger one (7x7 with stride 2 in
              ZFNet, 11x11 with stride 4 in AlexNet)
    padding   keeps the size, which pooling alone makes smaller
    pooling   2x2 or 3x3 with stride 2; larger windows lose too much
    pattern   INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC with N of 3 and K of 2 at most

1x1 filters mix maps only, and a window over the whole input is a fully connected layer or a global mean: no
rule speaks of them. The rules say what is usual, not what is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kitnet.base.error import KitnetError
from kitnet.base.shape import Axis, Shape, say, with_article
from kitnet.layers import Convolution, Layer, Linear
from kitnet.layers.window import Windowed
from kitnet.net.block import Chain
from kitnet.net.graph import Graph, Node
from kitnet.net.language import read_volume, write

LEAST_IMAGE = 8  # places a side, from which two equal numbers look like an image
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
        convolution = isinstance(node.layer, Convolution)
        if not _whole(axes) and any(axis.window > 1 for axis in axes):
            rules = _of_convolution(axes, first) if convolution else _of_pool(axes, node.layer)
            found += [Advice(node.path, rule, text) for rule, text in rules]
        first = first and not convolution
    return found


def advice_on_rank(graph: Graph) -> Iterator[Advice]:
    """Operands such as 28x28, which have one axis and 28 channels, and are mostly meant as grey images."""
    for path, shape in graph.operands.items():
        if _looks_like_an_image(shape):
            yield Advice(path, "rank", f"{_said_of_rank(shape)}; for grey images write {say(shape)}x1")


def check_no_volume(text: str) -> None:
    """Raises KitnetError for an input volume that stands where a network should."""
    try:
        shape = read_volume(text)
    except ValueError:
        return
    note = f" ({_said_of_rank(shape)})" if _looks_like_an_image(shape) else ""
    shape = (*shape, 1) if note else shape
    raise KitnetError(
        f"{text} is an input volume without layers{note}; write a line such as '{say(shape)} -> fc10'"
    )


def _looks_like_an_image(shape: Shape) -> bool:
    return len(shape) == 2 and min(shape) >= LEAST_IMAGE and max(shape) <= 2 * min(shape)


def _said_of_rank(shape: Shape) -> str:
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
    return any(isinstance(part, Windowed) and not isinstance(part, Convolution) for part in parts)


def _whole(axes: Sequence[Axis]) -> bool:
    return all(axis.extent == axis.size and axis.before == axis.after == 0 for axis in axes)


def _of_operands(graph: Graph) -> Iterator[tuple[str, str]]:
    halved = _halvings(graph)
    for i, node in enumerate(graph.nodes):
        times = halved[i]
        if node.layer is not None or not times:
            continue
        wrong = [size for size in node.shape[:-1] if size % 2**times]
        if wrong:
            each = 2**times
            near = [size // each * each for size in (wrong[0], wrong[0] + each) if size >= each]
            yield (
                node.path,
                f"a size of {wrong[0]} is not divisible by {each}, but the layers halve it "
                f"{_times(times)}; use {' or '.join(map(str, near))}",
            )


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _halvings(graph: Graph) -> list[int]:
    """How often the sizes of each value are halved behind it, on the way where that is most often."""
    found = [0] * len(graph.nodes)
    for i, node in reversed(list(enumerate(graph.nodes))):
        for j in node.inputs:
            found[j] = max(found[j], found[i] + _halves(graph, node))
    return found


def _halves(graph: Graph, node: Node) -> int:
    if not isinstance(node.layer, Windowed):
        return 0
    axes = node.layer.axes(graph.shapes_into(node)[0])
    return 0 if _whole(axes) else math.floor(math.log2(max(axis.stride for axis in axes)))


def _of_convolution(axes: Sequence[Axis], first: bool) -> Iterator[tuple[str, str]]:
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


def _of_pool(axes: Sequence[Axis], layer: Layer | None) -> Iterator[tuple[str, str]]:
    windows, strides = [axis.window for axis in axes], [axis.stride for axis in axes]
    window = with_article(f"{say(windows)} window")
    if max(windows) > LARGEST_POOL:
        yield "pooling", f"{window} drops too much; use 2x2 or 3x3 with stride 2"
    elif set(strides) != {POOL_STRIDE}:
        stride = strides[0] if len(set(strides)) == 1 else say(strides)
        yield "pooling", f"{window} with stride {stride} is unusual; use 2x2 or 3x3 with stride 2"
