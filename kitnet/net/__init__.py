"""Floor 2: wiring without formulas. Blocks become a flat graph; the reference executor runs it by the
formulas."""

from kitnet.net.block import Branch, Chain, Residual, Term
from kitnet.net.graph import Graph, Node
from kitnet.net.ledger import Ledger, Row
from kitnet.net.network import Net, parse
from kitnet.net.objective import usual_loss, with_loss
from kitnet.net.reference import Tape
from kitnet.net.weights import Weights

__all__ = [
    "Branch",
    "Chain",
    "Graph",
    "Ledger",
    "Net",
    "Node",
    "Residual",
    "Row",
    "Tape",
    "Term",
    "Weights",
    "parse",
    "usual_loss",
    "with_loss",
]
