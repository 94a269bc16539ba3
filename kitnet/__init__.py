"""Convolutional networks, from formula to full speed, in Python.

net = kitnet.parse("28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc120 -> tanh -> fc10")
print(net.ledger().totals)
tape = net.tape(x)                       # x: (N, 28, 28, 1)
tape.backward(dy)["conv1.weight"]        # gradients by path
fast = net.compile(64)                   # the same in machine code: fast(x) is net(x)

Folders such as `kitnet.zoo` are imported when they are read.
"""

from typing import Any

from kitnet.base.error import KitnetError
from kitnet.base.importing import IMPORTING, folders
from kitnet.layers import Layer
from kitnet.net import Graph, Net, Tape, parse


def _compile(net: Net, *settings: Any, **options: Any) -> Any:
    """The engine's, which needs llvmlite and is imported when it is used."""
    with IMPORTING:
        from kitnet.engine import compile

    return compile(net, *settings, **options)


Net.compiler = staticmethod(_compile)

__version__ = "0.1.0"

FOLDERS = (
    *("base", "cli", "data", "engine", "files", "functional", "kernels", "lab", "layers", "look", "net"),
    *("optim", "surgery", "testing", "train", "zoo"),
)
__getattr__ = folders(__name__, FOLDERS)


def __dir__() -> list[str]:
    return sorted({*globals(), *FOLDERS})


__all__ = ["Graph", "KitnetError", "Layer", "Net", "Tape", "__version__", "parse"]
