"""Convolutional networks, from formula to full speed, in Python.

net = kitnet.parse("28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc120 -> tanh -> fc10")
print(net.ledger().totals)
tape = net.tape(x)                       # x: (N, 28, 28, 1)
tape.backward(dy)["conv1.weight"]        # gradients by path
fast = net.compile(64)                   # the same in machine code: fast(x) is net(x)

model = kitnet.Model(net)
model.fit(x, labels)                     # x: uint8 (N, 28, 28, 1), labels: (N,)
model.predict(x), model.save("model.safetensors"), kitnet.load("model.safetensors")

Names and folders such as `kitnet.zoo` are imported when they are read: `import kitnet` alone reads next to
nothing, so that a command is interrupted in one line from its beginning on.
"""

from typing import TYPE_CHECKING, Any

from kitnet.base.importing import HANDED_DOWN, IMPORTING, attributes, folders

if TYPE_CHECKING:
    from pathlib import Path

    from kitnet.base.error import KitnetError
    from kitnet.layers import Layer
    from kitnet.net import Graph, Net, Tape, parse
    from kitnet.train import Model

__version__ = "0.2.0"

NAMES = {
    "KitnetError": "base.error",
    "Layer": "layers",
    **dict.fromkeys(("Graph", "Net", "Tape", "parse"), "net"),
}
LATER = {"Model": "train"}  # not of `from kitnet import *`, which shall stay quick
FOLDERS = (
    *("base", "cli", "data", "distributed", "engine", "files", "functional", "interop", "kernels", "lab"),
    *(
        "layers",
        "lessons",
        "look",
        "net",
        "optim",
        "serve",
        "studio",
        "surgery",
        "testing",
        "train",
        "web",
        "zoo",
    ),
)
_name, _folder = attributes(__name__, {**NAMES, **LATER}), folders(__name__, (*FOLDERS, "sklearn"))


def __getattr__(name: str) -> Any:
    return (_name if name in NAMES or name in LATER else _folder)(name)


def compile_network(net: "Net", *settings: Any, **options: Any) -> Any:
    """`net.compile`: the engine's, which stands on a higher floor than networks and comes in by this door."""
    with IMPORTING:
        from kitnet.engine import compile

    return compile(net, *settings, **options)


HANDED_DOWN["compile"] = compile_network


def read_onnx(source: "str | Path", **options: Any) -> Any:
    """`kitnet.interop.onnx.read`, which stands on a higher floor than models and comes in by this door."""
    with IMPORTING:
        from kitnet.interop.onnx import read

    return read(source, **options)


def golden_onnx(source: "str | Path", **options: Any) -> Any:
    """`kitnet.interop.onnx.golden`, by the same door."""
    with IMPORTING:
        from kitnet.interop.onnx import golden

    return golden(source, **options)


HANDED_DOWN["onnx"], HANDED_DOWN["golden onnx"] = read_onnx, golden_onnx


def load(where: "str | Path") -> "Model":
    """A model file, or the best model of a run folder. Raises ModelFileError."""
    return __getattr__("Model").load(where)


def __dir__() -> list[str]:
    return sorted({*globals(), *NAMES, *LATER, *FOLDERS, "sklearn"})


__all__ = ["Graph", "KitnetError", "Layer", "Net", "Tape", "__version__", "parse"]
