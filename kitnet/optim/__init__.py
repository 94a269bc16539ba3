"""Floor 1: update rules. A rule reads and writes flat buffers; it knows nothing of networks."""

from kitnet.optim.rule import Rule
from kitnet.optim.sgd import Sgd

__all__ = ["Rule", "Sgd"]
