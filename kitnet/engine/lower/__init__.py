"""How each layer becomes steps of a plan.

Every layer has an ordered list of implementations, its formula always the last. An implementation says why it
`refuses` a node, or None; the first that does not is taken, and `kitnet explain` prints the list.
"""

from __future__ import annotations

from collections.abc import Iterable

from kitnet.base.error import KitnetError, nearest
from kitnet.engine.builder import Builder
from kitnet.engine.lower.channels import CHANNELS
from kitnet.engine.lower.contract import NO_WISHES, Implementation, Refusal, Slower, Wishes, called
from kitnet.engine.lower.convolution import DIRECT
from kitnet.engine.lower.dropout import DRAWN_DROPOUT, DROPOUT
from kitnet.engine.lower.elementwise import ACTIVATION, ADD, CONCATENATE, SAME
from kitnet.engine.lower.formula import FORMULA
from kitnet.engine.lower.fourier import FOURIER
from kitnet.engine.lower.norm import BATCH_STATISTICS, RUNNING_STATISTICS
from kitnet.engine.lower.output import LOSS, RADIAL_BASIS, SOFTMAX
from kitnet.engine.lower.pooling import MAX_POOL, MEAN_POOL, SUBSAMPLE
from kitnet.engine.lower.winograd import SMALL_WINOGRAD, WINOGRAD

IMPLEMENTATIONS = (
    *(WINOGRAD, SMALL_WINOGRAD, FOURIER, DIRECT, MAX_POOL, MEAN_POOL, SUBSAMPLE),
    *(ACTIVATION, ADD, CONCATENATE, SAME, SOFTMAX, RADIAL_BASIS, LOSS),
    *(BATCH_STATISTICS, RUNNING_STATISTICS, DROPOUT, DRAWN_DROPOUT),
    FORMULA,
)
# Where images are too few to fill the vector lanes, channels lie there.
FEW_IMAGES = (*CHANNELS, FORMULA)


def choose(b: Builder, i: int, wishes: Wishes = NO_WISHES) -> tuple[Implementation, list[Refusal]]:
    """The implementation of node i, and why those before it were not taken: the first that is forced, or else
    the first, of those that do not refuse and are not forbidden. Nobody can forbid the formula.
    """
    refusals: list[Refusal] = []
    able = [
        one for one in (FEW_IMAGES if b.few else IMPLEMENTATIONS) if isinstance(b.node(i).layer, one.layers)
    ]
    for one in sorted(able, key=lambda one: not wishes.force(one)):
        reason = one.refuses(b, i)
        if one is not FORMULA and wishes.forbid(one):
            reason = "forbidden by an option"
        if reason is None or (isinstance(reason, Slower) and wishes.force(one)):
            return one, refusals
        refusals.append(Refusal(one.name, reason))
    raise AssertionError("the formula refuses nothing")


def wishes_of(forbid: Iterable[str] = (), force: Iterable[str] = ()) -> Wishes:
    """Wishes by the names of implementations or the first words of these. Raises KitnetError for others."""
    wishes = Wishes(frozenset(forbid), frozenset(force))
    names = {one.name for one in (*IMPLEMENTATIONS, *FEW_IMAGES)}
    for word in sorted(wishes.forbidden | wishes.forced):
        if not any(called(name, word) for name in names):
            known = ", ".join(repr(name) for name in sorted(names))
            raise KitnetError(f"no implementation is called {word!r}{nearest(word, names)}; known: {known}")
    return wishes


__all__ = [
    "FORMULA",
    "FOURIER",
    "IMPLEMENTATIONS",
    "NO_WISHES",
    "Implementation",
    "Refusal",
    "Wishes",
    "choose",
    "wishes_of",
]
