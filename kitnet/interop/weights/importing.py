"""Weights of other libraries in networks of the zoo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kitnet.base.error import KitnetError, cut, nearest, shorten
from kitnet.base.spec import Array
from kitnet.files import opened
from kitnet.interop.weights.dialects import TORCH, Dialect, with_classes, with_layers
from kitnet.interop.weights.matching import Match, fill, match
from kitnet.interop.weights.torch_file import Found, read_torch
from kitnet.net import Net
from kitnet.zoo import find

# what training in PyTorch writes before every name: of several processors, compiled, of a wrapping module
PREFIXES = ("module.", "_orig_mod.", "model.")
OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")  # torchvision's first DenseNets


@dataclass(frozen=True)
class Imported:
    """A network with weights of others, and what was matched."""

    net: Net
    match: Match


def import_torch(
    path: str | Path, model: str, classes: int | None = None, partial: bool = False
) -> Imported:
    """A network of the zoo with the weights of a PyTorch state_dict: a .safetensors, .pth or .pt file.

    With `classes` the last layer, and those of auxiliary heads, have as many units. Raises KitnetError where
    the network is not known to a library, or arrays are missing or have another shape; with `partial` those
    stay as they are drawn.
    """
    path = Path(path)
    found = read_arrays(path)
    arrays, told = named(found.arrays)
    net = find(model).build()
    if model not in TORCH:
        raise KitnetError(
            f"{model}: no names of PyTorch's libraries are known for it{nearest(model, TORCH)}; "
            f"known: {', '.join(TORCH)}"
        )
    net = net if classes is None else with_classes(net, classes)
    dialect = most_names(TORCH[model], net, arrays)
    net = with_layers(net, dialect.layers(net.graph))
    matched = match(dialect.slots(net.graph), arrays, dialect.library, (*found.told, *told))
    if not matched.matched and not matched.others:
        raise KitnetError(
            f"{path}: none of its names, such as {cut(', '.join([*arrays][:3]))}, is one of {model} in "
            f"{' or '.join(each.library for each in TORCH[model])}"
        )
    try:
        return Imported(fill(net, matched, arrays, partial), matched)
    except KitnetError as error:
        raise KitnetError(f"{path}: {error}") from None


def read_arrays(path: Path) -> Found:
    """Arrays by name of a .safetensors, .pth or .pt file, whatever it is called. Raises KitnetError."""
    try:
        with path.open("rb") as file:
            begin = file.read(9)
    except OSError as error:
        raise KitnetError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    if begin[8:] == b"{":
        with opened(path) as tensors:
            return Found(tensors.read())
    return read_torch(path)


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
