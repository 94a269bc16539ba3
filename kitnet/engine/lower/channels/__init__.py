"""Implementations for few images, whose channels lie in the vector lanes; only for plans of scores."""

from kitnet.engine.lower.channels.convolution import PRODUCTS
from kitnet.engine.lower.channels.passes import PASSES

CHANNELS = (*PRODUCTS, *PASSES)

__all__ = ["CHANNELS"]
