"""Autoencoders, which give their input back: no pools, since where something was must not be lost."""

from __future__ import annotations

from kitnet.net import Net, parse
from kitnet.zoo.card import model
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import FIELD_BY_HAND

KINGMA = "Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014"
DIGITS = Recipe(optimizer="adam", rate=0.003, schedule="cosine", target="input", batch=64, epochs=40)


@model(
    "vae",
    "A convolutional variational autoencoder",
    source=KINGMA,
    year=2014,
    claims={
        "by hand: 320 + 32,832 + 32,800 + 16,448 + 32,800 + 289": {"parameters": 115_489},
        "by hand: 64 x 288 + 16 x 32,768 + 32,768 + 16 x 1,024 + 16 x 32,768 + 64 x 288": {
            "multiply-adds": 1_134_592
        },
        "by hand, of 8x8 digits": {
            "volume of conv2": "4x4x64",
            "volume of conv3": "1x1x32",
            "volume of gaussiandraw1": "1x1x16",
            "volume of transposed1": "4x4x64",
            "volume of transposed2": "8x8x32",
            "volume": "8x8x1",
            "conv layers": 4,
        },
        FIELD_BY_HAND: {"receptive field of conv3": 12},
    },
    differences=(
        "The paper's networks are linear layers with one hidden layer of 500 units; these are convolutions.",
        "Pixels are shades of grey, each taken as the probability that a pixel is white.",
    ),
    recipe=DIGITS,
    recipes={"digits": DIGITS},
)
def vae(code: int = 16, width: int = 32) -> Net:
    return parse(
        f"8x8x1 -> conv3-{width} same -> relu -> conv4-{2 * width}/2 pad=1 -> relu -> conv4-{2 * code} "
        f"=> code -> gaussiandraw -> transposed4-{2 * width} -> relu -> transposed4-{width}/2 pad=1 -> relu "
        "-> conv3-1 same => image"
    )
