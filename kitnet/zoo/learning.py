"""How networks learn that are older than back-propagation: each by a rule of its own, without gradients.

A rule is a generator: it yields a `Stage` again and again, so that whoever listens can show how far it is,
and returns the network with its weights set. The card of a network has it as `learn`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.net import Graph, Net

CHUNK = 256  # images at once, so that the values of a layer stay small


@dataclass(frozen=True)
class Stage:
    """How far a rule has come: `done` of `all` of `what` it works on."""

    what: str
    done: int
    all: int


Learning = Generator[Stage, None, Net]
# Of prepared images (N, *input), their class numbers (N,), the number of classes, and a seed.
OwnRule = Callable[[Array, Array, int, int], Learning]


def finish(learning: Learning) -> Net:
    """The network, when all is learned."""
    while True:
        try:
            next(learning)
        except StopIteration as end:
            net: Net = end.value
            return net


def chunks(x: Array) -> Iterator[slice]:
    """Slices of so many images that together are all of them."""
    return (slice(start, start + CHUNK) for start in range(0, len(x), CHUNK))


def up_to(net: Net, path: str) -> Net:
    """What leads to one value of a network, as a network of its own, with copies of the weights."""
    graph = net.graph
    part, place = Graph(), {}
    for i in graph.leading_to(graph.find(path)):
        node = graph.nodes[i]
        if node.layer is None:
            place[i] = part.operand(node.path, node.shape)
            continue
        owner = None if node.owner == node.path else node.owner
        place[i] = part.add(node.path, node.layer, *(place[j] for j in node.inputs), owner=owner)
    found = Net(part)
    for name, view in found.weights.items():
        view[...] = net.weights[name]
    return found


def answers(net: Net, x: Array) -> Array:
    """The main output for images (N, *input), by the formulas."""
    return np.concatenate([net.tape(x[some]).output for some in chunks(x)])


class LeastSquares:
    """Linear scores by least squares with a penalty on the weights (ridge regression, Hoerl & Kennard 1970).

    Features f, each brought to mean 0 and deviation 1, and targets t, 1 for the class and 0 for the others:
    W = (sum of f f' + penalty N I)^-1 sum of f t'. Images are added chunk by chunk.
    """

    def __init__(self, features: int, classes: int) -> None:
        self.images = 0
        self.classes = np.eye(classes)
        self.sums, self.squares = np.zeros(features), np.zeros((features, features))
        self.targets, self.products = np.zeros(classes), np.zeros((features, classes))

    def add(self, features: Array, labels: Array) -> None:
        """features (N, F) and class numbers (N,)."""
        f, t = features.astype(float), self.classes[labels]
        self.images += len(f)
        self.sums += f.sum(0)
        self.squares += f.T @ f
        self.targets += t.sum(0)
        self.products += f.T @ t

    def solve(self, penalty: float) -> tuple[Array, Array]:
        """weight (F, classes) and bias (classes,) for the features as they were given."""
        n = self.images
        mean, target = self.sums / n, self.targets / n
        covariance = self.squares / n - np.outer(mean, mean)
        deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
        deviation[deviation < 1e-6] = 1  # a feature that is constant says nothing
        correlation = covariance / np.outer(deviation, deviation)
        answers = (self.products / n - np.outer(mean, target)) / deviation[:, None]
        weight = np.linalg.solve(correlation + penalty * np.eye(len(mean)), answers) / deviation[:, None]
        return weight, target - mean @ weight


def solve(
    net: Net, path: str, front: Net, x: Array, labels: Array, penalty: float = 0.1
) -> Generator[Stage, None, None]:
    """Fill a linear layer by least squares on what `front` makes of all images."""
    fit = LeastSquares(*net.weights[f"{path}.weight"].shape)
    for some in chunks(x):
        fit.add(answers(front, x[some]).reshape(len(x[some]), -1), labels[some])
        yield Stage("images", min(some.stop, len(x)), len(x))
    net.weights[f"{path}.weight"][...], net.weights[f"{path}.bias"][...] = fit.solve(penalty)
