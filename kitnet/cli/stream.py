"""Standard output and standard error, which may be closed, full, or without a reader."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Stream(io.RawIOBase):
    """Bytes to a stream that may fail: the first error is kept, and whatever follows it goes nowhere, so that
    a run goes on when only its reader is gone.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, content: ReadableBuffer, /) -> int | None:
        if self.error is None:
            try:
                return self._raw.write(content)
            except OSError as error:
                self.error = error
        return memoryview(content).nbytes


def guard_output() -> Stream | None:
    """Puts a `Stream` behind sys.stdout, which escapes what the terminal cannot show, and gives it; None
    where standard output is closed.
    """
    if sys.stdout is None:
        return None
    stream, sys.stdout = _guarded(sys.stdout)
    return stream


def guard_errors() -> None:
    """Puts a `Stream` behind sys.stderr; where that is closed, what is written to it goes nowhere."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # it stays, in place of file 2
    else:
        _, sys.stderr = _guarded(sys.stderr)


def _guarded(text: Any) -> tuple[Stream, io.TextIOWrapper]:
    stream = Stream(getattr(text.buffer, "raw", text.buffer))
    return stream, io.TextIOWrapper(
        io.BufferedWriter(stream),
        encoding=text.encoding,
        errors="backslashreplace",
        line_buffering=text.line_buffering,
        write_through=text.write_through,
    )
