"""Every value and every gradient of a network for one image, by path, as the compiled plan computes them.

probe = Probe(model)                        # or a network; makes its plans once
inside = probe(image, target=3)             # uint8 (h,w,c) as a file has it, or numbers as the input has
inside.values["conv1"]                      # (H,W,C), a number of one image has no batch axis
inside.gradients["conv1.weight"]            # of the loss that the target asks for
inside.trace("conv1", (3, 4, 2))            # the products that made this number: `trace.py`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from kitnet.base.error import KitnetError, nearest_or_all, shorten
from kitnet.base.spec import Array
from kitnet.layers import Context, Loss, Pass
from kitnet.look.trace import Index, Trace, trace
from kitnet.net import Graph, Weights
from kitnet.net.reference import State

BEST = 5  # classes that are told


@dataclass(frozen=True)
class Inside:
    """What a network made of one image. `gradients` has those of all values and parameters that what was
    asked for depends on; nothing where nothing was. `seeds` are the gradients that the way back began with.
    Arrays of values have no batch axis; weights and
    state are copies of what they were."""

    graph: Graph
    weights: Weights = field(repr=False)
    state: State = field(repr=False)
    context: Context
    values: Mapping[str, Array] = field(repr=False)
    gradients: Mapping[str, Array] = field(repr=False)
    seeds: Mapping[str, Array] = field(repr=False)
    classes: tuple[str, ...]
    loss: Loss
    scored: str  # the path of the scores as the loss reads them
    passes: dict[tuple[str, bool], Pass] = field(
        default_factory=dict, repr=False, compare=False
    )  # of `trace`

    @property
    def scores(self) -> Array:
        """(classes,), as the loss reads them: before a last softmax."""
        return self.values[self.scored].reshape(-1)

    @property
    def probabilities(self) -> Array | None:
        """(classes,); None where the loss knows none."""
        found = probabilities(self.loss, self.scores[None])
        return None if found is None else found[0]

    def best(self, most: int = BEST) -> list[tuple[str, float]]:
        """The classes with the largest scores, best first, with their probabilities, or scores where there
        are none. Raises KitnetError for a network that tells no classes."""
        if not self.classes:
            raise KitnetError(
                "this network gives its input and tells no classes; look at the maps of its layers instead"
            )
        found = self.probabilities
        found = self.scores if found is None else found
        order = np.argsort(-self.scores, kind="stable")[:most]
        return [(self.classes[k], float(found[k])) for k in order]

    def value(self, path: str) -> Array:
        """Raises KitnetError where the network has no such value."""
        if path not in self.values:
            raise KitnetError(f"the network has no value {shorten(path)}{nearest_or_all(path, self.values)}")
        return self.values[path]

    def gradient(self, path: str) -> Array:
        """Of a value or a parameter. Raises KitnetError where there is none."""
        if not self.gradients:
            raise KitnetError("there is no way back without a target or an output; ask for one")
        if path not in self.graph and path not in self.weights:
            known = [*self.values, *self.weights]
            hint = nearest_or_all(path, known)
            raise KitnetError(f"the network has no value or parameter {shorten(path)}{hint}")
        if path not in self.gradients:
            raise KitnetError(f"{path}: what was asked for does not depend on it; it has no gradient")
        return self.gradients[path]

    def trace(self, path: str, index: Index, backward: bool = False, longest: int | None = None) -> Trace:
        """What makes one number of a value, or of a gradient; a linear layer's sum of more than `longest`
        products with the largest alone. Raises KitnetError."""
        return trace(self, path, index, backward, longest)


def probabilities(loss: Loss, scores: Array) -> Array | None:
    """Of scores (N,classes); None where the loss knows none."""
    try:
        return loss.probabilities(scores)
    except KitnetError:
        return None
