"""What comes out behind the network: the scores as the loss reads them, and what they say."""

from __future__ import annotations

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.data.arrays import Prepared, Standardisation
from kitnet.interop.onnx.writing.building import Building
from kitnet.interop.onnx.writing.preparing import FLOAT, UINT8
from kitnet.layers import Loss
from kitnet.layers.radial_basis import RadialBasisPenalty

SOFTMAX = ("softmax_cross_entropy", "hinge", "multiclass_hinge")


def write_mean(to: Building, scores: str, shares: Array, classes: int) -> str:
    """(views N, K) -> (N, K): the mean of the views with these shares."""
    each = to.op("Reshape", scores, to.whole(len(shares), -1, classes))
    return to.reduce("Sum", to.times(each, shares[:, None, None]), 0, keep=False)


def write_probabilities(to: Building, loss: Loss, scores: str) -> str:
    """What scores (N, K) say of each class. Raises KitnetError where they say nothing."""
    if loss.word in SOFTMAX:
        return to.op("Softmax", scores, axis=1)
    match loss.word:
        case "sigmoid_cross_entropy":
            return to.op("Sigmoid", scores)
        case "quadratic":
            least = np.finfo(np.float32).tiny
            inside = to.op("Clip", scores, to.constant(least), to.constant(1))
            return to.op("Div", inside, to.reduce("Sum", inside, 1))
        case "rbf_penalty":
            assert isinstance(loss, RadialBasisPenalty)
            # the rubbish class is one more, of which a score of its own tells
            near = to.pad(to.op("Neg", scores), [1], [(0, 1)], 2, -loss.rubbish)
            return to.slice(to.op("Softmax", near, axis=1), [1], [0], [-1])
    raise KitnetError(
        f"scores trained with {loss.word} are no probabilities of classes; export the bare network with --raw"
    )


def write_samples(to: Building, loss: Loss, preparation: Prepared, scores: str) -> str:
    """Scores (N, numbers) as what a network gives that gives its input: samples in the units of what came
    in."""
    match loss.absorbs:
        case "sigmoid":
            scores = to.op("Sigmoid", scores)
        case "softmax":
            scores = to.op("Softmax", scores, axis=1)
    x = to.op("Cast", to.reshape(scores, *preparation.input), to=11)
    mean, std = (to.constant(each, np.float64) for each in (preparation.mean, preparation.std))
    x = to.op("Add", to.op("Mul", x, std), mean)
    if isinstance(preparation, Standardisation):
        return to.op("Cast", x, to=FLOAT)
    x = to.op("Clip", x, to.constant(0, np.float64), to.constant(1, np.float64))
    return to.op("Cast", to.op("Round", to.op("Mul", x, to.constant(255, np.float64))), to=UINT8)
