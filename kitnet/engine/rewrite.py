"""Which values a plan need not store: an activation that the producer of its input does in passing."""

from __future__ import annotations

from collections import Counter

from kitnet.layers import BatchNorm, Convolution, LecunTanh, Linear, Relu, Sigmoid, Subsampling, Tanh
from kitnet.net.graph import Graph

PRODUCERS = (Convolution, Linear, Subsampling, BatchNorm)
ACTIVATIONS = (Relu, Tanh, LecunTanh, Sigmoid)


def fuse_activations(graph: Graph, kept: frozenset[int]) -> dict[int, int]:
    """Producer -> the activation that is its only consumer. Values in `kept` are read from outside."""
    readers = Counter(i for node in graph.nodes for i in node.inputs)
    found: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        if isinstance(node.layer, ACTIVATIONS):
            (before,) = node.inputs
            producer = graph.nodes[before].layer
            if isinstance(producer, PRODUCERS) and readers[before] == 1 and before not in kept:
                found[before] = i
    return found
