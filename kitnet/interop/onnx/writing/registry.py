"""How each layer is written in ONNX: one function a word of the language.

    @writes("tanh")
    def _tanh(here: Here) -> str:
        return here.to.op("Tanh", here.x[0])

It gives the name of the value that it made, (N, C, *sizes).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from kitnet.base.error import KitnetError
from kitnet.interop.onnx.writing.building import Here

Writer = Callable[[Here], str]

_WRITERS: dict[str, Writer] = {}
_FAMILIES = ("activations", "arrangements", "channels", "linear", "maps", "norms", "pools", "templates")


def writes(*words: str) -> Callable[[Writer], Writer]:
    """Registers the function that writes the layers of these words."""

    def register(writer: Writer) -> Writer:
        _WRITERS.update(dict.fromkeys(words, writer))
        return writer

    return register


def writers() -> dict[str, Writer]:
    """All of them, by word."""
    for family in _FAMILIES:
        import_module(f"kitnet.interop.onnx.writing.{family}")
    return _WRITERS


def write(here: Here, path: str) -> str:
    """Write a layer: the name of its value, which is its path. Raises KitnetError for one that ONNX has no
    form of, with its path."""
    writer = writers().get(here.layer.word)
    if writer is None:
        raise KitnetError(
            f"{path}: kitnet knows no way to write {here.layer.word} in ONNX; leave the layer out, or write "
            "its function with kitnet.interop.onnx.writing.writes"
        )
    here.to.begin(path)
    return here.to.end(writer(here))
