"""Layers that kernels do in passing: the activation that a layer is to them."""

from __future__ import annotations

from dataclasses import fields

from kitnet.kernels.activation import KINDS, Activation
from kitnet.layers import Layer


def activation_of(layer: Layer | None) -> Activation | None:
    """The kernels' activation of this layer's word with the layer's fields as parameters, in their order;
    None where kernels know none of that word.
    """
    if layer is None or layer.word not in KINDS:
        return None
    return Activation(layer.word, tuple(getattr(layer, each.name) for each in fields(layer)))  # type: ignore[arg-type]  # concrete layers are dataclasses
