"""The model file: a network with its loss, its classes and its preparation, and golden images with the scores
that they gave when it was written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import FileError, KitnetError, ModelFileError
from kitnet.base.importing import HANDED_DOWN
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.arrays import Prepared, Standardisation, preparation_of
from kitnet.data.check import check_images
from kitnet.data.views import Views
from kitnet.files import Format, Part, opened
from kitnet.files.parts import FORMAT
from kitnet.layers import Loss
from kitnet.net import Net
from kitnet.net.memory import TooLargeError, check_memory, least_bytes
from kitnet.net.notation import write_layer
from kitnet.net.objective import goals_of
from kitnet.train import model_format1
from kitnet.train.network_parts import (
    UnknownLayerError,
    fill,
    layer,
    network,
    network_parts,
)
from kitnet.train.target import INPUT, target_of

NETWORK = ("graph", "weights", "state")
USE = ("loss", "classes", "preparation", "golden")  # of a model of images; a network alone has none of them
ONNX = ".onnx"  # how the names of ONNX files end
VIEWS = "views"  # of a model that judges several of a picture
MODEL = Format("kitnet model 2", dict.fromkeys((*NETWORK, *USE, VIEWS), 1), frozenset((*USE, VIEWS)))

Auxiliary = Mapping[str, tuple[Loss, float]]  # the losses of further outputs by name, with their weights
BEST, LAST = "best.safetensors", "last.safetensors"  # of a run
FORMAT_1 = "model.safetensors"  # of a run of format 1


@dataclass
class Contents:
    """What a model file holds."""

    net: Net
    loss: Loss  # of the main output
    auxiliary: Auxiliary
    classes: tuple[str, ...]  # none of a network that gives its input
    preparation: Prepared
    images: Array  # golden, before preparation: uint8 (N, h, w, c), or floats
    scores: Array  # of these images as they are, (N, classes), or as many as the main output has
    views: Views = Views()  # a frozen one


def write_model(path: Path, contents: Contents) -> None:
    """Write a model file. Raises RunError, and ModelFileError for a network that is not of float32."""
    auxiliary = [
        [name, write_layer(loss), float(weight)] for name, (loss, weight) in contents.auxiliary.items()
    ]
    _write(
        path,
        contents.net,
        {
            "loss": Part({"main": write_layer(contents.loss), "auxiliary": auxiliary}),
            "classes": Part(list(contents.classes)),
            "preparation": Part(contents.preparation.to_json()),
            "golden": Part(arrays={"images": contents.images, "scores": contents.scores}),
            **({VIEWS: Part(str(contents.views))} if contents.views else {}),
        },
    )


def save_network(path: str | Path, net: Net) -> None:
    """Write a network alone, of any operands and outputs, with its weights and state. Raises RunError, and
    ModelFileError for a network that is not of float32."""
    _write(Path(path), net, {})


def _write(path: Path, net: Net, use: Mapping[str, Part]) -> None:
    try:
        parts = network_parts(net)
    except KitnetError as error:
        raise ModelFileError(f"{path}: {error}") from None
    MODEL.write(path, {**parts, **use})


def read_model(path: Path, memory: int | None = None) -> Contents:
    """Read a model file, of format 1 too, whose network needs at most `memory` bytes, by default 80 % of what
    is free. Raises ModelFileError."""
    with _reading(path), opened(path) as file:
        if file.metadata.get(FORMAT) == model_format1.FORMAT:
            return _contents(memory, *model_format1.read(file))
        parts = MODEL.read(file)
        if not parts.keys() >= {*USE}:
            reason = "holds a network alone, not a model of images"
            raise FileError(path, reason, "read it with kitnet.train.load_network")
        data = {name: part.data for name, part in parts.items()}
        arrays = {name: part.arrays for name, part in parts.items()}
        return _contents(memory, network(data["graph"]), data, arrays)


def read_onnx(path: Path, memory: int | None = None) -> Any:
    """The model or the network of an ONNX file, by the reader of a higher floor. Raises ModelFileError."""
    try:
        return HANDED_DOWN["onnx"](path, memory=memory)
    except KitnetError as error:
        raise ModelFileError(str(error)) from None


def prepared_onnx(path: Path, memory: int | None = None) -> Any:
    """The model of an ONNX file that says how pictures become its input. Raises ModelFileError."""
    found = read_onnx(path, memory)
    if isinstance(found, Net):
        raise ModelFileError(f"{path}: holds a network alone, not a model of images; kitnet show tells more")
    if not found.is_fitted:
        raise ModelFileError(
            f"{path}: it does not say how pictures become its input; say it once, such as: kitnet import "
            f"{path} -o model.safetensors --mean 0.485,0.456,0.406 --deviation 0.229,0.224,0.225"
        )
    return found


def golden_onnx(path: Path, memory: int | None = None) -> Any:
    """The model of an ONNX file that kitnet wrote, its golden images and the scores that it records. Raises
    ModelFileError."""
    try:
        return HANDED_DOWN["golden onnx"](path, memory=memory)
    except KitnetError as error:
        raise ModelFileError(str(error)) from None


def is_model(path: str | Path) -> bool:
    """Whether a file holds a model of images, not a network alone. Raises ModelFileError."""
    path = Path(path)
    if path.suffix == ONNX:
        return bool(getattr(read_onnx(path), "is_fitted", False))
    with _reading(path), opened(path) as file:
        return file.metadata.get(FORMAT) == model_format1.FORMAT or file.metadata.keys() >= {*USE}


def load_network(path: str | Path) -> Net:
    """The network of a model file, of an ONNX file, or one that `save_network` wrote. Raises
    ModelFileError."""
    path = Path(path)
    if path.suffix == ONNX:
        found = read_onnx(path)
        net: Net = getattr(found, "net", found)
        return net
    with _reading(path), opened(path) as file:
        if file.metadata.get(FORMAT) == model_format1.FORMAT:
            net, _, arrays = model_format1.read(file)
            return fill(net, arrays["weights"], arrays["state"])
        parts = MODEL.read(file)
        return fill(network(parts["graph"].data), parts["weights"].arrays, parts["state"].arrays)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever is wrong with the file is told in one line."""
    try:
        yield
    except FileError as error:
        raise ModelFileError(f"{path}: {error.reason}; {error.remedy or 'take a fresh copy'}") from None
    except (UnknownLayerError, TooLargeError) as error:
        raise ModelFileError(f"{path}: {error}") from None
    except KitnetError as error:
        raise ModelFileError(f"{path}: not a whole model of kitnet ({error}); take a fresh copy") from None


def _contents(
    memory: int | None, net: Net, data: Mapping[str, Any], arrays: Mapping[str, Mapping[str, Array]]
) -> Contents:
    """The contents of parts by name, their data and their arrays. Raises KitnetError."""
    classes, (loss, auxiliary) = _classes(data["classes"]), _losses(data["loss"], net)
    preparation = preparation_of(data["preparation"])
    if len(net.operands) != 1:
        raise KitnetError(f"a network of {len(net.operands)} inputs; a model of images has one")
    if preparation.input != net.input_shape:
        raise KitnetError(
            f"images are prepared as {say(preparation.input)} for a {say(net.input_shape)} input"
        )
    outputs = math.prod(net.output_shape)
    if not classes:
        target_of(net, INPUT)  # raises where it cannot be that
    elif len(classes) != outputs:
        raise KitnetError(f"{len(classes)} classes for an output of {say(net.output_shape)}")
    floats = preparation if isinstance(preparation, Standardisation) else None
    resized = (
        0
        if isinstance(preparation, Standardisation)
        else math.prod(preparation.resize) * preparation.input[-1]
    )
    check_memory(least_bytes(net.graph) + resized, memory)
    fill(net, arrays["weights"], arrays["state"])
    images, scores = _golden(arrays["golden"], outputs, floats)
    return Contents(
        net, loss, auxiliary, classes, preparation, images, scores, _views(data.get(VIEWS, ""), net)
    )


def _views(text: object, net: Net) -> Views:
    if not isinstance(text, str):
        raise KitnetError("its views are no text")
    views = Views.parse(text)
    views.check(net.input_shape)
    return views


def _classes(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KitnetError("its classes are no list of names")
    return tuple(names)


def _losses(told: object, net: Net) -> tuple[Loss, Auxiliary]:
    """The loss of the main output, and those of others."""
    if isinstance(told, str):  # format 1
        told = {"main": told, "auxiliary": []}
    if not isinstance(told, dict) or told.keys() != {"main", "auxiliary"}:
        raise KitnetError("its loss needs main and auxiliary")
    if not isinstance(told["auxiliary"], list):
        raise KitnetError("its auxiliary losses are no list")
    auxiliary = {}
    for entry in told["auxiliary"]:
        match entry:
            case [str(output), loss, float(weight)] if output in net.outputs:
                auxiliary[output] = (_loss(loss), weight)
            case _:
                raise KitnetError("an auxiliary loss needs an output, a loss and a weight")
    losses = _loss(told["main"]), auxiliary
    goals_of(net.graph, {next(iter(net.outputs)): losses[0], **auxiliary})  # checks shapes and weights
    return losses


def _loss(text: object) -> Loss:
    loss = layer(text, "loss") if isinstance(text, str) else None
    if not isinstance(loss, Loss):
        raise KitnetError("its loss is none")
    return loss


def _golden(
    arrays: Mapping[str, Array], outputs: int, preparation: Standardisation | None
) -> tuple[Array, Array]:
    for name in ("images", "scores"):
        if name not in arrays:
            raise KitnetError(f"no 'golden/{name}'")
    images, scores = arrays["images"], arrays["scores"]
    if preparation is None:
        check_images(images)
    else:
        preparation.placed(images)
    if scores.shape != (len(images), outputs) or scores.dtype != np.float32:
        raise KitnetError("its golden images and scores do not fit each other")
    return images, scores


def model_file(where: str | Path) -> Path:
    """The model file that is meant: itself, or the best one of a run folder."""
    path = Path(where)
    if path.is_dir():
        for name in (BEST, FORMAT_1):
            if (path / name).exists():
                return path / name
        raise ModelFileError(f"{path}: holds no {BEST}; give a run folder that has one, or a model file")
    if not path.is_file():
        raise ModelFileError(
            f"{path}: no such file; give a run folder such as runs/lenet5-1, or a model file"
        )
    return path
