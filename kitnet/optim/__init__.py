"""Floor 2: update rules. A rule reads and writes flat buffers; it knows nothing of networks.

The rules and the schedules are imported when they are read.
"""

from typing import TYPE_CHECKING

from kitnet.base.importing import attributes
from kitnet.optim.rate import Rate, Schedule
from kitnet.optim.rule import Rule

if TYPE_CHECKING:
    from kitnet.optim.adagrad import Adagrad
    from kitnet.optim.adam import Adam, AdamW
    from kitnet.optim.groups import Groups, Hold
    from kitnet.optim.muon import Muon
    from kitnet.optim.rmsprop import RmsProp
    from kitnet.optim.rules import RULES, rule_by_name
    from kitnet.optim.schedule import Cosine, Drops, Linear, OneCycle, Rising
    from kitnet.optim.sgd import Nesterov, Sgd
    from kitnet.optim.words import Course, read_rule
    from kitnet.optim.wrapped import Averaged, Clipped

__all__ = [
    "RULES",
    "Adagrad",
    "Adam",
    "AdamW",
    "Averaged",
    "Clipped",
    "Cosine",
    "Course",
    "Drops",
    "Groups",
    "Hold",
    "Linear",
    "Muon",
    "Nesterov",
    "OneCycle",
    "Rate",
    "Rising",
    "RmsProp",
    "Rule",
    "Schedule",
    "Sgd",
    "read_rule",
    "rule_by_name",
]

_FILES = {
    "adagrad": ("Adagrad",),
    "adam": ("Adam", "AdamW"),
    "groups": ("Groups", "Hold"),
    "muon": ("Muon",),
    "rmsprop": ("RmsProp",),
    "rules": ("RULES", "rule_by_name"),
    "schedule": ("Cosine", "Drops", "Linear", "OneCycle", "Rising"),
    "sgd": ("Nesterov", "Sgd"),
    "words": ("Course", "read_rule"),
    "wrapped": ("Averaged", "Clipped"),
}
__getattr__ = attributes(__name__, {name: file for file, names in _FILES.items() for name in names})


def __dir__() -> list[str]:
    return __all__
