"""Floor 3: the fast road. A network becomes a plan of compiled steps, tested against the formulas."""

from kitnet.engine.compile import compile
from kitnet.engine.explain import explain
from kitnet.engine.lower import Wishes, wishes_of
from kitnet.engine.plan import Choice, Plan, make_plan
from kitnet.engine.run import Scores, TrainingStep

__all__ = [
    "Choice",
    "Plan",
    "Scores",
    "TrainingStep",
    "Wishes",
    "compile",
    "explain",
    "make_plan",
    "wishes_of",
]
