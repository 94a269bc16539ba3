"""Floor 2: every layer as its formula, one file a layer or small family.

`LAYERS` holds them by their word; `kitnet.layers.Convolution` and the others are imported when they are read.
"""

from typing import TYPE_CHECKING

from kitnet.base.importing import attributes
from kitnet.layers.contract import (
    LAYERS,
    Backward,
    Case,
    Context,
    Forward,
    Kept,
    Layer,
    Loss,
)
from kitnet.layers.terms import At, Number, Pass, Term, Terms
from kitnet.layers.words import FILES, LOSS_FILES

if TYPE_CHECKING:
    from kitnet.layers.arithmetic import Divide, Exponentiate, Subtract
    from kitnet.layers.batch_norm import BatchNorm
    from kitnet.layers.bias import Bias
    from kitnet.layers.constant import Constant
    from kitnet.layers.contrast_norm import ContrastNorm
    from kitnet.layers.convolution import Convolution
    from kitnet.layers.cosine import Cosine
    from kitnet.layers.depth_to_space import DepthToSpace, SpaceToDepth
    from kitnet.layers.distance import AbsoluteError, Huber
    from kitnet.layers.dropout import Dropout
    from kitnet.layers.elu import Celu, Elu, Selu
    from kitnet.layers.expand import Expand
    from kitnet.layers.exponential import ErrorFunction, Exponential, Logarithm
    from kitnet.layers.flatten import Flatten
    from kitnet.layers.gather import Gather
    from kitnet.layers.gaussian import Gaussian
    from kitnet.layers.gaussian_divergence import GaussianDivergence
    from kitnet.layers.gaussian_draw import GaussianDraw
    from kitnet.layers.gelu import Gelu
    from kitnet.layers.hard import HardSigmoid, HardSwish, HardTanh
    from kitnet.layers.hinge import Hinge, MulticlassHinge
    from kitnet.layers.inhibition import Inhibition
    from kitnet.layers.join import Add, Concatenate, Identity
    from kitnet.layers.l2_pool import L2Pool
    from kitnet.layers.leaky_relu import LeakyRelu
    from kitnet.layers.linear import Linear
    from kitnet.layers.locally_connected import LocallyConnected
    from kitnet.layers.matrix_product import MatrixProduct
    from kitnet.layers.max_pool import MaxPool
    from kitnet.layers.maximum import Maximum, Minimum
    from kitnet.layers.maxout import Maxout
    from kitnet.layers.mean_pool import MeanPool
    from kitnet.layers.mish import Mish
    from kitnet.layers.multiply import Multiply
    from kitnet.layers.pad import Pad
    from kitnet.layers.pad_channels import PadChannels
    from kitnet.layers.patch import Patch
    from kitnet.layers.permute import Permute
    from kitnet.layers.power import AbsoluteValue, Power, Reciprocal, Scale, Square, SquareRoot
    from kitnet.layers.prelu import ParametricRelu
    from kitnet.layers.quadratic import Quadratic
    from kitnet.layers.radial_basis import RadialBasis, RadialBasisPenalty
    from kitnet.layers.reduce import Reduce
    from kitnet.layers.relu import Relu
    from kitnet.layers.reshape import Reshape
    from kitnet.layers.resize import Resize
    from kitnet.layers.response_norm import LocalResponseNorm
    from kitnet.layers.s_cell import SCell
    from kitnet.layers.sample_norm import GroupNorm, InstanceNorm, LayerNorm, SampleNorm
    from kitnet.layers.shuffle import Shuffle
    from kitnet.layers.sigmoid import Sigmoid
    from kitnet.layers.sigmoid_cross_entropy import SigmoidCrossEntropy
    from kitnet.layers.silu import Silu
    from kitnet.layers.slice import Slice
    from kitnet.layers.softmax import LogSoftmax, Softmax
    from kitnet.layers.softmax_cross_entropy import SoftmaxCrossEntropy
    from kitnet.layers.softplus import Softplus
    from kitnet.layers.softsign import Softsign
    from kitnet.layers.square_pool import SquarePool
    from kitnet.layers.step import Step
    from kitnet.layers.stochastic_pool import StochasticPool
    from kitnet.layers.subsampling import Subsampling
    from kitnet.layers.sum_pool import SumPool
    from kitnet.layers.tanh import LecunTanh, Tanh
    from kitnet.layers.transposed_convolution import TransposedConvolution
    from kitnet.layers.unpool import Unpool
    from kitnet.layers.upsample import Upsample

__all__ = [
    "LAYERS",
    "AbsoluteError",
    "AbsoluteValue",
    "Add",
    "At",
    "Backward",
    "BatchNorm",
    "Bias",
    "Case",
    "Celu",
    "Concatenate",
    "Constant",
    "Context",
    "ContrastNorm",
    "Convolution",
    "Cosine",
    "DepthToSpace",
    "Divide",
    "Dropout",
    "Elu",
    "ErrorFunction",
    "Expand",
    "Exponential",
    "Exponentiate",
    "Flatten",
    "Forward",
    "Gather",
    "Gaussian",
    "GaussianDivergence",
    "GaussianDraw",
    "Gelu",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Hinge",
    "Huber",
    "Identity",
    "Inhibition",
    "InstanceNorm",
    "Kept",
    "L2Pool",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "LecunTanh",
    "Linear",
    "LocalResponseNorm",
    "LocallyConnected",
    "LogSoftmax",
    "Logarithm",
    "Loss",
    "MatrixProduct",
    "MaxPool",
    "Maximum",
    "Maxout",
    "MeanPool",
    "Minimum",
    "Mish",
    "MulticlassHinge",
    "Multiply",
    "Number",
    "Pad",
    "PadChannels",
    "ParametricRelu",
    "Pass",
    "Patch",
    "Permute",
    "Power",
    "Quadratic",
    "RadialBasis",
    "RadialBasisPenalty",
    "Reciprocal",
    "Reduce",
    "Relu",
    "Reshape",
    "Resize",
    "SCell",
    "SampleNorm",
    "Scale",
    "Selu",
    "Shuffle",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Silu",
    "Slice",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Square",
    "SquarePool",
    "SquareRoot",
    "Step",
    "StochasticPool",
    "Subsampling",
    "Subtract",
    "SumPool",
    "Tanh",
    "Term",
    "Terms",
    "TransposedConvolution",
    "Unpool",
    "Upsample",
]

_PLACES = {
    place.partition(".")[2]: place.partition(".")[0] for place in (*FILES.values(), *LOSS_FILES.values())
}
_PLACES["SampleNorm"] = "sample_norm"  # a family without a word
__getattr__ = attributes(__name__, _PLACES)


def __dir__() -> list[str]:
    return __all__
