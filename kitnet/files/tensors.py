"""A safetensors file: written in one canonical form, read within bounds.

    8 bytes    length of the header, little endian
    header     JSON: {"conv1.weight": {"data_offsets": [0, 36], "dtype": "F32", "shape": [3, 3]}, ...,
               "__metadata__": {"text": "text"}}
    arrays     one after the other, without gaps

kitnet's form: keys sorted, no spaces between them, spaces behind the header up to a multiple of 64 bytes,
arrays with the widest elements first and then by name, little endian. The metadata's `sha256` is that of the
header without it and of all arrays. So equal contents are equal bytes, and one changed bit is seen.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kitnet.base.error import FileError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.files.whole import writing

METADATA, DIGEST = "__metadata__", "sha256"
LINE = 64  # bytes; the first array begins at a multiple of it
LARGEST_HEADER = 1 << 24  # bytes; enough for 100,000 layers
MOST_AXES = 32
LARGEST_ARRAY = 1 << 62  # bytes
TYPES = {
    name: np.dtype(code)
    for name, code in {
        **{"F64": "<f8", "F32": "<f4", "F16": "<f2"},
        **{f"I{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)},
        **{f"U{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)},
    }.items()
}
_NAMES = {dtype: name for name, dtype in TYPES.items()}


@dataclass(frozen=True)
class Entry:
    """What the header says of one array; it lies at `begin` to `end`, in bytes behind the header."""

    dtype: np.dtype[Any]
    shape: Shape
    begin: int
    end: int


def write_tensors(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write arrays by name, and texts. Memory is needed for a copy of one array at most: of one that is not
    contiguous. Raises RunError."""
    head = _head(arrays, metadata)
    with writing(path) as file:
        file.write(head)
        for name in _order(arrays):
            file.write(_bytes(arrays[name]))


def _order(arrays: Mapping[str, Array]) -> list[str]:
    return sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))


def _bytes(array: Array) -> memoryview:
    """The array's bytes as they lie in the file."""
    plain = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return plain.reshape(-1).view(np.uint8).data


def _head(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """What stands before the arrays: the length of the header, and the header with its digest."""
    header: dict[str, Any] = {METADATA: dict(metadata)}
    end = 0
    for name in _order(arrays):
        array, begin = arrays[name], end
        end += array.nbytes
        dtype = _NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
    digest = hashlib.sha256(_text(header))
    for name in _order(arrays):
        digest.update(_bytes(arrays[name]))
    header[METADATA][DIGEST] = digest.hexdigest()
    text = _text(header)
    text += b" " * (-(8 + len(text)) % LINE)
    return len(text).to_bytes(8, "little") + text


def _text(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


class TensorFile:
    """An open file whose header has been checked: the arrays fill the rest of the file without gaps."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Raises FileError for a header that is none."""
        self.path, self._file = path, file
        size = os.fstat(file.fileno()).st_size
        length = file.read(8)
        count = int.from_bytes(length, "little")
        if len(length) < 8 or not 2 <= count <= size - 8:
            raise FileError(path, "truncated, or not a safetensors file")
        if count > LARGEST_HEADER:
            raise FileError(path, f"a header of {count:,} bytes; at most {LARGEST_HEADER:,} are read")
        text = file.read(count)
        self._head = length + text
        try:
            header = json.loads(text)
        except (ValueError, RecursionError):
            raise FileError(path, "its header cannot be read") from None
        if not isinstance(header, dict):
            raise FileError(path, "its header is no mapping")
        self.metadata: dict[str, str] = _checked_metadata(path, header.pop(METADATA, {}))
        self.entries = {name: _checked_entry(path, name, entry) for name, entry in header.items()}
        end = 0
        for name, entry in sorted(self.entries.items(), key=lambda one: (one[1].begin, one[1].end)):
            if entry.begin != end:
                raise FileError(
                    path, f"array {short(name)} begins at byte {short(entry.begin)}, expected {end}"
                )
            end = entry.end
        if end != size - len(self._head):
            raise FileError(path, f"its arrays end at byte {short(end)} of {size - len(self._head)}")

    def read(self) -> dict[str, Array]:
        """Every array by its name; together they are smaller than the file. Raises FileError."""
        arrays = {}
        for name, entry in self.entries.items():
            array = np.empty(entry.shape, entry.dtype)
            self._file.seek(len(self._head) + entry.begin)
            if self._file.readinto(array.reshape(-1).view(np.uint8).data) != entry.end - entry.begin:  # type: ignore[attr-defined]  # of every file that is opened in binary
                raise FileError(self.path, "it became shorter while it was read")
            arrays[name] = array
        return arrays

    def is_as_written(self, arrays: Mapping[str, Array]) -> bool:
        """Whether header and `arrays` are, bit for bit, what `write_tensors` wrote."""
        metadata = {name: text for name, text in self.metadata.items() if name != DIGEST}
        try:
            return _head(arrays, metadata) == self._head
        except UnicodeEncodeError:  # half of a surrogate pair, which kitnet does not write
            return False


@contextmanager
def opened(path: Path) -> Iterator[TensorFile]:
    """Open a safetensors file of anyone's. Raises FileError for a file that cannot be read or is none."""
    try:
        with path.open("rb") as file:
            yield TensorFile(path, file)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        raise FileError(path, reason, "check the file") from None


def _checked_metadata(path: Path, metadata: object) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise FileError(path, "its metadata are no texts by name")
    return metadata


def _checked_entry(path: Path, name: str, entry: object) -> Entry:
    """What the header says of an array, as far as it can be true."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise FileError(path, f"array {short(name)} needs dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise FileError(path, f"array {short(name)} is of another type than {', '.join(TYPES)}")
    if not _are_counts(shape) or len(shape) > MOST_AXES:
        raise FileError(path, f"array {short(name)} has no shape of at most {MOST_AXES} axes")
    if not _are_counts(offsets) or len(offsets) != 2:
        raise FileError(path, f"array {short(name)} has no begin and end")
    begin, end = offsets
    itemsize = TYPES[kind].itemsize
    if math.prod(shape) * itemsize != end - begin or math.prod(n or 1 for n in shape) > LARGEST_ARRAY // 8:
        raise FileError(
            path, f"array {short(name)} of shape {short(shape)} lies in {short(end - begin)} bytes"
        )
    return Entry(TYPES[kind], tuple(shape), begin, end)


def _are_counts(numbers: object) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and n >= 0 for n in numbers)


def short(value: object) -> str:
    """A value for a message, which shall stay one short line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
