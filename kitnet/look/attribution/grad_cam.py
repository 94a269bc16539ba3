"""Grad-CAM: where the maps of a layer speak for a class.

a_k = 1/Z sum over positions of dy_c / dA_k     (equation 1)
L = max(0, sum over maps of a_k A_k)            (equation 2)

A_k are the maps of a layer with Z positions, y_c the score of the class before softmax. Source: Selvaraju,
Cogswell, Das, Vedantam, Parikh & Batra, "Grad-CAM: visual explanations from deep networks via gradient-based
localization", 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.look.probe import Probe
from kitnet.net import Graph


def last_maps(graph: Graph, scored: str) -> str:
    """The last value with several positions that the scores are made of. Raises KitnetError."""
    for i in reversed(graph.leading_to(graph.find(scored))):
        node = graph.nodes[i]
        if (
            node.layer is not None
            and node.path != scored
            and len(node.shape) == 3
            and node.shape[:2] != (1, 1)
        ):
            return node.path
    raise KitnetError("the network has no layer of maps before its scores, of which Grad-CAM could be taken")


def grad_cam(probe: Probe, image: Any, of: int | str | None = None, path: str | None = None) -> Array:
    """L (h,w) of the class `of`, usually the best one, at the layer `path`, usually the last one with
    positions. Raises KitnetError."""
    path = last_maps(probe.net.graph, probe.scored) if path is None else path
    of = probe(image).best(1)[0][0] if of is None else of
    inside = probe(image, output=of)
    maps, gradient = inside.value(path), inside.gradient(path)
    if maps.ndim != 3:
        raise KitnetError(f"{path} has no positions; Grad-CAM is for layers of maps, such as convolutions")
    weights = gradient.mean((0, 1))
    found: Array = np.maximum(maps @ weights, 0)
    return found
