"""Floor 1: update rules. A rule reads and writes flat buffers; it knows nothing of networks."""

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.optim.adagrad import Adagrad
from kitnet.optim.adam import Adam, AdamW
from kitnet.optim.rate import Rate, Schedule
from kitnet.optim.rmsprop import RmsProp
from kitnet.optim.rule import Rule
from kitnet.optim.schedule import Cosine, Drops, Linear, OneCycle
from kitnet.optim.sgd import Nesterov, Sgd

RULES: dict[str, type[Rule]] = {  # by the words of commands
    "sgd": Sgd,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "rmsprop": RmsProp,
    "adam": Adam,
    "adamw": AdamW,
}


def rule_by_name(word: str) -> type[Rule]:
    """The rule with this word. Raises KitnetError naming the nearest one."""
    if word not in RULES:
        raise KitnetError(
            f"unknown optimizer {shorten(word)}{nearest(word, RULES)}; known: {', '.join(RULES)}"
        )
    return RULES[word]


__all__ = [
    "RULES",
    "Adagrad",
    "Adam",
    "AdamW",
    "Cosine",
    "Drops",
    "Linear",
    "Nesterov",
    "OneCycle",
    "Rate",
    "RmsProp",
    "Rule",
    "Schedule",
    "Sgd",
    "rule_by_name",
]
