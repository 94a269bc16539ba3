"""Caffe's layers as layers of kitnet, each type by one function: `@reads("Convolution")`.

Source: caffe.proto of Caffe 1.0 for names and usual numbers; Jia et al., "Caffe: convolutional architecture
for fast feature embedding", 2014.
"""

from __future__ import annotations

from collections.abc import Callable

from kitnet.base.error import DataError
from kitnet.base.shape import Shape, Sizes
from kitnet.interop.caffe.message import Message
from kitnet.layers import (
    Add,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    Layer,
    LeakyRelu,
    Linear,
    LocalResponseNorm,
    Maximum,
    MaxPool,
    MeanPool,
    Multiply,
    ParametricRelu,
    Relu,
    Sigmoid,
    Softmax,
    Tanh,
)

Reads = Callable[[Message, tuple[Shape, ...]], Layer]
READERS: dict[str, tuple[str, Reads]] = {}  # by type, with the message that has the numbers
# what decides how training goes, and not what the network is
IGNORED = ("weight_filler", "bias_filler", "filler", "engine", "cudnn_use_tensor_core")


def reads(kind: str, numbers: str) -> Callable[[Reads], Reads]:
    def register(function: Reads) -> Reads:
        READERS[kind] = numbers, function
        return function

    return register


def read_layer(kind: str, entry: Message, shapes: tuple[Shape, ...]) -> Layer:
    """The layer of an entry, which reads volumes of these shapes. Raises DataError."""
    name, function = READERS[kind]
    numbers = entry.part(name)
    layer = function(numbers, shapes)
    numbers.check_all_asked(IGNORED)
    return layer


def _sizes(told: Message, name: str, usual: int, least: int = 1, repeated: str = "") -> Sizes:
    """`kernel_size: 3`, of each axis or one for both, or `kernel_h: 3 kernel_w: 1`."""
    stem = name.removesuffix("_size")
    found = told.wholes(repeated or name, least)
    height, width = (told.whole(f"{stem}_{axis}", usual, least) for axis in "hw")
    if found and (f"{stem}_h" in told or f"{stem}_w" in told):
        raise DataError(f"line {told.line_of(name)}: {name} is given twice; leave one out")
    if len(found) > 2:
        raise DataError(f"line {told.line_of(name)}: {name} is given for more than two axes")
    if found:
        return found[0] if len(set(found)) == 1 else tuple(found)
    return height if height == width else (height, width)


def _needed(told: Message, name: str, *others: str) -> None:
    if name not in told and not all(other in told for other in others or (name,)):
        raise DataError(f"line {told.line}: it has no {name}")


def _only(told: Message, name: str, value: int) -> None:
    if told.whole(name, value, -LARGE) != value:
        raise DataError(f"line {told.line_of(name)}: {name} is read as {value} alone")


LARGE = 1 << 10


@reads("Convolution", "convolution_param")
def convolution(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    _needed(told, "kernel_size", "kernel_h", "kernel_w")
    _needed(told, "num_output")
    _only(told, "axis", 1)
    pad = _sizes(told, "pad", 0, 0)
    return Convolution(
        _sizes(told, "kernel_size", 1),
        told.whole("num_output", 1),
        _sizes(told, "stride", 1),
        "valid" if pad == 0 else pad,
        _sizes(told, "dilation", 1),
        groups=told.whole("group", 1),
        bias=told.flag("bias_term", True),
        on_misfit="floor",
    )


@reads("Pooling", "pooling_param")
def pooling(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    """Sizes are rounded up: the last window may hang over the end. Means are over the padding, too, but not
    over what hangs over it."""
    kind = told.word("pool", "MAX", ("MAX", "AVE", "STOCHASTIC"))
    if kind == "STOCHASTIC":
        raise DataError(f"line {told.line_of('pool')}: pool is STOCHASTIC, and MAX and AVE are read")
    up = told.word("round_mode", "CEIL", ("CEIL", "FLOOR")) == "CEIL"
    window, stride, pad = _sizes(told, "kernel_size", 1), _sizes(told, "stride", 1), _sizes(told, "pad", 0, 0)
    pool = MaxPool if kind == "MAX" else MeanPool
    if told.flag("global_pooling", False):
        return pool(regions=1)
    _needed(told, "kernel_size", "kernel_h", "kernel_w")
    layer = pool(
        window, None if stride == window else stride, "valid" if pad == 0 else pad, "ceil" if up else "floor"
    )
    if kind == "AVE" and pad != 0 and shapes:
        axes = layer.axes(shapes[0])
        before = pad if isinstance(pad, tuple) else (pad,) * len(axes)
        if any(axis.after > one for axis, one in zip(axes, before, strict=True)):
            raise DataError(f"line {told.line}: means of windows with padding that hang over it are not read")
        return MeanPool(window, layer.stride, layer.pad, layer.on_misfit, count_pad=True)
    return layer


@reads("InnerProduct", "inner_product_param")
def inner_product(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    _needed(told, "num_output")
    _only(told, "axis", 1)
    if told.flag("transpose", False):
        raise DataError(f"line {told.line_of('transpose')}: weights that are transposed are not read")
    return Linear(told.whole("num_output", 1), told.flag("bias_term", True))


@reads("LRN", "lrn_param")
def response_norm(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    """Caffe divides alpha by the numbers of a window; within a map its k is always 1."""
    size, alpha = told.whole("local_size", 5), told.number("alpha", 1.0)
    regions = {"ACROSS_CHANNELS": "across", "WITHIN_CHANNEL": "within"}
    region = regions[told.word("norm_region", "ACROSS_CHANNELS", regions)]
    beta, k = told.number("beta", 0.75), told.number("k", 1.0)
    if region == "within":
        return LocalResponseNorm(size, "within", alpha / size**2, beta, 1.0)
    return LocalResponseNorm(size, "across", alpha / size, beta, k)


@reads("ReLU", "relu_param")
def relu(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    slope = told.number("negative_slope", 0.0)
    return LeakyRelu(slope) if slope else Relu()


@reads("PReLU", "prelu_param")
def prelu(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    if told.flag("channel_shared", False):
        raise DataError(
            f"line {told.line_of('channel_shared')}: one slope for all maps is not read; give each its own"
        )
    return ParametricRelu()


@reads("Dropout", "dropout_param")
def dropout(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    ratio = told.number("dropout_ratio", 0.5)
    if not 0 <= ratio < 1:
        raise DataError(f"line {told.line_of('dropout_ratio')}: a ratio of {ratio:g} is no share below 1")
    return Dropout(ratio)


@reads("Concat", "concat_param")
def concat(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    for name in ("axis", "concat_dim"):
        _only(told, name, 1)
    return Concatenate()


@reads("Eltwise", "eltwise_param")
def eltwise(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    kinds: dict[str, type[Layer]] = {"SUM": Add, "PROD": Multiply, "MAX": Maximum}
    kind = told.word("operation", "SUM", kinds)
    if any(one != 1 for one in told.numbers("coeff")):
        raise DataError(f"line {told.line_of('coeff')}: sums with other coefficients than 1 are not read")
    told.flag("stable_prod_grad", True)
    return kinds[kind]()


@reads("BatchNorm", "batch_norm_param")
def batch_norm(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    told.flag("use_global_stats", True)  # as the phase says
    return BatchNorm(told.number("moving_average_fraction", 0.999), told.number("eps", 1e-5))


@reads("Softmax", "softmax_param")
def softmax(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    _only(told, "axis", 1)
    return Softmax()


@reads("Flatten", "flatten_param")
def flatten(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    _only(told, "axis", 1)
    _only(told, "end_axis", -1)
    return Flatten()


@reads("Sigmoid", "sigmoid_param")
def sigmoid(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    return Sigmoid()


@reads("TanH", "tanh_param")
def tanh(told: Message, shapes: tuple[Shape, ...]) -> Layer:
    return Tanh()
