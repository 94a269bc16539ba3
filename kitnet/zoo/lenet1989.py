"""The network for postcode digits: LeCun, Boser, Denker, Henderson, Howard, Hubbard & Jackel,
"Backpropagation applied to handwritten zip code recognition", Neural Computation 1, 1989."""

from __future__ import annotations

from kitnet.net import Net, parse
from kitnet.zoo.card import model
from kitnet.zoo.claim import Published, erratum
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import FIELD_BY_HAND

SOURCE = (
    "LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel: Backpropagation applied to handwritten zip "
    "code recognition, Neural Computation 1 (1989) 541-551"
)
SECTION = f"{SOURCE}, section 3"
# Beyond the border lies a background of -1. A pad sets zeros, so that it stands between + 1 and - 1.
BORDER = "scale shift=1 -> pad places=2:1x2:1 -> scale shift=-1"


@model(
    "lenet-1989",
    "The network of 1989 for handwritten digits of postcodes, with a bias for every unit",
    source=SOURCE,
    year=1989,
    claims={
        SECTION: {
            "volume of H1": "8x8x12",
            "parameters of H1": 1_068,
            "connections of H1": 19_968,
            "volume of H2": "4x4x12",
            "parameters of H2": 2_592,
            "connections of H2": 38_592,
            "volume of H3": "30",
            "parameters of H3": 5_790,
            "connections of H3": 5_790,
            "parameters of output": 310,
            "connections of output": 310,
            "parameters": 9_760,
            "connections": 64_660,
        },
        "by hand: 8^2 x 12 x 25 + 4^2 x 12 x 200 + 192 x 30 + 30 x 10": {"multiply-adds": 63_660},
        FIELD_BY_HAND: {"receptive field of H1": 5, "receptive field of H2": 13},
    },
    errata=(
        erratum(
            "a convolution has a bias b_xy at each position",
            "A convolution has one bias a filter. One a position is what this network has: 768 in H1 and 192 "
            "in H2, where a bias a map would be 12 and 12.",
            {SECTION: {"parameters of H1.bias1": 768, "parameters of H2.bias1": 192}},
        ),
    ),
    differences=(
        "Which eight maps of H1 a map of H2 sees is not published; here map k sees eight in a row from map k "
        "on, around a ring.",
        "Of the three places of padding that 16 places need for 8, two lie before the image and one behind "
        "it; the paper does not say.",
        "The output is ten units with softmax and cross-entropy in place of squashed units and the mean "
        "squared error.",
        "Weights begin with a deviation of 1/sqrt(fan-in), as the same authors advise in Efficient BackProp; "
        "the paper's are uniform from -2.4/F to 2.4/F (init=lecun1998).",
        "Trained by minibatch gradient descent with momentum, not by a Newton method image by image.",
    ),
    published=(Published("2,007 test digits of US mail", f"{SOURCE}, section 5", 5.0),),
    recipe=Recipe(rate=0.02, batch=32, epochs=23),
)
def lenet1989() -> Net:
    return parse(
        f"16x16x1 -> H1:[{BORDER} -> conv5-12/2 bias=no init=lecun -> bias -> lecuntanh] "
        f"-> H2:[{BORDER} -> conv5-12/2 bias=no table=lenet1989 init=lecun -> bias -> lecuntanh] "
        "-> H3:[fc30 init=lecun -> lecuntanh] -> output:fc10 init=lecun"
    )
