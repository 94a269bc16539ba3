"""Files of named parts: each part has plain data, arrays by path, and a version of its own.

In safetensors the arrays of part `weights` are called `weights/conv1.weight`, and the metadata has, under the
part's name, the JSON text `{"data": ..., "version": 1}`. A later kitnet adds parts or versions, not formats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kitnet.base.error import FileError
from kitnet.base.spec import Array
from kitnet.files.tensors import DIGEST, TensorFile, short, write_tensors

FORMAT = "format"  # the metadata's name for the kind of a file
NEWER = "use a newer kitnet"


@dataclass(frozen=True)
class Part:
    """Data as JSON knows them, and arrays by path; either may be empty. `version` is that of the file it was
    read from."""

    data: Any = None
    arrays: Mapping[str, Array] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True)
class Format:
    """A kind of file, such as `kitnet model 2`, and the newest known version of each of its parts."""

    name: str
    versions: Mapping[str, int]
    optional: frozenset[str] = frozenset()

    def write(self, path: Path, parts: Mapping[str, Part]) -> None:
        """Write the file, whole. Raises RunError."""
        arrays = {f"{name}/{key}": a for name, part in parts.items() for key, a in part.arrays.items()}
        metadata = {
            name: json.dumps(
                {"version": self.versions[name], "data": part.data},
                sort_keys=True,
                ensure_ascii=False,
                allow_nan=False,
            )
            for name, part in parts.items()
        }
        write_tensors(path, arrays, {FORMAT: self.name, **metadata})

    def read(self, file: TensorFile) -> dict[str, Part]:
        """Every part of an open file. Raises FileError for another format, damage, unknown and missing parts
        and newer versions."""
        told, path = file.metadata.get(FORMAT), file.path
        if told is None or not told.startswith("kitnet "):
            raise FileError(
                path, "a safetensors file, but not one of kitnet", "give a file that kitnet wrote"
            )
        if told != self.name:
            raise FileError(path, f"its format is {short(told)}, expected {self.name!r}")
        arrays = file.read()
        if not file.is_as_written(arrays):
            raise FileError(path, "not as it was written (wrong checksum)")
        parts = {
            name: self._part(path, name, text)
            for name, text in file.metadata.items()
            if name not in (FORMAT, DIGEST)
        }
        missing = self.versions.keys() - self.optional - parts.keys()
        if missing:
            raise FileError(path, f"it has no part {min(missing)!r}")
        by_part: dict[str, dict[str, Array]] = {name: {} for name in parts}
        for key, array in arrays.items():
            name, _, inner = key.partition("/")
            if name not in parts:
                raise FileError(path, f"its array {short(key)} belongs to no part")
            by_part[name][inner] = array
        return {name: Part(part.data, by_part[name], part.version) for name, part in parts.items()}

    def _part(self, path: Path, name: str, text: str) -> Part:
        """A part without its arrays."""
        if name not in self.versions:
            raise FileError(path, f"its part {short(name)} is not known here", NEWER)
        try:
            told = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise FileError(path, f"its part {name!r} is no JSON") from None
        if not isinstance(told, dict) or told.keys() != {"version", "data"}:
            raise FileError(path, f"its part {name!r} needs version and data")
        version, newest = told["version"], self.versions[name]
        if type(version) is not int or version < 1:
            raise FileError(path, f"its part {name!r} is of no version")
        if version > newest:
            reason = f"its part {name!r} is of version {short(version)}; version {newest} is read here"
            raise FileError(path, reason, NEWER)
        return Part(told["data"], {}, version)


def _refuse(constant: str) -> None:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)
