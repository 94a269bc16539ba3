"""The layers of a Keras file: `.weights.h5` and `.keras` of Keras 3, `.h5` of every version.

In a file of Keras 3 a layer is a group below `layers`, whose `vars` holds its arrays as 0, 1, ...; the key of
the group is its class with a number, in the order of the model, its `name` an attribute. In an older one the
attributes `layer_names` and `weight_names` have the order. Arrays are read by h5py, each as it lies: no link,
no part in another file, nothing compressed.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.spec import Array
from kitnet.files.archive import check_archive

INSIDE = "model.weights.h5"  # of a .keras archive
DEEPEST, MOST_GROUPS = 12, 1 << 16
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class KerasLayer:
    """A layer with arrays: its name, and its arrays by Keras' names."""

    name: str
    arrays: dict[str, Array]

    @property
    def kind(self) -> str:
        """`norm`, `dense` or `conv`, which a depthwise one is as well."""
        if "moving_mean" in self.arrays:
            return "norm"
        return "dense" if self.arrays["kernel"].ndim == 2 else "conv"


def is_keras(path: Path) -> bool:
    """Whether a zip archive is one of Keras'."""
    try:
        with zipfile.ZipFile(path) as archive:
            return INSIDE in archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return False


def read_here(path: Path) -> list[KerasLayer]:
    """The layers that have arrays, those of one kind in the order of the model. Raises KitnetError.

    HDF5's own library can crash on a damaged file: `read_keras` does this in a process of its own."""
    import h5py

    try:
        source: Any = path
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                check_archive(path, archive)
                source = io.BytesIO(archive.read(INSIDE))
        with h5py.File(source, "r") as file:
            root = _inside(file, "model_weights") if "model_weights" in [*file] else file
            return list(_older(root) if "layer_names" in root.attrs else _layers(root))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, AttributeError):
        raise DataError("no whole file of Keras' weights; take a fresh copy") from None
    except (zipfile.BadZipFile, NotImplementedError, EOFError, MemoryError, RecursionError):
        raise DataError("the file is damaged; take a fresh copy") from None


def _layers(file: Any) -> Iterator[KerasLayer]:
    """Of a file of Keras 3."""
    left: list[tuple[str, Any, int]] = [("", file, 0)]
    for _ in range(MOST_GROUPS):
        if not left:
            return
        key, group, depth = left.pop()
        if depth > DEEPEST:
            raise DataError("groups lie in each other without end; take a fresh copy")
        inner = [
            name for name in sorted(group, key=_natural, reverse=True) if name not in ("vars", "optimizer")
        ]
        left += [(name, _inside(group, name), depth + 1) for name in inner if _is_group(group, name)]
        if "vars" in group and len(held := _inside(group, "vars")):
            arrays = [_array(held, name) for name in sorted(held, key=_natural)]
            yield KerasLayer(str(held.attrs.get("name", key)), _by_names(arrays))
    raise DataError("the file has too many groups; take a fresh copy")


def _older(file: Any) -> Iterator[KerasLayer]:
    for name in _texts(file.attrs["layer_names"]):
        group = _inside(file, name)
        names = _texts(group.attrs["weight_names"])
        if names:
            last = (re.sub(r":\d+$", "", each.rpartition("/")[2]) for each in names)
            words = [word.replace("depthwise_kernel", "kernel") for word in last]
            arrays = dict(zip(words, (_array(group, each) for each in names), strict=True))
            if "kernel" in arrays or "moving_mean" in arrays:
                yield KerasLayer(name, arrays)


def _texts(found: Any) -> list[str]:
    return [each.decode() if isinstance(each, bytes) else str(each) for each in np.atleast_1d(found).tolist()]


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """conv2d_9 before conv2d_10."""
    return tuple((0, int(each)) if each.isdecimal() else (1, each) for each in re.split(r"(\d+)", name))


def _is_group(group: Any, name: str) -> bool:
    return bool(hasattr(_inside(group, name), "keys"))


def _inside(group: Any, name: str) -> Any:
    """What a name of a group stands for, which is no link to elsewhere."""
    import h5py

    for part in name.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise DataError(f"{shorten(part)} is a link; only what lies in the file is read")
        group = group[part]
    return group


def _array(group: Any, name: str) -> Array:
    found = _inside(group, name)
    if found.external or found.is_virtual or found.id.get_storage_size() != found.nbytes:
        raise DataError(
            f"the numbers of {shorten(found.name)} do not lie as they are in the file; save it again"
        )
    if found.dtype.kind not in "fiu":
        raise DataError(f"{shorten(found.name)} has no numbers; give a file of weights")
    array: Array = found[()]
    return array


def _by_names(arrays: list[Array]) -> dict[str, Array]:
    """Keras 3 numbers the arrays of a layer; how many there are and their axes tell what they are."""
    rows = all(array.ndim == 1 for array in arrays)
    if rows and len(arrays) in (3, 4):
        return dict(zip(NORM[-len(arrays) :], arrays, strict=True))
    return dict(zip(("kernel", "bias"), arrays, strict=False)) if len(arrays) < 3 else {"kernel": arrays[0]}
