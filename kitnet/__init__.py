"""Convolutional networks, from formula to full speed, in Python.

net = kitnet.parse("28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc120 -> tanh -> fc10")
print(net.ledger().totals)
tape = net.tape(x)                       # x: (N, 28, 28, 1)
tape.backward(dy)["conv1.weight"]        # gradients by path
fast = net.compile(64)                   # the same in machine code: fast(x) is net(x)
"""

import os
import threading
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.layers import Layer
from kitnet.net import Graph, Net, Tape, parse

_importing = threading.RLock()  # a process is not forked while the engine is imported: a child would hang
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release
    )


def _compile(net: Net, *settings: Any, **options: Any) -> Any:
    """The engine's, which needs llvmlite and is imported when it is used."""
    with _importing:
        from kitnet.engine import compile

    return compile(net, *settings, **options)


Net.compiler = staticmethod(_compile)

__version__ = "0.1.0"

__all__ = ["Graph", "KitnetError", "Layer", "Net", "Tape", "__version__", "parse"]
