"""A network of ConvNetJS with its weights, as `JSON.stringify(net.toJSON())` writes it.

`layers` is a list; each has a `layer_type`, its sizes, and, where it learns, `filters` and `biases`: volumes
of `sx` columns, `sy` rows and `depth` maps, whose numbers `w` have the map innermost, as kitnet has them. A
typed array is written as an object, {"0": 1.5, "1": ...}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import DataError, KitnetError, ShapeError, shorten
from kitnet.base.spec import Array
from kitnet.layers import (
    Convolution,
    Dropout,
    Layer,
    Linear,
    LocalResponseNorm,
    Maxout,
    MaxPool,
    Relu,
    Scale,
    Sigmoid,
    Tanh,
)
from kitnet.net import Net

MOST_BYTES = 1 << 28  # of a file
MOST_LAYERS = 1000
LARGEST = 1 << 16  # of a size or a number of filters
# the loss is in the last layer: what stands there, and what kitnet calls it
LOSSES = {"softmax": "softmax_cross_entropy", "svm": "multiclass_hinge", "regression": "quadratic"}


def read_convnetjs(path: Path) -> tuple[Net, str | None, tuple[str, ...]]:
    """The network, its loss, and what a reader should know. Raises KitnetError."""
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"larger than {MOST_BYTES >> 20} MiB, which no network of ConvNetJS is")
    try:
        told = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise DataError("no JSON that can be read; take a fresh copy") from None
    entries = told.get("layers") if isinstance(told, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise DataError("no network of ConvNetJS; give what JSON.stringify(net.toJSON()) writes")
    if not 2 <= len(entries) <= MOST_LAYERS or entries[0].get("layer_type") != "input":
        raise DataError(f"expected an input and up to {MOST_LAYERS} layers behind it")
    volume = tuple(_whole(entries[0], name) for name in ("out_sy", "out_sx", "out_depth"))
    loss: str | None = None
    layers, arrays, said = list[Layer](), list[tuple[Array, Array]](), list[str]()
    for number, entry in enumerate(entries[1:], 1):
        try:
            kind = entry.get("layer_type")
            if kind in LOSSES and number == len(entries) - 1:
                loss = LOSSES[kind]
                said.append(f"its last layer {kind} is the loss {loss} here")
            elif kind not in READ:
                raise DataError(f"{shorten(kind)} is not read; known: {', '.join((*READ, *LOSSES))}")
            else:
                layers += READ[kind](entry)
                if kind in ("conv", "fc"):
                    arrays.append((_filters(entry), _numbers(entry.get("biases"))))
                if kind == "dropout":
                    said.append(f"layer {number}: as ConvNetJS does, scores multiply by its drop_prob")
        except KitnetError as error:
            raise DataError(f"layer {number}: {error}") from None
    return _network(volume, layers, arrays), loss, tuple(said)


def _network(volume: tuple[int, ...], layers: list[Layer], arrays: list[tuple[Array, Array]]) -> Net:
    """Raises KitnetError where weights are not as many as layers need."""
    net = Net.of(volume, *layers)
    left, weights = iter(arrays), {}
    for path, param in net.graph.params().items():
        if path.endswith(".weight"):
            filters, biases = next(left)
        found = filters.T if path.endswith(".weight") else biases
        if found.size != param.size:
            raise DataError(f"{path} has {found.size} numbers, expected {param.size}; take a fresh copy")
        weights[path] = found.reshape(param.shape)
    return net.adopt(weights, {})


def _filters(entry: Mapping[str, Any]) -> Array:
    """(filters, numbers of each)."""
    filters = entry.get("filters")
    if not isinstance(filters, list) or len(filters) != _whole(entry, "out_depth"):
        raise DataError("it has not as many filters as maps; take a fresh copy")
    rows = [_numbers(each) for each in filters]
    if len({len(row) for row in rows}) != 1:
        raise DataError("its filters have different sizes; take a fresh copy")
    return np.stack(rows)


def _numbers(volume: object) -> Array:
    """The numbers of a volume, float32."""
    w = volume.get("w") if isinstance(volume, dict) else None
    if isinstance(w, dict):
        w = [w.get(str(i)) for i in range(len(w))]
    if not isinstance(w, list) or not all(type(each) in (int, float) for each in w):
        raise DataError("a volume has no row of numbers w; take a fresh copy")
    try:
        with np.errstate(over="ignore"):
            found = np.array(w, np.float64).astype(np.float32)
    except OverflowError:
        found = np.array([math.inf])
    if not np.isfinite(found).all():
        raise DataError("a weight is no finite number of 32 bits; take a fresh copy")
    return found


def _whole(entry: Mapping[str, Any], name: str, least: int = 1) -> int:
    value = entry.get(name)
    if type(value) is not int or not least <= value <= LARGEST:
        raise DataError(f"its {name} is {shorten(value)}, expected {least} to {LARGEST}")
    return value


def _number(entry: Mapping[str, Any], name: str) -> float:
    value = entry.get(name)
    if type(value) not in (int, float) or not -1e6 < value < 1e6:  # type: ignore[operator]  # a number by now
        raise DataError(f"its {name} is {shorten(value)}, expected a number")
    return float(value)  # type: ignore[arg-type]


def _window(entry: Mapping[str, Any]) -> tuple[int, int]:
    return _whole(entry, "sy"), _whole(entry, "sx")


def _conv(entry: Mapping[str, Any]) -> list[Layer]:
    filters, stride, pad = _whole(entry, "out_depth"), _whole(entry, "stride"), _whole(entry, "pad", 0)
    return [Convolution(_window(entry), filters, stride, pad, on_misfit="floor")]


def _pool(entry: Mapping[str, Any]) -> list[Layer]:
    stride, pad = _whole(entry, "stride"), _whole(entry, "pad", 0)
    return [MaxPool(_window(entry), stride, pad, on_misfit="floor")]


def _lrn(entry: Mapping[str, Any]) -> list[Layer]:
    size = _whole(entry, "n")
    if size % 2 == 0:
        raise ShapeError(f"a response norm over {size} maps has no middle")
    share = _number(entry, "alpha") / size
    return [LocalResponseNorm(size, alpha=share, beta=_number(entry, "beta"), k=_number(entry, "k"))]


def _dropout(entry: Mapping[str, Any]) -> list[Layer]:
    share = _number(entry, "drop_prob")
    return [Dropout(share), Scale(share)]


READ: dict[str, Callable[[Mapping[str, Any]], list[Layer]]] = {
    "conv": _conv,
    "pool": _pool,
    "fc": lambda entry: [Linear(_whole(entry, "out_depth"))],
    "relu": lambda entry: [Relu()],
    "sigmoid": lambda entry: [Sigmoid()],
    "tanh": lambda entry: [Tanh()],
    "maxout": lambda entry: [Maxout(_whole(entry, "group_size"))],
    "dropout": _dropout,
    "lrn": _lrn,
}
