"""A network with its loss behind it: the graph that training runs."""

from __future__ import annotations

from kitnet.base.error import KitnetError, ShapeError, nearest
from kitnet.layers import LAYERS, Loss, SoftmaxCrossEntropy
from kitnet.net.graph import Graph

OWN = ("target", "loss")  # names of the values that training adds


def losses() -> dict[str, type[Loss]]:
    """Every registered loss by its word."""
    return {word: layer for word, layer in LAYERS.items() if issubclass(layer, Loss)}


def usual_loss(graph: Graph) -> Loss:
    """The loss made for the network's last layer: softmax cross-entropy where none claims it."""
    last = graph.nodes[graph.output].layer
    for loss in losses().values():
        if last is not None and last.word in loss.suits:
            return loss()
    return SoftmaxCrossEntropy()


def loss_by_name(word: str) -> Loss:
    """The loss with this word. Raises KitnetError naming the nearest one."""
    known = losses()
    if word not in known:
        raise KitnetError(f"unknown loss {word!r}{nearest(word, known)}; known: {', '.join(known)}")
    return known[word]()


def scores_of(graph: Graph, loss: Loss) -> int:
    """The value that the loss reads: the output, or what is before a last activation that the loss
    contains."""
    last = graph.nodes[graph.output]
    return last.inputs[0] if last.layer is not None and last.layer.word == loss.absorbs else graph.output


def with_loss(graph: Graph, loss: Loss) -> Graph:
    """The graph with two more values, the operand `target` and the output `loss`, one number a sample.

    Raises ShapeError where the network uses one of these names itself.
    """
    whole = Graph()
    for node in graph.nodes:
        if node.path in OWN:
            raise ShapeError(
                f"{node.path}: training has a value of its own with this name", "give the layer another name"
            )
        if node.layer is None:
            whole.operand(node.path, node.shape)
        else:
            whole.add(node.path, node.layer, *node.inputs)
    scores = scores_of(graph, loss)
    target = whole.operand("target", graph.nodes[scores].shape)
    whole.add("loss", loss, scores, target)
    return whole
