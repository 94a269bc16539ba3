"""ONNX: networks written as ONNX files, and read from them.

model = kitnet.interop.onnx.read("resnet18.onnx")         # a Model, or a Net where it is none of images
rep = kitnet.interop.onnx.Backend.prepare(onnx.load("any.onnx"))
"""

from typing import TYPE_CHECKING

from kitnet.base.importing import attributes

if TYPE_CHECKING:
    from kitnet.interop.onnx.backend import Backend
    from kitnet.interop.onnx.reading.networks import golden, read

__all__ = ["Backend", "golden", "read"]
__getattr__ = attributes(
    __name__, {"Backend": "backend", "golden": "reading.networks", "read": "reading.networks"}
)


def __dir__() -> list[str]:
    return __all__
