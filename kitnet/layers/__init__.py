"""Floor 1: every layer as its formula, one file a layer or small family.

Importing this package registers them all; `LAYERS` holds them by their word.
"""

from kitnet.layers.batch_norm import BatchNorm
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
from kitnet.layers.convolution import Convolution
from kitnet.layers.dropout import Dropout
from kitnet.layers.flatten import Flatten
from kitnet.layers.join import Add, Concatenate, Identity
from kitnet.layers.leaky_relu import LeakyRelu
from kitnet.layers.linear import Linear
from kitnet.layers.max_pool import MaxPool
from kitnet.layers.mean_pool import MeanPool
from kitnet.layers.pad_channels import PadChannels
from kitnet.layers.quadratic import Quadratic
from kitnet.layers.radial_basis import RadialBasis, RadialBasisPenalty
from kitnet.layers.relu import Relu
from kitnet.layers.sigmoid import Sigmoid
from kitnet.layers.sigmoid_cross_entropy import SigmoidCrossEntropy
from kitnet.layers.silu import Silu
from kitnet.layers.softmax import Softmax
from kitnet.layers.softmax_cross_entropy import SoftmaxCrossEntropy
from kitnet.layers.subsampling import Subsampling
from kitnet.layers.tanh import LecunTanh, Tanh
from kitnet.layers.terms import At, Number, Pass, Term, Terms

__all__ = [
    "LAYERS",
    "Add",
    "At",
    "Backward",
    "BatchNorm",
    "Case",
    "Concatenate",
    "Context",
    "Convolution",
    "Dropout",
    "Flatten",
    "Forward",
    "Identity",
    "Kept",
    "Layer",
    "LeakyRelu",
    "LecunTanh",
    "Linear",
    "Loss",
    "MaxPool",
    "MeanPool",
    "Number",
    "PadChannels",
    "Pass",
    "Quadratic",
    "RadialBasis",
    "RadialBasisPenalty",
    "Relu",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Silu",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Subsampling",
    "Tanh",
    "Term",
    "Terms",
]
