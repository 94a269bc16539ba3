"""The update rules by the words of commands."""

from __future__ import annotations

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.optim.adagrad import Adagrad
from kitnet.optim.adam import Adam, AdamW
from kitnet.optim.muon import Muon
from kitnet.optim.rmsprop import RmsProp
from kitnet.optim.rule import Rule
from kitnet.optim.sgd import Nesterov, Sgd

RULES: dict[str, type[Rule]] = {
    "sgd": Sgd,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "rmsprop": RmsProp,
    "adam": Adam,
    "adamw": AdamW,
    "muon": Muon,
}


def rule_by_name(word: str) -> type[Rule]:
    """The rule with this word. Raises KitnetError naming the nearest one."""
    if word not in RULES:
        raise KitnetError(
            f"unknown optimizer {shorten(word)}{nearest(word, RULES)}; known: {', '.join(RULES)}"
        )
    return RULES[word]
