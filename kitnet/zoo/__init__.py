"""Floor 3: networks of the literature, one file a family, each with its card.

`MODELS` holds the cards by name; `kitnet.zoo.find('vgg16')` gives one, or says which name is near. A variant
stands behind a colon: `vgg16:pooled`.
"""

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.net.sizing import check_no_volume
from kitnet.zoo import (  # noqa: F401  # each registers its networks
    alexnet,
    densenet,
    fragments,
    googlenet,
    hmax,
    inception,
    lenet,
    lenet1989,
    mobilenet,
    neocognitron,
    resnet,
    resnet_cifar,
    small,
    squeezenet,
    vgg,
)
from kitnet.zoo.card import ALIASES, MODELS, Card, Checked, check
from kitnet.zoo.claim import Claim, Erratum, Published
from kitnet.zoo.learning import Learning, Stage, finish


def find(name: str) -> Card:
    """The card of a model, which may be called by another name, too. Raises KitnetError naming the nearest
    one."""
    own = ALIASES.get(name, name)
    if own not in MODELS:
        check_no_volume(name)
        raise KitnetError(
            f"unknown model {shorten(name)}{nearest(name, [*MODELS, *ALIASES])}; `kitnet models` lists all, "
            "or write a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"
        )
    return MODELS[own]


__all__ = [
    "ALIASES",
    "MODELS",
    "Card",
    "Checked",
    "Claim",
    "Erratum",
    "Learning",
    "Published",
    "Stage",
    "check",
    "find",
    "finish",
]
