"""HMAX: simple cells that match and complex cells that take the largest, twice, and a linear classifier.

Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", 1999, began it; here are the
model of Serre, Wolf & Poggio, "Object recognition with features inspired by visual cortex", 2005, and the
variant of Mutch & Lowe, "Multiclass object recognition with sparse, localized features", 2006.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import numpy as np

from kitnet.base.random import stream
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.net import Net, parse
from kitnet.zoo.card import Builder, model
from kitnet.zoo.cells import gabors, set_weights
from kitnet.zoo.learning import Learning, Stage, answers, solve, up_to
from kitnet.zoo.sources import FIELD_BY_HAND

SERRE = "Serre, Wolf, Poggio: Object recognition with features inspired by visual cortex, CVPR 2005"
LOWE = "Mutch, Lowe: Multiclass object recognition with sparse, localized features, CVPR 2006"
BANDS = ((7, 9, "4/2"), (11, 13, "6/3 ceil"))  # two sizes of Gabor filters, and the pool over both
BLANK = 0.02  # patches whose numbers deviate less show nothing


def network(orientations: int, patch: str, pool: str, inhibition: str, classes: int) -> Net:
    """S1 and C1 in two bands of sizes, S2 with the same patches on both, C2 the largest of both, a
    classifier."""
    first, second = (
        f"S1:maximum[cosine{one}-{orientations} same -> abs | cosine{other}-{orientations} same -> abs] "
        f"-> {inhibition}C1:maxpool{places}"
        for one, other, places in BANDS
    )
    return parse(
        f"28x28x1 -> C2:maximum[{first} -> S2:{patch} -> {pool} | {second} -> @C2.0.S2 -> {pool}] "
        f"-> fc{classes}"
    )


def learn(build: Builder, x: Array, labels: Array, classes: int, seed: int) -> Learning:
    """S1 has Gabor filters, S2 patches that C1 shows in random images; the classifier is solved for."""
    net = build(classes=classes)
    for band, sizes in enumerate(BANDS):
        for i, size in enumerate(sizes[:2]):
            path = f"C2.{band}.S1.{i}.cosine1"
            orientations = net.weights[f"{path}.weight"].shape[-1]
            set_weights(net, path, {"weight": gabors(orientations, int(size))})
    random = stream(seed, "hmax")
    patches = yield from _sample(up_to(net, "C2.0.C1"), x, net.weights["C2.0.S2.weight"].shape, random)
    set_weights(net, "C2.0.S2", {"weight": patches})
    if "C2.0.S2.mask" in net.weights:
        set_weights(net, "C2.0.S2", {"mask": patches == patches.max(2, keepdims=True)})
    yield from solve(net, "fc1", up_to(net, "C2"), x, labels)
    return net


def _sample(front: Net, x: Array, shape: Shape, random: np.random.Generator) -> Generator[Stage, None, Array]:
    """Patches (*window, C, number) of the maps of random images at random places; blank ones are refused, as
    long as there are others."""
    window, number = shape[0], shape[-1]
    found: list[Array] = []
    while len(found) < number:
        before = len(found)
        for maps in answers(front, x[random.integers(len(x), size=max(number - len(found), 16))]):
            i, j = (random.integers(n - window + 1) for n in maps.shape[:2])
            patch = maps[i : i + window, j : j + window]
            if patch.std() > BLANK:
                found.append(patch)
        if len(found) == before:
            found += [patch] * number
        yield Stage("patches of S2", min(len(found), number), number)
    return np.stack(found[:number], -1)


COMMON = (
    "Two bands of two sizes of filters in the place of eight bands, since the images have 28x28 places.",
    "The classifier is linear and solved for by least squares with a penalty; the paper's is a support "
    "vector machine.",
)


def hmax(patches: int = 600, classes: int = 10) -> Net:
    return network(4, f"patch4-{patches}", "maxpool global", "", classes)


def hmax_lowe(patches: int = 300, classes: int = 10) -> Net:
    return network(8, f"patch4-{patches} sharpness=4 sparse=yes", "maxpool regions=2", "inhibit -> ", classes)


model(
    "hmax",
    "HMAX: simple and complex cells, twice, and a linear classifier",
    source=SERRE,
    year=2005,
    learn=partial(learn, hmax),
    loss="quadratic",
    claims={
        "by hand: 4 x (49 + 81 + 121 + 169) + 600 x 4 x 16 + 600 x 10 + 10": {"parameters": 46_090},
        "by hand: (28 - 4) / 2 + 1, and (28 - 6) / 3 + 1 rounded up": {
            "volume of C2.0.C1": "13x13x4",
            "volume of C2.1.C1": "9x9x4",
            "volume of C2": "1x1x600",
        },
        "by hand: 28^2 x 4 x 420 + (10^2 + 6^2) x 64 x 600 + 6,000": {"multiply-adds": 6_545_520},
        FIELD_BY_HAND: {"receptive field of C2.0.C1": 12, "receptive field of C2.1.C1": 18},
    },
    differences=(
        "It learns by its own rule, without gradients: patches of C1 of random images become S2, and the "
        "classifier is solved for.",
        *COMMON,
        "Patches have 4x4 places; the paper takes 4x4, 8x8, 12x12 and 16x16.",
        "On the digits that come with kitnet it has 97 % of the test part right.",
    ),
)(hmax)
model(
    "hmax:lowe",
    "HMAX with sparse, localised features, Mutch and Lowe's variant",
    source=LOWE,
    year=2006,
    learn=partial(learn, hmax_lowe),
    loss="quadratic",
    claims={
        "by hand: 8 x (49 + 81 + 121 + 169) + 2 x 300 x 8 x 16 + 1,200 x 10 + 10": {"parameters": 92_170},
        "by hand: (28 - 4) / 2 + 1, and (28 - 6) / 3 + 1 rounded up": {
            "volume of C2.0.C1": "13x13x8",
            "volume of C2.1.C1": "9x9x8",
            "volume of C2": "2x2x300",
        },
        "by hand: 28^2 x 8 x 420 + (10^2 + 6^2) x 128 x 300 + 12,000": {"multiply-adds": 7_868_640},
        FIELD_BY_HAND: {"receptive field of C2.0.C1": 12, "receptive field of C2.1.C1": 18},
    },
    differences=(
        "As in the paper, orientations that are weak at their place are inhibited, only the strongest "
        "orientation at each position of a patch counts, and the largest answer is that of a part of the "
        "image.",
        "The part is a quarter of the image, and all four count; the paper takes the neighbourhood of the "
        "place where the patch was found.",
        "Eight orientations and filters of four sizes; the paper has twelve and an image of ten sizes.",
        "All patches are kept; the paper drops those of least weight.",
        *COMMON,
        "On the digits that come with kitnet it has 94 to 96 % of the test part right, by the seed.",
    ),
)(hmax_lowe)
