"""Linear layers as convolutions and back, and the same network on larger images.

A linear layer on a volume of 7x7x512 is a convolution with a window of 7x7 at its only position, with the
same weights (row by row, channels innermost); one on 4096 numbers is a convolution of 1x1. A network without
linear layers has no size of its own: on a larger image it gives a map of outputs, one for each place where
the small image would fit (Sermanet et al., "OverFeat", ICLR 2014, section 3.3; Long, Shelhamer & Darrell,
"Fully convolutional networks for semantic segmentation", CVPR 2015, section 3.1).

In the old network and the new one on an image of the old size, every value has the same numbers in the same
order, (K,) in the one and (1, 1, K) in the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.shape import Shape, Sizes, say
from kitnet.base.spec import Array
from kitnet.layers import (
    Add,
    Convolution,
    Dropout,
    Flatten,
    GroupNorm,
    Identity,
    Layer,
    LayerNorm,
    LeakyRelu,
    Linear,
    Loss,
    MeanPool,
    RadialBasis,
    SampleNorm,
    Silu,
)
from kitnet.layers.pointwise import Pointwise
from kitnet.layers.pooling import Pooling
from kitnet.layers.window import Axes, output_sizes
from kitnet.net import Graph, Net, Node, usual_loss
from kitnet.net.graph import checked_volume
from kitnet.net.objective import scores_of
from kitnet.net.origin import takes_input
from kitnet.surgery.borders import reaches
from kitnet.surgery.edit import Draft, Edit, Made

NEAR = 64  # places within which another input is looked for
ELEMENTWISE = (Pointwise, LeakyRelu, Silu, Dropout, Identity, Add)  # whatever the shape of what they read


def convolve(net: Net) -> Net:
    """The network with every linear layer as a convolution, so that it slides over larger images (`resize`).
    Flattening is left out, and a mean of the whole map becomes one of a window of that size.

    Raises KitnetError, with the path, for a layer that has no form that slides.
    """
    return convolving(net.graph).of(net)


def linear(net: Net) -> Net:
    """The network with a linear layer in the place of every convolution whose window is its whole input, the
    way back from `convolve`. Raises KitnetError where there is none."""
    return linearising(net.graph).of(net)


def resize(net: Net, input: Shape) -> Net:
    """The network for another input volume, with the same weights. Raises KitnetError, with the path, for a
    layer whose weights depend on the size, and ShapeError where sizes do not fit."""
    return resizing(net.graph, input).of(net)


def average(net: Net) -> Net:
    """The network with the mean over all positions of its scores at its end, before a last softmax or
    sigmoid: one row of scores of a whole image. Raises KitnetError where scores have no positions."""
    return averaging(net.graph).of(net)


def convolving(graph: Graph) -> Edit:
    """`convolve`, of a graph."""
    draft = Draft(graph)
    for i, node in enumerate(graph.nodes):
        x = draft.shapes(node.inputs)
        if isinstance(node.layer, Flatten):
            draft.skip(i)
        elif isinstance(node.layer, Linear):
            convolution = _as_convolution(node, node.layer, x[0])
            draft.keep(i, convolution, weight=_reshaped(node, *x[0], convolution.filters))
        elif isinstance(node.layer, Pooling):
            draft.keep(i, _sliding_pool(node.path, node.layer, x[0]))
        elif isinstance(node.layer, SampleNorm) and len(node.shape) == 1 and math.prod(x[0][:-1]) == 1:
            draft.keep(i, _sliding_norm(node.layer))
        else:
            draft.keep(i)
            _check_positions(graph, node, x)
    return draft.edit()


def linearising(graph: Graph) -> Edit:
    """`linear`, of a graph."""
    draft, found = Draft(graph), 0
    for i, node in enumerate(graph.nodes):
        layer, x = node.layer, graph.shapes_into(node)
        if isinstance(layer, Convolution) and _covers_all(layer, x[0]):
            units = Linear(layer.filters, bias=layer.bias, init=layer.init)
            draft.keep(i, units, weight=_spread(node, layer, x[0]))
            found += 1
        else:
            draft.keep(i)
    if not found:
        if not any(isinstance(node.layer, Convolution) for node in graph.nodes):
            raise KitnetError("the network has no convolution that a linear layer could take the place of")
        raise KitnetError(
            "no convolution has its whole input in one window without padding, as a linear layer has; give "
            "the network the input of one window first"
        )
    return draft.edit()


def resizing(graph: Graph, input: Shape) -> Edit:
    """`resize`, of a graph."""
    if len(graph.operands) != 1:
        raise KitnetError(f"a network of {len(graph.operands)} inputs; only one of a single input is resized")
    input, draft = checked_volume(input), Draft(graph)
    for i, node in enumerate(graph.nodes):
        if node.layer is None:
            draft.operand(i, input)
            continue
        try:
            draft.keep(i)
        except ShapeError as error:
            raise _with_sizes_that_fit(graph, input, node.path, error) from None
        before, now = graph.shapes_into(node), draft.shapes(node.inputs)
        shapes = [{name: p.shape for name, p in node.layer.params(*x).items()} for x in (before, now)]
        if shapes[0] != shapes[1]:
            name = next(name for name in shapes[0] if shapes[0][name] != shapes[1][name])
            raise KitnetError(
                f"{node.path}: on an input of {say(now[0])} in place of {say(before[0])} its {name} would be "
                f"{say(shapes[1][name])}, not {say(shapes[0][name])}; "
                f"{_remedy(node.layer, before[0], now[0])}"
            )
    return draft.edit()


def _with_sizes_that_fit(graph: Graph, input: Shape, path: str, error: ShapeError) -> ShapeError:
    """The same error with inputs nearby that all layers take, in the place of other repairs, which would ask
    for other weights; of a network that slides, with the sizes that all strides divide."""
    own = next(iter(graph.operands.values()))
    try:
        jumps = [reach.jump for reach in reaches(graph)[0]]
    except KitnetError:
        return _with_inputs_that_fit(graph, input, error)
    if len(jumps) != len(input) - 1 or any(n < o for n, o in zip(input, own, strict=True)):
        return _with_inputs_that_fit(graph, input, error)
    lower = tuple(n - (n - o) % jump for n, o, jump in zip(input, own, jumps, strict=False))
    upper = tuple(low + jump if low < n else low for low, n, jump in zip(lower, input, jumps, strict=False))
    if lower == input[:-1]:
        return _with_inputs_that_fit(graph, input, error)
    return ShapeError(
        f"{path}: strides do not divide an input of {say(input)}; sizes go up from {say(own[:-1])} in steps "
        f"of {say(jumps)}",
        f"use {say(lower)} or {say(upper)}",
    )


def _with_inputs_that_fit(graph: Graph, input: Shape, error: ShapeError) -> ShapeError:
    operand = next(i for i, node in enumerate(graph.nodes) if node.layer is None)
    found = []
    for sign in (-1, 1):
        volumes = ((*(n + sign * change for n in input[:-1]), input[-1]) for change in range(1, NEAR))
        fitting = (v for v in volumes if min(v) > 0 and takes_input(graph.nodes, operand, v))
        found += [say(volume) for volume in fitting][:1]
    reason = str(error).partition("; ")[0]
    return ShapeError(reason, f"use an input of {' or '.join(found)}" if found else "")


def averaging(graph: Graph, loss: Loss | None = None) -> Edit:
    """`average`, of a graph, of the scores that this loss reads, by default the usual one."""
    scores = scores_of(graph, loss or usual_loss(graph))
    if len(graph.nodes[scores].shape) == 1:
        raise KitnetError(
            f"{graph.nodes[scores].path}: its output {say(graph.nodes[scores].shape)} has no positions to "
            f"average{_way_to_positions(graph)}"
        )
    draft = Draft(graph)
    for i in range(len(graph.nodes)):
        draft.keep(i)
        if i == scores:
            own = draft.at[i]
            draft.at[i] = draft.graph.add("average", MeanPool(regions=1), own)
    return draft.edit()


def _way_to_positions(graph: Graph) -> str:
    """What gives the scores of a network positions, where something does."""
    try:
        convolving(graph)
    except KitnetError:
        return ""
    return "; turn linear layers into convolutions first"


def _as_convolution(node: Node, layer: Linear, x: Shape) -> Convolution:
    if len(x) == 1:
        raise KitnetError(
            f"{node.path}: its input {say(x)} comes from no volume, so that there is nothing to slide over"
        )
    return Convolution(_one(x[:-1]), layer.units, bias=layer.bias, init=layer.init)


def _one(sizes: Shape) -> Sizes:
    """One number where all are the same."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _reshaped(node: Node, *shape: int) -> Made:
    path = f"{node.owner}.weight"
    return lambda net: net.weights[path].reshape(shape)


def _covers_all(layer: Convolution, x: Shape) -> bool:
    """Whether the window is the whole input: one position, every place a tap, no padding."""
    return layer.groups == 1 and _whole(layer.axes(x))


def _whole(axes: Axes) -> bool:
    return all(a.window == a.size and a.output == 1 and not (a.before or a.after) for a in axes)


def _spread(node: Node, layer: Convolution, x: Shape) -> Made:
    """The filters as one matrix: turned where they are turned, 0 where a table has no link."""
    path = f"{node.owner}.weight"

    def made(net: Net) -> Array:
        return layer.dense(net.weights[path], x[-1]).reshape(math.prod(x), layer.filters)

    return made


def _sliding_pool(path: str, layer: Pooling, x: Shape) -> Pooling:
    """A pool as it slides over a larger input: regions as the windows that they are, and a mean of the whole
    map place by place."""
    if layer.regions is None and not (isinstance(layer, MeanPool) and _whole(layer.axes(x))):
        return layer
    axes = layer.axes(x)
    if any(a.regions for a in axes):
        raise KitnetError(
            f"{path}: {say(output_sizes(axes))} regions of {say(x)} have no common size, so that they do not "
            "slide"
        )
    stride = _one(tuple(1 if a.output == 1 else a.window for a in axes))
    return replace(layer, window=_one(tuple(a.window for a in axes)), stride=stride, regions=None)


def _sliding_norm(layer: SampleNorm) -> SampleNorm:
    """A norm of the numbers of a linear layer as it slides: of each position by itself. There is none of
    several groups; that stays, and takes the positions of a larger image together."""
    one = isinstance(layer, LayerNorm) or (isinstance(layer, GroupNorm) and layer.groups == 1)
    return LayerNorm("channels", layer.affine, layer.eps) if one else layer


def _check_positions(graph: Graph, node: Node, x: Sequence[Shape]) -> None:
    """Whether a layer that was made for single numbers does the same for the channels of a position."""
    layer, before = node.layer, graph.shapes_into(node)
    if layer is None:
        return
    if isinstance(layer, RadialBasis):
        raise KitnetError(
            f"{node.path}: {layer.word} measures its whole input against bitmaps and has no form that "
            "slides; cut it off first"
        )
    flat = any(old != new and math.prod(new[:-1]) > 1 for old, new in zip(before, x, strict=True))
    if flat and not isinstance(layer, ELEMENTWISE):
        raise KitnetError(
            f"{node.path}: {layer.word} reads a volume as one row of numbers, which a network that slides "
            "does not have"
        )
    own, theirs = ({name: p.shape for name, p in layer.params(*s).items()} for s in (before, x))
    if own != theirs:
        raise KitnetError(
            f"{node.path}: {layer.word} has weights for each of the {math.prod(before[0]):,} numbers of its "
            "input, which a network that slides does not have"
        )


def _remedy(layer: Layer, before: Shape, now: Shape) -> str:
    if isinstance(layer, Linear):
        return "turn linear layers into convolutions first"
    if before[-1] != now[-1]:
        return "give it an input of the same depth"
    return "it has weights of its own for each position, which others have not"
