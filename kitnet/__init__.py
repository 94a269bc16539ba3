"""Convolutional networks, from formula to full speed, in Python.

net = kitnet.parse("28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc120 -> tanh -> fc10")
print(net.ledger().totals)
tape = net.tape(x)                       # x: (N, 28, 28, 1)
tape.backward(dy)["conv1.weight"]        # gradients by path
fast = net.compile(64)                   # the same in machine code: fast(x) is net(x)

model = kitnet.Model(net)
model.fit(x, labels)                     # x: uint8 (N, 28, 28, 1), labels: (N,)
model.predict(x), model.save("model.safetensors"), kitnet.load("model.safetensors")

`kitnet.Model`, `kitnet.load` and folders such as `kitnet.zoo` are imported when they are read.
"""

from typing import TYPE_CHECKING, Any

from kitnet.base.error import KitnetError
from kitnet.base.importing import IMPORTING, folders
from kitnet.layers import Layer
from kitnet.net import Graph, Net, Tape, parse

if TYPE_CHECKING:
    from pathlib import Path

    from kitnet.train import Model


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
_modules = folders(__name__, (*FOLDERS, "sklearn"))


def load(where: "str | Path") -> "Model":
    """A model file, or the best model of a run folder. Raises ModelFileError."""
    return __getattr__("Model").load(where)


def __getattr__(name: str) -> Any:
    return _modules("train").Model if name == "Model" else _modules(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *FOLDERS, "Model", "load", "sklearn"})


__all__ = ["Graph", "KitnetError", "Layer", "Net", "Tape", "__version__", "parse"]
