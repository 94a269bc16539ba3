"""Floor 4: networks of the literature, one file a family, each with its card.

`MODELS` holds the cards by name; `kitnet.zoo.find('vgg16')` gives one, or says which name is near. A variant
stands behind a colon: `vgg16:pooled`. `RECIPES` has the trainings on known data by their whole names, such as
`lenet5.mnist`.
"""

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.net.sizing import check_no_volume
from kitnet.zoo import (  # noqa: F401  # each registers its networks
    airbench,
    alexnet,
    autoencoder,
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
from kitnet.zoo.card import ALIASES, MODELS, RECIPES, Card, Checked, check
from kitnet.zoo.claim import Claim, Erratum, Published
from kitnet.zoo.learning import Learning, Stage, finish
from kitnet.zoo.recipe import Recipe


def find(name: str) -> Card:
    """The card of a model, which may be called by another name, too. Raises KitnetError naming the nearest
    one."""
    own = ALIASES.get(name, name)
    if own not in MODELS:
        check_no_volume(name)
        hint = nearest(name, [*MODELS, *ALIASES, *RECIPES])
        raise KitnetError(
            f"unknown model {shorten(name)}{hint}; `kitnet models` lists all, "
            "or write a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"
        )
    return MODELS[own]


def find_recipe(name: str) -> tuple[Card, str | None]:
    """The card that is meant by the name of a model, or by the whole name of a recipe such as
    `lenet5.mnist`; of a recipe also its data set. Raises KitnetError as `find` does."""
    return RECIPES[name] if name in RECIPES else (find(name), None)


__all__ = [
    "ALIASES",
    "MODELS",
    "RECIPES",
    "Card",
    "Checked",
    "Claim",
    "Erratum",
    "Learning",
    "Published",
    "Recipe",
    "Stage",
    "check",
    "find",
    "find_recipe",
    "finish",
]
