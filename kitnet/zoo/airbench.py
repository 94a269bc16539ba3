"""A network for CIFAR-10 that is trained in 200 steps: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single
GPU", 2024, in the form with Muon of the same year (airbench94_muon)."""

from __future__ import annotations

from kitnet.layers import BatchNorm, Convolution, Gelu, Linear, MaxPool, Scale
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import Published
from kitnet.zoo.parts import Piece, named, network
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import FIELD_BY_HAND

SOURCE = "Jordan: 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024"
CODE = "the author's airbench94_muon.py"
TEST = "CIFAR-10 test images"

# Rates and decays are those of the author's code, for a loss that is a mean, not a sum over 2,000 images: of
# biases 0.053 x 2,000; of the last layer, whose scores he divides by 256, and kitnet by 16 after weights of
# 1/16 of his, 0.67 x 2,000 / 16^2. Decays are 0.004 a step over each rate.
JORDAN = Recipe(
    optimizer="muon steps=3 renorm=1",
    schedule="linear",
    rate=0.24,
    momentum=0.6,
    groups="conv1.weight: hold; *.scale: hold; conv1.bias: nesterov rate=106 momentum=0.85 decay=3.774e-5 "
    "epochs=3; *.shift: nesterov rate=106 momentum=0.85 decay=3.774e-5; "
    "fc1.weight: nesterov rate=5.234 momentum=0.85 decay=7.642e-4",
    loss="softmax_cross_entropy smooth=0.2",
    augment="flip alternate,crop2 reflect",
    whiten="conv1",
    views="flip,shift1",
    validation=0.0,
    batch=2000,
    epochs=8,
)


def block(filters: int) -> list[Piece]:
    """Two convolutions, a pool between the first and its norm."""
    one, two = (Convolution(3, filters, pad="same", bias=False, init="dirac") for _ in range(2))
    normed = [BatchNorm(decay=0.6, eps=1e-12), Gelu()]
    return [one, MaxPool(2, on_misfit="floor"), *normed, two, *normed]


@model(
    "airbench",
    "airbench94: CIFAR-10 in 200 steps, with whitening filters and Muon",
    source=SOURCE,
    year=2024,
    claims={
        CODE: {
            "volume of conv1": "31x31x24",
            "volume of block1": "15x15x64",
            "volume of block2": "7x7x256",
            "volume of block3": "3x3x256",
        },
        "by hand: 12 x 24 + 24, 9 x (24 x 64 + 64^2 + 64 x 256 + 3 x 256^2), 4 x (64 + 2 x 256) of norms, "
        "2,560": {"parameters": 1_972_792},
        FIELD_BY_HAND: {"receptive field of block3": 51},
        "by hand: 31^2 x (12 x 24 + 9 x 24 x 64) + 15^2 x 9 x (64^2 + 64 x 256) + 7^2 x 9 x 2 x 256^2 + "
        "3^2 x 9 x 256^2 + 2,560": {"multiply-adds": 118_147_360},
    },
    differences=(
        "All is computed in float32; the code uses float16, and bfloat16 in Muon.",
        "The scores are those of the last layer over 16, and its weights begin with deviation 1/16, normally "
        "distributed; in the code they are over 256 with deviation 1, uniform. With the rates of the recipe "
        "both learn alike.",
        "The last step has the learning rate 0; in the code 1/200 of the first.",
    ),
    published=(Published(f"{TEST}, six views", f"{CODE}, mean of 200 runs", 5.99),),
    recipe=JORDAN,
    recipes={"cifar10": JORDAN},
)
def airbench(width: int = 64, size: int = 32) -> Net:
    blocks = [named(f"block{i}", block(n)) for i, n in enumerate((width, 4 * width, 4 * width), 1)]
    last = [MaxPool(3), Linear(10, bias=False, init="lecun"), Scale(1 / 16)]
    return network((size, size, 3), Convolution(2, 24), Gelu(), blocks, *last)
