"""What texts print of layers that is not so, each with what kitnet computes in its place.

    @erratum_of("fc", "b_k is added to z_j", "A unit has its own bias, b_j.", [5, 7])
    def biases() -> list[float]:
        "what is added to two units"

`kitnet layers fc` tells it under the layer, `kitnet claims --errata` with those of networks. What is expected
is a sum by hand, or stands in the teaching material itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.shape import Pad
from kitnet.base.spec import Array
from kitnet.layers import (
    Context,
    Convolution,
    Kept,
    Layer,
    Linear,
    Loss,
    MeanPool,
    Quadratic,
    Sigmoid,
    SigmoidCrossEntropy,
)
from kitnet.net import parse
from kitnet.zoo.alexnet import alexnet_paper

CONTEXT = Context()


@dataclass(frozen=True)
class LayerErratum:
    """What texts print of the layer `word`, and a note that tells what is. `compute` gives what is
    `expected`; None where no number can show it."""

    word: str
    printed: str
    note: str
    expected: Any = None
    compute: Callable[[], Any] | None = None

    @property
    def name(self) -> str:
        return "" if self.compute is None else self.compute.__name__

    @property
    def what(self) -> str:
        """What is computed, in words."""
        return "" if self.compute is None else (self.compute.__doc__ or "")


ERRATA: list[LayerErratum] = []


def erratum_of(
    word: str, printed: str, note: str, expected: Any
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register an erratum with the function that computes what is."""

    def register(compute: Callable[[], Any]) -> Callable[[], Any]:
        ERRATA.append(LayerErratum(word, printed, note, expected, compute))
        return compute

    return register


def _convolved(x: Any, w: Any, pad: Pad = "valid", flip: bool = False) -> Any:
    """One map and one filter of one or two dimensions, through the layer."""
    x, w = np.array(x, float), np.array(w, float)
    layer = Convolution(w.shape, 1, pad=pad, bias=False, flip=flip)
    return (
        layer.forward({"weight": w[..., None, None]}, {}, CONTEXT, x[None, ..., None]).y[0, ..., 0].tolist()
    )


def _sent_back(layer: Layer, w: dict[str, Array], x: Array, dy: Array) -> tuple[Array, dict[str, Array]]:
    found = layer.backward(w, Kept((x.shape,), (x,)), dy)
    assert found.dx[0] is not None
    return found.dx[0], dict(found.dw)


def _gradient(loss: Loss, scores: Array, target: Array) -> Array:
    """Of the scores of one sample."""
    y = loss.forward({}, {}, CONTEXT, scores, target).y
    found = loss.backward({}, Kept((scores.shape, target.shape), (scores, target), y), np.ones_like(y))
    assert found.dx[0] is not None
    return found.dx[0][0]


@erratum_of(
    "conv",
    "the ordinary filter has dilation 0, and dilation 1 reads every other place",
    "The ordinary filter has dilation 1 here, as in PyTorch, Keras and ONNX, and dilation 2 reads every "
    "other place; kitnet.functional.dilation_of takes the other count.",
    [1 + 20 + 300, 1 + 200 + 30_000],
)
def dilation() -> list[float]:
    "weights 1, 2, 3 on 1, 10, 100, 1000, 10000 with dilation 1 and 2"
    x, w = 10.0 ** np.arange(5)[None, :, None], np.array([1.0, 2, 3])[:, None, None]
    layers = [Convolution(3, 1, dilation=count, bias=False) for count in (1, 2)]
    return [float(layer.forward({"weight": w}, {}, CONTEXT, x).y[0, 0, 0]) for layer in layers]


@erratum_of(
    "conv",
    "sizes, paddings and numbers of weights stand without their formulas",
    "The size is (W - F + 2P) / S + 1. Three layers of 3x3 on C maps have 27 C^2 weights, one of 7x7 has 49 "
    "C^2.",
    [2_700, 4_900],
)
def weights() -> list[int]:
    "weights for 10 maps"
    lines = ("9x9x10 -> [conv3-10 bias=no]*3", "9x9x10 -> conv7-10 bias=no")
    return [parse(line).ledger().totals["weights"] for line in lines]


@erratum_of(
    "conv",
    "the size is (i - k + 2p) / s + 1, whether the stride divides or not",
    "Its floor is, where the rest is dropped; with 10 places, a window of 3 and a stride of 2 it is 4.5, and "
    "kitnet asks what shall become of the rest: floor, ceil, pad or crop.",
    [4, 5],
)
def floor_and_ceil() -> list[int]:
    "positions of that window with floor and with ceil"
    return [parse(f"10x1 -> conv3-1/2 {word}").output_shape[0] for word in ("floor", "ceil")]


@erratum_of(
    "conv",
    "the convolution of the 5x5 example is 12 12 17, 10 17 19, 9 6 14, by a definition that turns the filter",
    "That is its correlation. With the filter turned, conv with flip=yes, it is another.",
    [[18, 20, 19], [10, 9, 17], [11, 8, 14]],
)
def turned_example() -> Any:
    "the true convolution of the example"
    x = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    return _convolved(x, [[0, 1, 2], [2, 2, 0], [0, 1, 2]], flip=True)


@erratum_of(
    "conv",
    "a convolutional layer first turns its filter by 180 degrees",
    "PyTorch, Keras, Caffe and ConvNetJS do not turn it, nor does kitnet without flip=yes; Flux's Conv does.",
    [[21, 32], [12, 23]],
)
def turned_or_not() -> Any:
    "weights 1, 10 on 1, 2, 3 as usual and with flip=yes"
    return [_convolved([1, 2, 3], [1, 10], flip=flip) for flip in (False, True)]


@erratum_of(
    "conv",
    "dX = conv(delta, rot180 W, full) and dW = conv(A, delta, valid)",
    "That holds where conv means correlation in both. Where the forward pass is a true convolution, dX is "
    "the full correlation of delta and W, and dW the convolution of the turned input and delta.",
    [[1, 2, 10, 20], [31, 42], [2, 1, 20, 10], [42, 31]],
)
def ways_back() -> list[Any]:
    "dX and dW of 1, 2, 3, 4 with weights 1, 2 and delta 1, 0, 10, as usual and with flip=yes"
    x, w, dy = (np.array(values, float)[None, :, None] for values in ([1, 2, 3, 4], [1, 2], [1, 0, 10]))
    found: list[Any] = []
    for flip in (False, True):
        dx, dw = _sent_back(Convolution(2, 1, bias=False, flip=flip), {"weight": w[0, :, None]}, x, dy)
        found += [dx.ravel().tolist(), dw["weight"].ravel().tolist()]
    return found


@erratum_of(
    "conv",
    "dC/dw(a, b) is the sum of delta(a, b) times the input",
    "delta has the output's places x, y, over which the sum runs; a, b are places of the filter: dw(a, b) = "
    "sum over x, y of delta(x, y) input(x + a, y + b).",
    [[9, 10], [13, 14]],
)
def places_of_delta() -> Any:
    "dw of a 2x2 filter on 0 to 15 in rows of 4, where delta is 1 at (2, 1) alone"
    x, dy = np.arange(16.0).reshape(1, 4, 4, 1), np.zeros((1, 3, 3, 1))
    dy[0, 2, 1] = 1
    _, dw = _sent_back(Convolution(2, 1, bias=False), {"weight": np.zeros((2, 2, 1, 1))}, x, dy)
    return dw["weight"][..., 0, 0].tolist()


@erratum_of(
    "conv",
    "loops over w = 1..W and h = 1..H read input(w + x, h + y)",
    "They run off the image. There are W - K + 1 places, and counted from 1 the input is read at w + x - 1.",
    [5, 6],
)
def places_of_a_loop() -> list[int]:
    "places of a 3x3 filter on 7x8"
    return list(parse("7x8x1 -> conv3-1").output_shape[:-1])


@erratum_of(
    "conv",
    "a bias b(x, y) is added at each position",
    "A filter has one for all positions. One a position had the network of 1989: conv with bias=no, and bias "
    "behind it.",
    [6, 28 * 28 * 6],
)
def biases_of_a_layer() -> list[int]:
    "biases of six 5x5 filters on 32x32, a filter and a position"
    lines = ("32x32x1 -> conv5-6", "32x32x1 -> conv5-6 bias=no -> bias")
    return [parse(line).ledger().totals["biases"] for line in lines]


@erratum_of(
    "conv",
    "several channels make it a three-dimensional convolution",
    "The filter has the whole depth and slides along two axes. Volumetric convolution slides along three, "
    "32x32x3x1 -> conv3-8.",
    [[30, 30, 8], [30, 30, 1, 8]],
)
def volumes() -> list[list[int]]:
    "output of eight filters on 32x32x3, and of volumetric ones"
    return [list(parse(f"{volume} -> conv3-8").output_shape) for volume in ("32x32x3", "32x32x3x1")]


@erratum_of(
    "conv",
    "a product of spectra is the convolution",
    "It is the circular one, whose ends meet; the spectra of M + N - 1 places, padded with zeros, give it in "
    "full.",
    [[3, 1, 3, 1, 2], [0, 1, 3, 1, 2, 3, 0]],
)
def circular_and_full() -> list[Any]:
    "circular and full convolution of 0, 1, 2, -1, 3 and 1, 1, 0"
    f, g = [0, 1, 2, -1, 3], [1, 1, 0]
    return [_convolved([*f[-2:], *f], g, flip=True), _convolved(f, g, "full", flip=True)]


@erratum_of(
    "conv",
    "two numpy.rot90 turn a filter, in one dimension, too",
    "rot90 refuses a vector; np.flip turns along any number of axes, and conv with flip=yes does it for you.",
    [1, 4, 7, 6],
)
def turned_vector() -> Any:
    "full convolution of 1, 2 and 1, 2, 3"
    return _convolved([1, 2], [1, 2, 3], "full", flip=True)


@erratum_of(
    "conv",
    "a network as convolutions gives a larger image the scores of every crop",
    "Only where no padding reaches: the border of a crop is 0 where the larger image goes on.",
    [0, 5],
)
def dense_against_crops() -> list[int]:
    "of five positions those whose scores are other than their crop's, without and with padding"
    image = np.arange(1, 11, dtype=np.float32)[None, :, None]
    crops = np.concatenate([image[:, first : first + 6] for first in range(5)])
    found = []
    for body in ("conv3-1 init=ones -> conv4-1 init=ones", "conv3-1 same init=ones -> conv6-1 init=ones"):
        dense, each = (parse(f"{size}x1 -> {body}").tape(x) for size, x in ((10, image), (6, crops)))
        found.append(int(np.count_nonzero(dense.output.ravel() != each.output.ravel())))
    return found


ERRATA.append(
    LayerErratum(
        "conv",
        "cuda-convnet2 works by Fourier transforms",
        "It sums directly; fbfft and cuDNN have transforms. The benchmarks of the time list them apart.",
    )
)


@erratum_of(
    "meanpool",
    "mean pooling is the convolution with equal weights",
    "Map by map it is, with one over the places of a window; a convolution also adds up the maps.",
    [[1, 3], [4]],
)
def means_of_maps() -> list[Any]:
    "a map of 1 and a map of 3, pooled and convolved with quarters"
    x, quarters = np.stack([np.ones((2, 2)), np.full((2, 2), 3.0)], -1)[None], np.full((2, 2, 2, 1), 0.25)
    conv = Convolution(2, 1, bias=False).forward({"weight": quarters}, {}, CONTEXT, x).y
    return [MeanPool(2).forward({}, {}, CONTEXT, x).y.ravel().tolist(), conv.ravel().tolist()]


@erratum_of(
    "fc",
    "z_j = sum over k of w_kj a_k + b_k",
    "The bias is the unit's own, b_j.",
    [5, 7],
)
def biases() -> Any:
    "z of two units without weights and with biases 5 and 7, on three inputs"
    w = {"weight": np.zeros((3, 2)), "bias": np.array([5.0, 7])}
    return Linear(2).forward(w, {}, CONTEXT, np.ones((1, 3))).y[0].tolist()


@erratum_of(
    "fc",
    "delta(l) = delta(l + 1) W f' where z = W a + b",
    "The shapes of that do not fit. It is (W^T delta) f', place by place; kitnet's z = a W + b goes back by "
    "delta W^T.",
    [1 + 20 + 300, 4 + 50 + 600],
)
def through_the_weights() -> Any:
    "delta 1, 10, 100 behind weights 1, 2, 3 of one and 4, 5, 6 of another input"
    w = {"weight": np.array([[1.0, 2, 3], [4, 5, 6]])}
    dx, _ = _sent_back(Linear(3, bias=False), w, np.zeros((1, 2)), np.array([[1.0, 10, 100]]))
    return dx[0].tolist()


@erratum_of(
    "sigmoid_cross_entropy",
    "dC/da = -y/a - (1 - y)/(1 - a)",
    "dC/da = -y/a + (1 - y)/(1 - a). Times a (1 - a) it is a - y, as texts have it in their next line.",
    0.75,
)
def of_a_false_unit() -> float:
    "a - y where a is 0.75 and y is 0"
    z = np.full((1, 1), np.log(3.0))
    return round(float(_gradient(SigmoidCrossEntropy(), z, np.zeros((1, 1))).item()), 12)


@erratum_of(
    "sigmoid_cross_entropy",
    "cross-entropy solves saturation",
    "At the output, where the factor a (1 - a) goes; the sigmoids of hidden layers keep theirs.",
    [1.0, 0.00005],
)
def saturated() -> list[float]:
    "what comes back at z = 10 where y is 0, through the loss, and through a hidden sigmoid"
    z = np.full((1, 1), 10.0)
    out = _gradient(SigmoidCrossEntropy(), z, np.zeros((1, 1)))
    a = Sigmoid().forward({}, {}, CONTEXT, z).y
    (hidden,) = Sigmoid().backward({}, Kept((z.shape,), y=a), np.ones((1, 1))).dx
    assert hidden is not None
    return [round(float(out.item()), 3), round(float(hidden.item()), 5)]


@erratum_of(
    "quadratic",
    "the residuals of two outputs are a1 - y and a2 - y",
    "Each has its own target: a1 - y1 and a2 - y2.",
    [-0.5, 2],
)
def residuals() -> Any:
    "residuals of 0.5 and 2 where 1 and 0 are wanted"
    return _gradient(Quadratic(), np.array([[0.5, 2.0]]), np.array([[1.0, 0.0]])).tolist()


@erratum_of(
    "dropout",
    "convolutional networks need no dropout",
    "Some do: AlexNet and VGG drop half of the units of their hidden fully connected layers. With batch "
    "normalisation it has become rare.",
    2,
)
def dropouts() -> int:
    "dropout layers of AlexNet"
    return sum(getattr(node.layer, "word", "") == "dropout" for node in alexnet_paper().graph.nodes)
