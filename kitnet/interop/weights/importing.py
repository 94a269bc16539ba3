"""Weights of other libraries in networks of the zoo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kitnet.base.error import FileError, KitnetError, cut, shorten
from kitnet.base.spec import Array
from kitnet.files import opened
from kitnet.files.keras_file import HDF5, is_keras
from kitnet.interop.weights.convnetjs import read_convnetjs
from kitnet.interop.weights.dialects import Dialect, dialects_of, of_classes, with_layers
from kitnet.interop.weights.keras_import import import_keras
from kitnet.interop.weights.matching import Match, fill, match, without_heads
from kitnet.interop.weights.slots import Slot
from kitnet.interop.weights.torch_file import Found, read_torch
from kitnet.net import Net, parse
from kitnet.zoo import find

# what training in PyTorch writes before every name: of several processors, compiled, of a wrapping module
PREFIXES = ("module.", "_orig_mod.", "model.")
OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")  # torchvision's first DenseNets


@dataclass(frozen=True)
class Imported:
    """A network with weights of others, what was matched, and the loss of which a file tells."""

    net: Net
    match: Match
    loss: str | None = None


def import_weights(
    path: str | Path, model: str | None = None, classes: int | None = None, partial: bool = False
) -> Imported:
    """A network of the zoo, or of a line, with the weights of a file: a PyTorch state_dict (.safetensors,
    .pth, .pt), or Keras' (.weights.h5, .h5, .keras); or a network of ConvNetJS (.json).

    PyTorch's arrays for a line are called by kitnet's own paths, `conv1.weight`; Keras' come in order.
    With `classes` the last layer, and those of auxiliary heads, have as many units. Raises KitnetError where
    a name is not known, or arrays are missing or have another shape; with `partial` those stay as they are
    drawn.
    """
    path = Path(path)
    begin = _beginning(path)
    try:
        if begin.lstrip().startswith(b"{"):
            if model is not None or classes is not None:
                raise KitnetError("ConvNetJS' files have a network; leave out --model and --classes")
            net, loss, told = read_convnetjs(path)
            slots = tuple(Slot.alike(name, name, array.shape) for name, array in net.weights.items())
            return Imported(net, Match("ConvNetJS", slots, told=told), loss)
        if begin.startswith(HDF5) or (begin.startswith(b"PK") and is_keras(path)):
            net = network_of(_needed(model), classes)
            return Imported(*import_keras(path, _needed(model), net, partial))
        return _of_torch(path, begin, _needed(model), classes, partial)
    except FileError as error:
        raise KitnetError(f"{path}: {error.reason}; {error.remedy or 'take a fresh copy'}") from None
    except KitnetError as error:
        raise KitnetError(f"{path}: {error}") from None


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise KitnetError(f"{path}: cannot be read ({error.strerror}); check the file") from None


def _needed(model: str | None) -> str:
    if model is None:
        raise KitnetError("it has arrays without a network; say which one with --model, such as resnet50")
    return model


def _of_torch(path: Path, begin: bytes, model: str, classes: int | None, partial: bool) -> Imported:
    if begin[8:9] == b"{":
        with opened(path) as tensors:
            found = Found(tensors.read())
    else:
        found = read_torch(path)
    arrays, told = named(found.arrays)
    net = network_of(model, classes)
    dialects = dialects_of(model)
    dialect = most_names(dialects, net, arrays)
    net = with_layers(net, dialect.layers(net.graph))
    net, said = without_heads(net, [slot.node for slot in dialect.slots(net.graph) if slot.name in arrays])
    told += tuple(said)
    matched = match(dialect.slots(net.graph), arrays, dialect.library, (*found.told, *told))
    if not matched.matched and not matched.others:
        raise KitnetError(
            f"none of its names, such as {cut(', '.join([*arrays][:3]))}, is one of {shorten(model)} "
            f"in {' or '.join(each.library for each in dialects)}"
        )
    return Imported(fill(net, matched, arrays, partial), matched)


def network_of(model: str, classes: int | None) -> Net:
    """The network of a name or a line, with so many classes. Raises KitnetError."""
    net = parse(model) if "->" in model else find(model).build()
    return net if classes is None else of_classes(net, classes)


def named(arrays: Mapping[str, Array]) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The arrays by the names that a library gives them, without what all have before it; and what was
    done."""
    found, told = dict(arrays), list[str]()
    for prefix in PREFIXES:
        if found and all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): array for name, array in found.items()}
            told.append(f"every name begins with {shorten(prefix)}, which was left out")
    if any(OLD_DENSE.search(name) for name in found):
        found = {OLD_DENSE.sub(r"\1\2.", name): array for name, array in found.items()}
        told.append("names such as denselayer1.norm.1 were read as denselayer1.norm1")
    return found, tuple(told)


def most_names(dialects: tuple[Dialect, ...], net: Net, arrays: Mapping[str, Array]) -> Dialect:
    """The library of whose names the file has most; where two are equal the first."""
    return max(dialects, key=lambda each: sum(slot.name in arrays for slot in each.slots(net.graph)))
