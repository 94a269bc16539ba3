"""Files of weights as PyTorch and Keras write them, made here with the standard library and h5py alone."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.net import Net, parse

LINE = "6x6x2 -> conv3-4 same -> batchnorm -> relu -> conv3-4 groups=4 same -> maxpool2 -> fc5 -> relu -> fc3"
MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    """Called torch.FloatStorage in the file."""


class LongStorage:
    pass


def _rebuild_tensor_v2() -> None:
    pass


FloatStorage.__module__ = LongStorage.__module__ = "torch"
FloatStorage.__qualname__ = "FloatStorage"


class Tensor:
    """What PyTorch pickles for a tensor; `key` names its storage."""

    def __init__(self, array: Any, key: str, offset: int = 0, strides: tuple[int, ...] | None = None) -> None:
        self.array, self.key, self.offset = array, key, offset
        self.strides = strides or tuple(step // array.itemsize for step in array.strides)

    def storage(self) -> tuple[Any, ...]:
        kind = "LongStorage" if self.array.dtype == np.int64 else "FloatStorage"
        return ("storage", Global("torch", kind), self.key, "cpu", self.array.size)


class Global:
    """A name of a module that is not there."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]  # the one in Python, which can be extended
    """Writes globals by their names, and storages as what lies outside."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]
    legacy = False

    def save_global_name(self, of: Global) -> None:
        self.write(f"c{of.module}\n{of.name}\n".encode())

    def save_tensor(self, of: Tensor) -> None:
        self.save_global_name(Global("torch._utils", "_rebuild_tensor_v2"))
        self.write(b"(")
        self.save(of.storage() + ((None,) if self.legacy else ()))
        self.write(b"Q")
        for each in (of.offset, of.array.shape, of.strides, False, OrderedDict()):
            self.save(each)
        self.write(b"tR")

    dispatch[Global] = save_global_name
    dispatch[Tensor] = save_tensor


def pickled(value: Any, legacy: bool = False) -> bytes:
    content = io.BytesIO()
    pickler = Pickler(content, 2)
    pickler.legacy = legacy
    pickler.dump(value)
    return content.getvalue()


def tensors(arrays: dict[str, Any]) -> OrderedDict[str, Any]:
    """A state_dict, whose arrays have storages 0, 1, 2, ..."""
    return OrderedDict((name, Tensor(array, str(i))) for i, (name, array) in enumerate(arrays.items()))


def write_zip(path: Path, state: Any, rows: list[Any], pickle_of: bytes | None = None) -> Path:
    """As `torch.save` writes today: the state, and the numbers of its storages."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(state) if pickle_of is None else pickle_of)
        archive.writestr("archive/byteorder", b"little")
        for i, row in enumerate(rows):
            archive.writestr(f"archive/data/{i}", np.ascontiguousarray(row).tobytes())
        archive.writestr("archive/version", b"3\n")
    return path


def write_row(path: Path, state: Any, rows: list[Any]) -> Path:
    """As `torch.save` wrote up to PyTorch 1.5."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [pickled(each, legacy=True) for each in (MAGIC, 1001, machine, state)]
    parts.append(pickled([str(i) for i in range(len(rows))]))
    for row in rows:
        parts += [struct.pack("<q", np.size(row)), np.ascontiguousarray(row).tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def drawn(line: str = LINE, seed: int = 5) -> Net:
    """A network with other numbers than it begins with, in every array."""
    net, draw = parse(line).initialise(seed), np.random.default_rng(seed)
    for path, array in net.weights.items():
        if not path.endswith("weight"):
            array[...] = draw.uniform(0.5, 1.5, array.shape)
    for held in net.state.values():
        for array in held.values():
            array[...] = draw.uniform(0.5, 1.5, array.shape)
    return net


def same(one: Net, other: Net) -> bool:
    """Whether two networks hold the same arrays, bit for bit."""
    weights = all(np.array_equal(one.weights[path], other.weights[path]) for path in one.weights)
    state = all(
        np.array_equal(array, other.state[path][name])
        for path, held in one.state.items()
        for name, array in held.items()
    )
    return weights and state and one.weights.keys() == other.weights.keys()
