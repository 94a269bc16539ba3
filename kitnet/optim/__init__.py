"""Floor 1: update rules. A rule reads and writes flat buffers; it knows nothing of networks."""

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.optim.rule import Rule
from kitnet.optim.sgd import Sgd

RULES: dict[str, type[Rule]] = {"sgd": Sgd}  # by the words of commands


def rule_by_name(word: str) -> type[Rule]:
    """The rule with this word. Raises KitnetError naming the nearest one."""
    if word not in RULES:
        raise KitnetError(
            f"unknown optimizer {shorten(word)}{nearest(word, RULES)}; known: {', '.join(RULES)}"
        )
    return RULES[word]


__all__ = ["RULES", "Rule", "Sgd", "rule_by_name"]
