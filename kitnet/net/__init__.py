"""Floor 2: wiring without formulas. Blocks become a graph; the reference executor runs it by the formulas."""

from kitnet.net.block import BLOCKS, Block, Chain, Join, Residual, Shared, Side, Term
from kitnet.net.excitation import SqueezeExcitation
from kitnet.net.graph import Graph, Node
from kitnet.net.ledger import Ledger, Row
from kitnet.net.network import Net, parse
from kitnet.net.objective import Goal, goals_of, usual_loss, with_goals, with_loss
from kitnet.net.reference import Tape
from kitnet.net.weights import Weights

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
