"""How each layer becomes steps of a plan.

Every layer has an ordered list of implementations, its formula always the last. An implementation says why it
`refuses` a node, or None; the first that does not is taken, and `kitnet explain` prints the list.
"""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, Refusal
from kitnet.engine.lower.convolution import DIRECT
from kitnet.engine.lower.elementwise import ACTIVATION, ADD, CONCATENATE, SAME
from kitnet.engine.lower.formula import FORMULA
from kitnet.engine.lower.norm import BATCH_STATISTICS, DROPOUT, RUNNING_STATISTICS
from kitnet.engine.lower.output import LOSS, RADIAL_BASIS, SOFTMAX
from kitnet.engine.lower.pooling import MAX_POOL, MEAN_POOL, SUBSAMPLE
from kitnet.engine.lower.winograd import WINOGRAD

IMPLEMENTATIONS = (
    *(WINOGRAD, DIRECT, MAX_POOL, MEAN_POOL, SUBSAMPLE),
    *(ACTIVATION, ADD, CONCATENATE, SAME, SOFTMAX, RADIAL_BASIS, LOSS),
    *(BATCH_STATISTICS, RUNNING_STATISTICS, DROPOUT),
    FORMULA,
)


def choose(b: Builder, i: int, avoid: frozenset[str] = frozenset()) -> tuple[Implementation, list[Refusal]]:
    """The implementation of node i, and why those before it were not taken. `avoid` names some that may not
    be used.
    """
    refusals: list[Refusal] = []
    for one in IMPLEMENTATIONS:
        if isinstance(b.node(i).layer, one.layers):
            reason = (
                "forbidden by an option" if one.name in avoid and one is not FORMULA else one.refuses(b, i)
            )
            if reason is None:
                return one, refusals
            refusals.append(Refusal(one.name, reason))
    raise AssertionError("the formula refuses nothing")


__all__ = ["FORMULA", "IMPLEMENTATIONS", "Implementation", "Refusal", "choose"]
