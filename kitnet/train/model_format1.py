"""Model files of format 1, which are read and no longer written.

Arrays were called by their paths alone (`conv1.weight`, `batchnorm1.mean`, `golden/images`), the network was
its line, and `sha256` was over the metadata as JSON and every array by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from kitnet.base.error import FileError, KitnetError
from kitnet.base.spec import Array
from kitnet.files import TensorFile
from kitnet.net import Net
from kitnet.train.network_parts import network_of_line

FORMAT = "kitnet model 1"
GOLDEN = "golden/"


def read(file: TensorFile) -> tuple[Net, dict[str, Any], dict[str, dict[str, Array]]]:
    """The network, and data and arrays by the names of today's parts. Raises KitnetError."""
    metadata = dict(file.metadata)
    arrays = file.read()
    if metadata.pop("sha256", "") != digest(arrays, metadata):
        raise FileError(file.path, "not as it was written (wrong checksum)")
    try:
        data = {name: json.loads(metadata[name]) for name in ("classes", "preparation")}
        net, data["loss"] = network_of_line(metadata["network"]), metadata["loss"]
    except KeyError as error:
        raise KitnetError(f"no {error}") from None
    except (ValueError, RecursionError):
        raise KitnetError("its metadata are no JSON") from None
    parts: dict[str, dict[str, Array]] = {"weights": {}, "state": {}, "golden": {}}
    learned = net.graph.params()
    for name, array in arrays.items():
        part = "golden" if name.startswith(GOLDEN) else "weights" if name in learned else "state"
        parts[part][name.removeprefix(GOLDEN)] = array
    return net, data, parts


def digest(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """SHA-256 over the metadata and every array by name."""
    found = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode(errors="replace"))
        found.update(arrays[name].data)
    return found.hexdigest()
