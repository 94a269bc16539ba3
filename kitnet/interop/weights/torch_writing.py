"""A network as PyTorch's state_dict: by the names of the library that has it, or by kitnet's own paths."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.files import write_tensors, writing
from kitnet.interop.weights.dialects import OWN, TORCH, Dialect
from kitnet.interop.weights.matching import BATCHES
from kitnet.layers import BatchNorm, Convolution, Layer, Linear, MeanPool
from kitnet.net import Graph, Net
from kitnet.zoo import find

STORAGES = {"f4": "FloatStorage", "i8": "LongStorage"}
MOMENT = (1980, 1, 1, 0, 0, 0)  # of a member, so that equal networks are equal bytes


@dataclass(frozen=True)
class StateDict:
    """Arrays by PyTorch's names, and which network of which library they are for; kitnet's own paths have
    none."""

    arrays: Mapping[str, Array]
    model: str
    library: str


def state_dict(net: Net) -> StateDict:
    """The arrays of a network. Raises KitnetError for layers that PyTorch's have not."""
    model, dialect = known(net)
    arrays: dict[str, Array] = {}
    for slot in dialect.slots(net.graph):
        node, _, name = slot.path.rpartition(".")
        own = net.weights[slot.path] if slot.path in net.weights else net.state[node][name]
        arrays[slot.name] = np.ascontiguousarray(slot.back(own), np.float32)
        if name == "var":
            arrays[f"{slot.name.removesuffix('running_var')}{BATCHES}"] = np.zeros((), np.int64)
    return StateDict(arrays, model, dialect.library)


def known(net: Net) -> tuple[str, Dialect]:
    """The network of the zoo that this one is, but for its size and its classes, and the first library that
    has it, computing the same."""
    paths = [node.path for node in net.graph.nodes]
    for model, dialects in TORCH.items():
        graph = find(model).build().graph
        if [node.path for node in graph.nodes] != paths:
            continue
        for dialect in dialects:
            if _layers(net.graph) == _layers(graph, dialect.layers(graph)):
                return model, dialect
    return "", OWN


def _layers(graph: Graph, others: Mapping[str, Layer] | None = None) -> list[Layer | None]:
    """The layers, some of them others, as far as they decide what a library's network computes: without
    the number of classes, the share that running statistics keep, and what depends on the size."""
    found: list[Layer | None] = []
    outputs = {*graph.outputs.values()}
    for i, node in enumerate(graph.nodes):
        layer: Any = (others or {}).get(node.path, node.layer)
        if isinstance(layer, BatchNorm):
            layer = BatchNorm(eps=layer.eps)
        elif isinstance(layer, Linear) and i in outputs:
            layer = replace(layer, units=1)
        elif isinstance(layer, Linear | Convolution):
            layer = replace(layer, init="he")
        elif isinstance(layer, MeanPool) and math.prod(node.shape[:-1]) == 1:
            layer = MeanPool(regions=1)
        found.append(layer)
    return found


def write_torch(path: Path, found: StateDict) -> None:
    """Write a .safetensors file, or one that `torch.load` reads, with `weights_only=True` too, where the name
    ends in .pth or .pt. Raises RunError, and KitnetError for another name."""
    if path.suffix == ".safetensors":
        write_tensors(path, found.arrays, {"format": "pt"})
    elif path.suffix in (".pth", ".pt"):
        _write_zip(path, found.arrays)
    else:
        raise KitnetError(f"{path}: give a name that ends in .safetensors, .pth or .pt")


def _write_zip(path: Path, arrays: Mapping[str, Array]) -> None:
    with writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def member(name: str, content: Any) -> None:
            archive.writestr(zipfile.ZipInfo(f"archive/{name}", MOMENT), content)

        member("data.pkl", _pickle(arrays))
        member("byteorder", b"little")
        for i, array in enumerate(arrays.values()):
            member(f"data/{i}", array.astype(array.dtype.newbyteorder("<")).tobytes())
        member("version", b"3\n")


def _pickle(arrays: Mapping[str, Array]) -> bytes:
    """A pickle of protocol 2: an OrderedDict of tensors, whose numbers lie in members 0, 1, 2, ..."""
    ordered = b"ccollections\nOrderedDict\n)R"
    written = [b"\x80\x02", ordered, b"("]
    for i, (name, array) in enumerate(arrays.items()):
        kind = STORAGES[array.dtype.str[1:]]
        strides = [step // array.itemsize for step in array.strides]
        storage = f"ctorch\n{kind}\n".encode() + _text(str(i)) + _text("cpu") + _whole(array.size)
        written += [_text(name), b"ctorch._utils\n_rebuild_tensor_v2\n(("]
        written += [_text("storage"), storage, b"tQ", _whole(0), _row(array.shape), _row(strides)]
        written += [b"\x89", ordered, b"tR"]
    return b"".join([*written, b"u."])


def _text(text: str) -> bytes:
    content = text.encode()
    return b"X" + len(content).to_bytes(4, "little") + content


def _whole(number: int) -> bytes:
    if number < 1 << 31:
        return b"J" + number.to_bytes(4, "little")
    return b"\x8a\x08" + number.to_bytes(8, "little")


def _row(numbers: Any) -> bytes:
    return b"(" + b"".join(map(_whole, numbers)) + b"t"
