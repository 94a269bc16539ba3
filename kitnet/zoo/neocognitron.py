"""The neocognitron: stages of S cells, which detect, and C cells, which answer wherever nearby.

Fukushima, "Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition
unaffected by shift in position", Biological Cybernetics 36, 1980, has the cells and the stages; the rules by
which planes are added are those of Fukushima, "Neocognitron for handwritten digit recognition",
Neurocomputing 51, 2003.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from kitnet.base.random import stream
from kitnet.base.shape import Shape, slide
from kitnet.base.spec import Array
from kitnet.layers.window import windows
from kitnet.net import Net, parse
from kitnet.zoo.card import model
from kitnet.zoo.cells import edges, reinforced, set_weights
from kitnet.zoo.claim import Published
from kitnet.zoo.learning import Learning, Stage, answers, chunks, up_to
from kitnet.zoo.sources import FIELD_BY_HAND

SOURCE = (
    "Fukushima: Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition "
    "unaffected by shift in position, Biological Cybernetics 36 (1980) 193-202"
)
HANDWRITTEN = "Fukushima: Neocognitron for handwritten digit recognition, Neurocomputing 51 (2003) 161-180"
EDGES = 16  # planes of S1
SILENT = 0.6  # a window of S2 whose cosine with every seed is smaller leaves all planes silent
NEAR = 0.92  # an image whose cosine with every prototype is smaller begins a plane of its own
FAINT = 0.3  # windows with less than this share of the strongest one's length are no seeds
TINY = float(np.finfo(np.float32).tiny)  # in the place of a length of 0
ROUNDS = 3  # of S3 through all images, at most


def learn(x: Array, labels: Array, classes: int, seed: int) -> Learning:
    """S1 is given edges, S2 grows without a teacher, S3 with one."""
    random = stream(seed, "neocognitron")
    net = neocognitron(classes=classes)
    set_weights(net, "S1", reinforced(edges(EDGES, 5)))
    seeds = yield from _grow(up_to(net, "C1"), x, net.weights["S2.weight"].shape, random)
    set_weights(net, "S2", reinforced(seeds))
    shape = net.weights["S3.weight"].shape
    prototypes = yield from compete(up_to(net, "C2"), x, labels, shape, classes, random)
    set_weights(net, "S3", reinforced(prototypes))
    return net


def _grow(first: Net, x: Array, shape: Shape, random: np.random.Generator) -> Generator[Stage, None, Array]:
    """The seeds of S2 (*window, C, planes), by the rule add-if-silent: where an image has a window to which
    no plane answers, it becomes the seed of a new one. Seeds that no image gives stay 0."""
    *window, _, planes = shape
    seeds = np.zeros((math.prod(shape[:-1]), planes), np.float32)
    count = 0
    for i in random.permutation(len(x)):
        seen = _directions(answers(first, x[i : i + 1]), window[0])
        silent = np.flatnonzero((seen @ seeds[:, :count]).max(1, initial=0) < SILENT)
        while len(silent) and count < planes:
            seeds[:, count] = seen[random.choice(silent)]
            count += 1
            silent = silent[seen[silent] @ seeds[:, count - 1] < SILENT]
        yield Stage("planes of S2", count, planes)
        if count == planes:
            break
    return seeds.reshape(shape)


def _directions(y: Array, window: int) -> Array:
    """The windows of one volume that are not faint, each of length 1 (windows, size)."""
    axes = slide(y.shape[1:], window)
    seen = windows(y, axes).reshape(-1, window * window * y.shape[-1])
    lengths = np.linalg.norm(seen, axis=1, keepdims=True)
    found: Array = (seen / np.maximum(lengths, TINY))[lengths[:, 0] > FAINT * lengths.max()]
    return found


def compete(
    second: Net, x: Array, labels: Array, shape: Shape, classes: int, random: np.random.Generator
) -> Generator[Stage, None, Array]:
    """The prototypes of S3 (*window, C, planes), as many planes for each class side by side.

    The plane whose prototype is nearest to an image wins. Where it is of the image's class, and near enough
    in the first round, it is reinforced by the image; otherwise the image begins a plane of its class, or,
    where all of these are taken, reinforces the nearest of them.
    """
    each = shape[-1] // classes
    sums = np.zeros((classes, each, math.prod(shape[:-1])), np.float32)
    prototypes = np.zeros_like(sums)
    used = np.zeros(classes, int)
    for number in range(ROUNDS):
        before, order = used.sum(), random.permutation(len(x))
        for some in chunks(x):
            chosen = order[some]
            values = answers(second, x[chosen]).reshape(len(chosen), -1)
            values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), TINY)
            for value, k in zip(values, labels[chosen], strict=True):
                like = np.full((classes, each), -1.0)
                for c in range(classes):
                    like[c, : used[c]] = prototypes[c, : used[c]] @ value
                won = like.max(1).argmax() == k and (number > 0 or like.max() >= NEAR)
                plane = like[k].argmax() if won or used[k] == each else used[k]
                used[k] = max(used[k], plane + 1)
                sums[k, plane] += value
                prototypes[k, plane] = sums[k, plane] / max(np.linalg.norm(sums[k, plane]), TINY)
            yield Stage(f"images, round {number + 1} of {ROUNDS}", min(some.stop, len(x)), len(x))
        if used.sum() == before:
            break
    return prototypes.reshape(shape[-1], -1).T.reshape(shape)


@model(
    "neocognitron",
    "The neocognitron with three stages, before back-propagation",
    source=SOURCE,
    year=1980,
    learn=learn,
    claims={
        "by hand: 16 x (25 + 1) + 120 x (9 x 16 + 1) + 320 x (49 x 120 + 1)": {"parameters": 1_899_736},
        "by hand: same, and half the places behind each C": {
            "volume of S1": "28x28x16",
            "volume of C1": "14x14x16",
            "volume of S2": "14x14x120",
            "volume of C2": "7x7x120",
            "volume of S3": "1x1x320",
            "volume of C3": "1x1x10",
        },
        "by hand: 28^2 x 25 x 16 + 14^2 x 144 x 120 + 5,880 x 320": {"multiply-adds": 5_582_080},
        FIELD_BY_HAND: {"receptive field of C1": 7, "receptive field of C2": 19},
    },
    differences=(
        "It learns by its own rules, without gradients: S1 is given 16 edges, planes of S2 are added where "
        "all are silent, planes of S3 are added and reinforced where their class is told. These are the "
        "rules of Fukushima 2003; those of 1980 have no teacher, and as many planes as were set before.",
        "The paper of 1980 has 16x16 places and 24 planes in each layer of S; this one has 28x28, and 16, "
        "120 and for each class 32 planes.",
        "C cells take the root of the sum of squares of their window, all places alike; the papers' weights "
        "fall off towards the rim, and their answers are squashed.",
        "S cells divide by the root mean square of their window, all places alike; the papers' weights fall "
        "off, too.",
        "An S cell learns its seed with one strong reinforcement; the paper's learn by many small ones.",
        "The answers of C3, from 0 to 1, times 20 are read as scores of a softmax, so that a prediction has "
        "probabilities; the largest stays the largest.",
        "On the digits that come with kitnet it has 96 % of the test part right.",
    ),
    published=(Published("3,000 test digits of ETL-1, four stages", HANDWRITTEN, 1.4),),
)
def neocognitron(planes: int = 120, cells: int = 32, classes: int = 10) -> Net:
    """With so many planes in S2, and so many in S3 for each class."""
    return parse(
        f"28x28x1 -> S1:scell5-{EDGES} same selectivity=3 -> C1:normpool3/2 same "
        f"-> S2:scell3-{planes} same selectivity=0.5 -> C2:normpool5/2 same "
        f"-> S3:scell7-{cells * classes} selectivity=0.5 -> C3:maxout{cells} -> flatten -> scale factor=20"
    )
