"""Floor 4: the fast road. A graph becomes a plan of compiled steps, tested against the formulas."""

from kitnet.engine.choice import Choice, wishes_of
from kitnet.engine.compile import compile, plan_of
from kitnet.engine.explain import explain
from kitnet.engine.lower import Wishes
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.engine.run import Scores, TrainingStep

__all__ = [
    "Choice",
    "Plan",
    "Request",
    "Scores",
    "TrainingStep",
    "Wishes",
    "compile",
    "explain",
    "make_plan",
    "plan_of",
    "wishes_of",
]
