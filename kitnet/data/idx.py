"""The idx format of the MNIST files: a big-endian header that says type and sizes, then the numbers.

    0 0 type rank | size of each axis, 4 bytes each | the numbers, last axis fastest

The files usually lie gzipped; that is seen by their first two bytes, not by their name.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np

from kitnet.base.error import DataError, cut
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.place import place

TYPES = {
    0x08: ("ubyte", ">u1"),
    0x09: ("byte", ">i1"),
    0x0B: ("short", ">i2"),
    0x0C: ("int", ">i4"),
    0x0D: ("float", ">f4"),
    0x0E: ("double", ">f8"),
}
CHUNK = 1 << 20  # bytes read at once: memory grows with what is there, never with what a header promises

Stream = BufferedReader | gzip.GzipFile


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array of an idx file, gzipped or not, in the machine's byte order.

    Raises DataError for anything that is not exactly one whole idx array: no such file, another format, an
    unknown type, more or fewer numbers than the header promises, a truncated or damaged gzip stream.
    """
    path = Path(path)
    with place(path):
        if path.exists() and not path.is_file():  # a pipe would wait for ever
            raise DataError("it is not a file; expected an idx file")
        try:
            with path.open("rb") as file:
                gzipped = file.read(2) == b"\x1f\x8b"
                file.seek(0)
                if not gzipped:
                    return _parse(file)
                with gzip.GzipFile(fileobj=file) as stream:
                    return _parse(stream)
        except EOFError:
            raise DataError("the gzip stream is truncated; take a fresh copy of the file") from None
        except (gzip.BadGzipFile, zlib.error):
            raise DataError("the gzip stream is damaged; take a fresh copy of the file") from None


def write_idx(path: str | os.PathLike[str], array: Array) -> None:
    """Writes `array` as an idx file, gzipped when the name ends in .gz; no time or name goes into it.

    Raises DataError for a type that idx does not have.
    """
    path = Path(path)
    stored = array.dtype.newbyteorder(">")
    codes = [code for code, (_, dtype) in TYPES.items() if np.dtype(dtype) == stored]
    if not codes:
        names = ", ".join(np.dtype(dtype).name for _, dtype in TYPES.values())
        raise DataError(f"{path}: idx files have no type for {array.dtype}; known: {names}")
    header = np.array([codes[0] << 8 | array.ndim, *array.shape], ">u4").tobytes()
    content = header + array.astype(stored).tobytes()
    with place(path):
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _parse(stream: Stream) -> Array:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(
            f"it is not an idx file: it begins with {magic.hex(' ') or 'nothing'}; "
            f"expected 00 00, the type, the number of axes"
        )
    if magic[2] not in TYPES:
        known = ", ".join(f"{code:#04x} {name}" for code, (name, _) in TYPES.items())
        raise DataError(f"unknown idx type {magic[2]:#04x}; known: {known}")
    name, stored = TYPES[magic[2]]
    dtype = np.dtype(stored)
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(
            f"it ends inside its header, which promises {magic[3]} axes; take a fresh copy of the file"
        )
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    promised = math.prod(shape) * dtype.itemsize
    body = _read(
        stream, promised + 1
    )  # one more, to see whether the file goes on and to reach the gzip checksum
    if len(body) != promised:
        came = "more" if len(body) > promised else f"only {len(body)}"
        raise DataError(
            f"its header promises {cut(str(promised))} bytes ({cut(say(shape))} {name}) but {came} follow; "
            f"take a fresh copy of the file"
        )
    try:
        return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    except ValueError:  # more axes than NumPy has, or sizes that overflow beside one of 0
        raise DataError(
            f"NumPy cannot hold an array of {len(shape)} axes and shape {cut(say(shape))}"
        ) from None


def _read(stream: Stream, most: int) -> bytearray:
    content = bytearray()
    while len(content) < most and (chunk := stream.read(min(CHUNK, most - len(content)))):
        content += chunk
    return content
