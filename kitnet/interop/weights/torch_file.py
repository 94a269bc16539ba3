"""Arrays by name out of a file that `torch.save` wrote, without PyTorch.

A file of today is a zip archive: `NAME/data.pkl` is a pickle of the state, `NAME/data/KEY` the numbers of one
storage, `NAME/byteorder` says which byte is first. Up to PyTorch 1.5 it was a row of five pickles (a magic
number, a version, the machine, the state, the keys of storages in order), then for each key the count of its
numbers, eight bytes, and the numbers. Both are read by the interpreter of `kitnet/data/unpickling.py`, which
makes arrays and nothing else.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.data.pickled import CALLS, array_of
from kitnet.data.unpickling import DAMAGED, Dialect, Made, Name, interpret
from kitnet.files.archive import check_archive

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older form
MOST_AXES = 8
TYPES = {
    **{"Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": "u2", "Bool": "b1"},
    **{"Byte": "u1", "Char": "i1", "Short": "i2", "Int": "i4", "Long": "i8"},
}
# where a training script puts the weights, beside its optimiser and its epoch
INSIDE = ("state_dict", "model_state_dict", "model", "net", "network", "state_dict_ema")
STRUCK = "take a fresh copy, or save the model's state_dict() again"


class Ordered(dict[Any, Any], Made):
    """A dictionary in order; the versions of modules, which PyTorch says besides, are passed over."""

    def set_state(self, state: Any) -> None:
        pass


@dataclass(frozen=True)
class Storage:
    """A row of numbers outside of the pickle."""

    kind: str  # Float
    key: str
    count: int


@dataclass(frozen=True)
class Stored:
    """An array: the numbers of a storage from `offset` on, whose neighbours along each axis are so far
    apart."""

    storage: Storage
    offset: int
    shape: Shape
    strides: Shape

    def array(self, row: Array) -> Array:
        """The array, of the numbers of its storage. Raises DataError."""
        if math.prod(self.shape) > self.storage.count or self.last >= len(row):
            raise DataError("an array reaches beyond its storage; take a fresh copy")
        steps = tuple(step * row.itemsize for step in self.strides)
        found = np.lib.stride_tricks.as_strided(row[self.offset :], self.shape, steps, writeable=False)
        if self.storage.kind == "BFloat16":
            return (found.astype(np.uint32) << 16).view(np.float32)
        return found

    @property
    def last(self) -> int:
        """The place of its last number in the storage, -1 where it has none."""
        if 0 in self.shape:
            return -1
        return self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))


def _storage(told: Any) -> Storage:
    word, kind, key, _, count, *view = told
    name = str(kind).removeprefix("torch.").removesuffix("Storage")
    if word != "storage" or not isinstance(kind, Name) or not _counts((count,)) or any(view):
        raise TypeError
    if name not in TYPES:
        raise DataError(f"the pickle has numbers of {shorten(str(kind))}, which are not read; {STRUCK}")
    return Storage(name, key.decode() if isinstance(key, bytes) else str(key), count)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *ignored: Any) -> Stored:
    if not isinstance(storage, Storage) or not _counts((offset, *shape, *strides)):
        raise TypeError
    if len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise ValueError
    return Stored(storage, offset, tuple(shape), tuple(strides))


def _counts(numbers: tuple[Any, ...]) -> bool:
    return all(type(n) is int and 0 <= n < 1 << 48 for n in numbers)


def _ordered() -> Ordered:
    return Ordered()


TORCH = Dialect(
    {
        **CALLS,
        "collections.OrderedDict": _ordered,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *ignored: tensor,
        "torch.Size": tuple,
    },
    "arrays of numbers",
    _storage,
)


@dataclass(frozen=True)
class Found:
    """Arrays by name, and what a reader of the file should know besides."""

    arrays: Mapping[str, Array]
    told: tuple[str, ...] = ()


def read_torch(path: Path) -> Found:
    """The state that a .pth or .pt file holds. Raises DataError; memory is needed for the file once more."""
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    with _damage():
        state, rows = _zipped(path) if zipped else _in_a_row(path.read_bytes())
        named, told = _state(state)
        arrays = {}
        for name, value in named.items():
            if isinstance(value, Stored):
                arrays[name] = value.array(rows(value.storage))
            elif isinstance(array_of(value), np.ndarray):
                arrays[name] = array_of(value)
        return Found(arrays, told)


Rows = Callable[[Storage], Array]


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        calls = "; save the model's state_dict(), not the model" if "the pickle calls" in str(error) else ""
        raise DataError(f"{error}{calls}") from None
    except (*DAMAGED, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise DataError("the file is damaged; take a fresh copy") from None


def _zipped(path: Path) -> tuple[Any, Rows]:
    with zipfile.ZipFile(path) as archive:
        check_archive(path, archive)
        names = {*archive.namelist()}
        roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise DataError("an archive without a data.pkl; give what torch.save wrote")
        root = roots[0]
        order = archive.read(f"{root}byteorder") if f"{root}byteorder" in names else b"little"
        state, _ = interpret(archive.read(f"{root}data.pkl"), TORCH)
        held = {
            name: archive.read(name) for name in sorted(names) if name.startswith(f"{root}data/")
        }  # which checks the sums of their bits

    def row(storage: Storage) -> Array:
        name = f"{root}data/{storage.key}"
        if name not in held:
            raise DataError(f"the numbers of {shorten(name)} are missing; take a fresh copy")
        kind = np.dtype(TYPES[storage.kind]).newbyteorder(">" if order == b"big" else "<")
        if len(held[name]) != storage.count * kind.itemsize:
            raise DataError(f"{shorten(name)} has not as many bytes as it should; take a fresh copy")
        return np.frombuffer(held[name], kind)

    return state, row


def _in_a_row(content: bytes) -> tuple[Any, Rows]:
    """Of the form up to PyTorch 1.5."""
    if content[:1] != b"\x80":
        raise DataError("no file of torch.save, or one of before 2017, which is not read; save it again")
    magic, at = interpret(content, TORCH)
    if magic != MAGIC:
        raise DataError("a pickle, but not one of torch.save; give a file that torch.save wrote")
    _, at = interpret(content, TORCH, at)
    machine, at = interpret(content, TORCH, at)
    state, at = interpret(content, TORCH, at)
    keys, at = interpret(content, TORCH, at)
    if machine["little_endian"] is not True:
        raise DataError("it was written by a machine with the largest byte first; save it on another one")
    places = dict[str, tuple[int, int]]()  # where a storage begins and how many numbers it has
    sizes = {stored.storage.key: stored.storage for stored in _all_stored(state)}
    for each in keys:
        key = each.decode() if isinstance(each, bytes) else str(each)
        count = int.from_bytes(content[at : at + 8], "little")
        if key not in sizes:
            raise DataError(f"an array's numbers, {shorten(key)}, have no type; take a fresh copy")
        places[key] = (at + 8, count)
        at += 8 + count * np.dtype(TYPES[sizes[key].kind]).itemsize
    if at > len(content):
        raise DataError("truncated; take a fresh copy")

    def row(storage: Storage) -> Array:
        begin, count = places[storage.key]
        if count != storage.count:
            raise DataError(f"{shorten(storage.key)} has not as many numbers as it should; take a fresh copy")
        return np.frombuffer(content, np.dtype(TYPES[storage.kind]).newbyteorder("<"), count, begin)

    return state, row


def _all_stored(state: Any) -> Iterator[Stored]:
    """Every array of a state, however deep it lies."""
    left, seen = [state], set[int]()
    while left:
        value = left.pop()
        if isinstance(value, Stored):
            yield value
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            left += value.values() if isinstance(value, dict) else value


def _state(value: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The dictionary of arrays: the value itself, or where training scripts put it."""
    if not isinstance(value, dict):
        raise DataError("it holds no dictionary of arrays; save the model's state_dict()")
    texts = {key: one for key, one in value.items() if isinstance(key, str)}
    if any(isinstance(one, Stored) for one in texts.values()):
        return texts, ()
    for name in INSIDE:
        inside = texts.get(name)
        if isinstance(inside, dict) and any(isinstance(one, Stored) for one in inside.values()):
            others = ", ".join(shorten(key) for key in texts if key != name)
            besides = f"; passed over: {others}" if others else ""
            told = f"the arrays are those under {name!r}{besides}"
            return {key: one for key, one in inside.items() if isinstance(key, str)}, (told,)
    raise DataError("it holds no arrays by name; save the model's state_dict()")
