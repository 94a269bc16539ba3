"""The model file: a network with its loss, its classes and its preparation, and golden images with the scores
that they gave when it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import FileError, KitnetError, ModelFileError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.data.check import check_images
from kitnet.files import Format, Part, opened
from kitnet.files.parts import FORMAT
from kitnet.layers import Loss
from kitnet.net import Net
from kitnet.net.objective import loss_by_name, losses
from kitnet.train import model_format1
from kitnet.train.network_parts import (
    UnknownLayerError,
    check_network_arrays,
    fill,
    network,
    network_parts,
)

PARTS = ("graph", "weights", "state", "loss", "classes", "preparation", "golden")
MODEL = Format("kitnet model 2", dict.fromkeys(PARTS, 1))


@dataclass
class Contents:
    """What a model file holds."""

    net: Net
    loss: Loss
    classes: tuple[str, ...]
    preparation: Preparation
    images: Array  # golden, uint8 (N, h, w, c), before preparation
    scores: Array  # of these images, (N, classes)


def write_model(path: Path, contents: Contents) -> None:
    """Write a model file. Raises RunError, and ModelFileError for a network that is not of float32."""
    try:
        described = network_parts(contents.net)
    except KitnetError as error:
        raise ModelFileError(f"{path}: {error}") from None
    MODEL.write(
        path,
        {
            **described,
            "loss": Part(contents.loss.word),
            "classes": Part(list(contents.classes)),
            "preparation": Part(contents.preparation.to_json()),
            "golden": Part(arrays={"images": contents.images, "scores": contents.scores}),
        },
    )


def read_model(path: Path) -> Contents:
    """Read a model file, of format 1 too. Raises ModelFileError."""
    try:
        with opened(path) as file:
            if file.metadata.get(FORMAT) == model_format1.FORMAT:
                return _contents(*model_format1.read(file))
            parts = MODEL.read(file)
            data = {name: part.data for name, part in parts.items()}
            arrays = {name: part.arrays for name, part in parts.items()}
            return _contents(network(data["graph"]), data, arrays)
    except FileError as error:
        raise ModelFileError(f"{path}: {error.reason}; {error.remedy or 'take a fresh copy'}") from None
    except UnknownLayerError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except KitnetError as error:
        raise ModelFileError(f"{path}: not a whole model of kitnet ({error}); take a fresh copy") from None


def _contents(net: Net, data: Mapping[str, Any], arrays: Mapping[str, Mapping[str, Array]]) -> Contents:
    """The contents of parts by name, their data and their arrays. Raises KitnetError."""
    classes, loss = _classes(data["classes"]), _loss(data["loss"])
    preparation = Preparation.from_json(data["preparation"])
    if preparation.input != net.input_shape:
        raise KitnetError(
            f"images are prepared as {say(preparation.input)} for a {say(net.input_shape)} input"
        )
    if len(classes) != math.prod(net.output_shape):
        raise KitnetError(f"{len(classes)} classes for an output of {say(net.output_shape)}")
    check_network_arrays(net.graph, arrays["weights"], arrays["state"])
    fill(net, arrays["weights"], arrays["state"])
    images, scores = _golden(arrays["golden"], len(classes))
    return Contents(net, loss, classes, preparation, images, scores)


def _classes(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise KitnetError("its classes are no list of names")
    return tuple(names)


def _loss(word: object) -> Loss:
    if not isinstance(word, str):
        raise KitnetError("its loss is no name")
    if word not in losses():
        raise UnknownLayerError("loss", word[:40])
    return loss_by_name(word)


def _golden(arrays: Mapping[str, Array], classes: int) -> tuple[Array, Array]:
    for name in ("images", "scores"):
        if name not in arrays:
            raise KitnetError(f"no 'golden/{name}'")
    images, scores = arrays["images"], arrays["scores"]
    check_images(images)
    if scores.shape != (len(images), classes) or scores.dtype != np.float32:
        raise KitnetError("its golden images and scores do not fit each other")
    return images, scores
