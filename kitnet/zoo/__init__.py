"""Floor 3: networks of the literature, one file a family, each with its card.

`MODELS` holds the cards by name; `kitnet.zoo.find('lenet5')` gives one, or says which name is near.
"""

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.zoo.card import Card
from kitnet.zoo.lenet import LENET5, LENET5_MODERN, LENET5_RBF
from kitnet.zoo.resnet import RESNET20

MODELS: dict[str, Card] = {card.name: card for card in (LENET5, LENET5_RBF, LENET5_MODERN, RESNET20)}


def find(name: str) -> Card:
    """The card of a model. Raises KitnetError naming the nearest one."""
    if name not in MODELS:
        raise KitnetError(
            f"unknown model {shorten(name)}{nearest(name, MODELS)}; known: {', '.join(MODELS)}, "
            "or a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"
        )
    return MODELS[name]


__all__ = ["MODELS", "Card", "find"]
