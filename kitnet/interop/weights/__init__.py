"""Weights of other libraries in networks of kitnet, and back.

found = import_weights("resnet50.pth", "resnet50")     # a network, and what matched
print(*found.match.lines(), sep="\n")
write_torch(Path("back.pth"), state_dict(found.net))   # torch.load reads it
"""

from kitnet.interop.weights.importing import Imported, import_weights
from kitnet.interop.weights.preparing import USUAL, preparation, usual, with_red_first
from kitnet.interop.weights.torch_writing import StateDict, state_dict, write_torch

__all__ = [
    "USUAL",
    "Imported",
    "StateDict",
    "import_weights",
    "preparation",
    "state_dict",
    "usual",
    "with_red_first",
    "write_torch",
]
