"""Floor 1: files. Written whole or not at all; safetensors with named parts; read within bounds."""

from kitnet.files.parts import Format, Part
from kitnet.files.tensors import TensorFile, opened, write_tensors
from kitnet.files.whole import copy_whole, write_whole, writing

__all__ = [
    "Format",
    "Part",
    "TensorFile",
    "copy_whole",
    "opened",
    "write_tensors",
    "write_whole",
    "writing",
]
