"""Floor 3: wiring without formulas. Blocks become a graph; the reference executor runs it by the formulas."""

from typing import TYPE_CHECKING

from kitnet.base.importing import attributes
from kitnet.net.block import BLOCKS, Block, Chain, Join, Residual, Shared, Side, Term
from kitnet.net.excitation import SqueezeExcitation
from kitnet.net.graph import Graph, Node
from kitnet.net.network import Net, parse
from kitnet.net.objective import Goal, goals_of, usual_loss, with_goals, with_loss
from kitnet.net.reference import Tape
from kitnet.net.weights import Weights

if TYPE_CHECKING:
    from kitnet.net.ledger import Ledger, Row

__all__ = [
    "BLOCKS",
    "Block",
    "Chain",
    "Goal",
    "Graph",
    "Join",
    "Ledger",
    "Net",
    "Node",
    "Residual",
    "Row",
    "Shared",
    "Side",
    "SqueezeExcitation",
    "Tape",
    "Term",
    "Weights",
    "goals_of",
    "parse",
    "usual_loss",
    "with_goals",
    "with_loss",
]

__getattr__ = attributes(__name__, {"Ledger": "ledger", "Row": "ledger"})


def __dir__() -> list[str]:
    return __all__
