"""How each layer becomes steps of a plan: the files that know, and what they know.

A file is imported when a graph has a layer of its words: with their kernels all of them take longer than a
small network's first step.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from kitnet.base.importing import IMPORTING
from kitnet.engine.lower.contract import NO_WISHES, Implementation, Refusal, Wishes
from kitnet.engine.lower.formula import FORMULAS
from kitnet.kernels.activation import KINDS
from kitnet.layers import Layer

# In the order in which they are asked: a file, and the words of the layers that it has implementations of.
FILES: dict[str, tuple[str, ...]] = {
    "tiles": ("conv",),
    "depthwise": ("conv",),
    "winograd": ("conv",),
    "fourier": ("conv",),
    "convolution": ("conv", "fc"),
    "few": ("conv", "fc"),
    "transposed": ("transposed",),
    "local": ("local",),
    "bias": ("bias",),
    "resample": ("pad", "resize", "upsample"),
    "pooling": ("maxpool", "sumpool", "meanpool", "squarepool", "normpool"),
    "subsample": ("subsample",),
    "elementwise": (*KINDS, "add", "concat", "padchannels", "flatten", "identity"),
    "prelu": ("prelu",),
    "joins": ("multiply", "maximum", "maxout", "shuffle"),
    "radial_basis": ("rbf",),
    "output": (
        "softmax",
        "softmax_cross_entropy",
        "sigmoid_cross_entropy",
        "quadratic",
        "rbf_penalty",
    ),
    "norm": ("batchnorm",),
    "sample_norm": ("layernorm", "groupnorm", "instancenorm"),
    "response_norm": ("lrn",),
    "contrast_norm": ("contrastnorm",),
    "dropout": ("dropout",),
}


def implementations_of(layer: Layer) -> tuple[Implementation, ...]:
    """All that compute such a layer, be they refused or not, in the order in which they are asked."""
    files = [file for file, words in FILES.items() if layer.word in words]
    return tuple(one for file in files for one in _of(file) if one.is_for(layer))


def implementations() -> tuple[Implementation, ...]:
    """All that there are, but the formulas."""
    return tuple(one for file in FILES for one in _of(file))


@cache
def _of(file: str) -> tuple[Implementation, ...]:
    with IMPORTING:
        found: tuple[Implementation, ...] = import_module(f"{__name__}.{file}").IMPLEMENTATIONS
    return found


__all__ = [
    "FILES",
    "FORMULAS",
    "NO_WISHES",
    "Implementation",
    "Refusal",
    "Wishes",
    "implementations",
    "implementations_of",
]
