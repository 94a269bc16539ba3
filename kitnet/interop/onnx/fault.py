"""What goes wrong with an ONNX file, said in one line."""

from __future__ import annotations

from kitnet.base.error import KitnetError


class OnnxError(KitnetError):
    """A file or a graph that cannot be read as a network."""


class UnsupportedError(OnnxError):
    """An operator, or a use of one, that is not read; the reader adds file and node."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)


class NeedsArray(Exception):  # noqa: N818  # no error: the reader asks for it and begins again
    """An operator needs the numbers of this input of the graph while it is read, such as filters."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AlongBatchError(UnsupportedError):
    """An operator works along axis 0, so that this is not the axis of samples."""
