"""Fragments of images that tell most of a class, and fragments of these.

Ullman, Vidal-Naquet & Sali, "Visual features of intermediate complexity and their use in classification",
2002: of many windows of training images those are chosen whose presence has the largest mutual information
with the class. Epshtein & Ullman, "Feature hierarchies for object classification", 2005, build fragments of
smaller ones.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from kitnet.base.random import stream
from kitnet.base.spec import Array
from kitnet.layers import Cosine
from kitnet.net import Net, parse
from kitnet.zoo.card import model
from kitnet.zoo.cells import set_weights
from kitnet.zoo.learning import Learning, Stage, answers, solve, up_to
from kitnet.zoo.sources import FIELD_BY_HAND

SOURCE = (
    "Ullman, Vidal-Naquet, Sali: Visual features of intermediate complexity and their use in classification, "
    "Nature Neuroscience 5 (2002) 682-687"
)
CANDIDATES = 400  # windows at each level, of which some are chosen
JUDGES = 2000  # images at most that choose
THRESHOLDS = 16  # tried for each candidate
FAINT = 0.3  # windows with less of the mean length are no candidates


def information(counts: Array) -> Array:
    """The mutual information in bits of a variable and a class: counts (..., values, classes) ->
    (...)."""
    p = counts / counts.sum((-2, -1), keepdims=True)
    apart = p.sum(-1, keepdims=True) * p.sum(-2, keepdims=True)
    ratio = np.divide(p, apart, out=np.ones_like(p), where=p > 0)
    found: Array = (p * np.log2(ratio)).sum((-2, -1))
    return found


def of_detections(detected: Array, targets: Array) -> Array:
    """detected (N, F) of 0 and 1, targets (N, classes) one-hot -> the information of each (F,)."""
    present = detected.T @ targets
    return information(np.stack([targets.sum(0) - present, present], -2))


def learn(x: Array, labels: Array, classes: int, seed: int, candidates: int = CANDIDATES) -> Learning:
    """Both levels by mutual information, and the classifier solved for."""
    random = stream(seed, "fragments")
    net = fragments(classes=classes)
    judges = random.permutation(len(x))[:JUDGES]
    targets = np.eye(classes, dtype=np.float32)[labels]
    for level, source in (("1", None), ("2", "D1")):
        values = x[judges] if source is None else answers(up_to(net, source), x[judges])
        yield from _level(net, level, values, targets[judges], candidates, random)
    yield from solve(net, "fc1", up_to(net, "D2"), x, labels)
    return net


def _level(
    net: Net, level: str, values: Array, targets: Array, number: int, random: np.random.Generator
) -> Generator[Stage, None, None]:
    """Choose the fragments of one level among so many windows, and the threshold of each."""
    graph = net.graph
    window = net.weights[f"F{level}.weight"].shape[:2]
    candidates = _windows(values, window[0], number, random)
    inner = [graph.nodes[i].layer for i in range(graph.find(f"F{level}"), graph.find(f"D{level}"))]
    layers = [replace(one, filters=number) if isinstance(one, Cosine) else one for one in inner]
    detector = Net.of(values.shape[1:], *filter(None, layers))
    set_weights(detector, "cosine1", {"weight": candidates})
    found = answers(detector, values)
    detected, thresholds = _thresholds(found.reshape(len(found), -1, candidates.shape[-1]), targets)
    wanted = net.weights[f"D{level}.threshold"].size
    chosen: list[int] = []
    for one in _additions(detected, targets):
        chosen.append(one)
        yield Stage(f"fragments of level {level}", len(chosen), wanted)
        if len(chosen) == wanted:
            break
    set_weights(net, f"F{level}", {"weight": candidates[..., chosen]})
    set_weights(net, f"D{level}", {"threshold": thresholds[chosen]})


def _windows(values: Array, size: int, number: int, random: np.random.Generator) -> Array:
    """Windows (size, size, C, number) of random images at random places, none of them faint."""
    found: list[Array] = []
    least = FAINT * size * float(np.sqrt((values**2).mean() * values.shape[-1]))
    while len(found) < number:
        image = values[random.integers(len(values))]
        i, j = (random.integers(n - size + 1) for n in image.shape[:2])
        one = image[i : i + size, j : j + size]
        if np.linalg.norm(one) >= least:
            found.append(one)
    return np.stack(found, -1)


def _thresholds(found: Array, targets: Array) -> tuple[Array, Array]:
    """found (N, places, F) -> where each fragment tells most: whether it is there (N, F) at its best place,
    and its threshold (F,)."""
    images, places, fragments = found.shape
    best, chosen = np.full(fragments, -1.0), np.zeros(fragments, np.float32)
    detected = np.zeros((images, fragments), np.float32)
    for share in np.linspace(0.2, 0.98, THRESHOLDS):
        threshold = np.quantile(found, share, axis=(0, 1)).astype(np.float32)
        there = (found >= threshold).astype(np.float32)
        told = of_detections(there.reshape(images, -1), targets).reshape(places, fragments)
        better = told.max(0) > best
        place = told.argmax(0)
        best[better], chosen[better] = told.max(0)[better], threshold[better]
        detected[:, better] = there[:, place[better], np.flatnonzero(better)]
    return detected, chosen


def _additions(detected: Array, targets: Array) -> Iterator[int]:
    """The fragments in the order of what each adds: the least, over those before it, of the information of
    the pair less that of the other one alone (Vidal-Naquet & Ullman 2003, equation 4)."""
    present, total = detected.T @ targets, targets.sum(0)
    adds = of_detections(detected, targets)
    left = np.ones(len(adds), bool)
    while left.any():
        j = int(np.where(left, adds, -np.inf).argmax())
        left[j] = False
        yield j
        both = (detected * detected[:, j, None]).T @ targets
        pair = np.stack([both, present - both, present[j] - both, total - present - present[j] + both], -2)
        adds = np.minimum(adds, information(pair) - of_detections(detected[:, j, None], targets))


@model(
    "fragments",
    "Ullman's hierarchy of fragments, chosen by mutual information",
    source=SOURCE,
    year=2002,
    learn=learn,
    loss="quadratic",
    claims={
        "by hand: 64 x 25 + 64 + 128 x 4 x 64 + 128 + 1,152 x 10 + 10": {"parameters": 46_090},
        "by hand: same, 16 / 4, and 4 - 2 + 1": {
            "volume of F1": "16x16x64",
            "volume of D1": "4x4x64",
            "volume of D2": "3x3x128",
        },
        "by hand: 16^2 x 25 x 64 + 3^2 x 256 x 128 + 11,520": {"multiply-adds": 716_032},
        FIELD_BY_HAND: {"receptive field of D1": 8, "receptive field of D2": 12},
    },
    differences=(
        "It learns by its own rule, without gradients: fragments and their thresholds are chosen by mutual "
        "information with the class, and the classifier is solved for.",
        "Fragments of the second level are windows of the map of those of the first; the papers split "
        "fragments that were found before, and search for each within its own region.",
        "Ten classes at once; the papers tell one class of object from everything else.",
        "The classifier is linear, of all fragments at all places, and solved for by least squares with a "
        "penalty; the papers weigh each fragment by its log likelihood ratio.",
        "On the digits that come with kitnet it has 92 % of the test part right.",
    ),
)
def fragments(first: int = 64, second: int = 128, classes: int = 10) -> Net:
    """With so many fragments of the first and the second level."""
    return parse(
        f"16x16x1 -> F1:cosine5-{first} same -> R1:maxpool4 -> D1:step "
        f"-> F2:cosine2-{second} -> D2:step -> fc{classes}"
    )
