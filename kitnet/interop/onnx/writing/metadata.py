"""What an ONNX file says beside its operators: the network, how samples become its input, what its scores
mean, and golden samples with their scores.

All of it is text by keys that begin with `kitnet.`: JSON where it is more than a word.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.data.arrays import preparation_of
from kitnet.data.views import Views
from kitnet.net import Net
from kitnet.net.notation import write_layer
from kitnet.train import Model
from kitnet.train.network_parts import graph_data, layer

FORMAT = "kitnet onnx 1"
TYPES = ("uint8", "float32")  # of golden samples


@dataclass(frozen=True)
class Form:
    """How a network is written: for which opset, and whether bare."""

    opset: int = 18
    raw: bool = False


def network_metadata(net: Net, form: Form) -> dict[str, str]:
    """Of a network alone."""
    return {
        "kitnet.format": FORMAT,
        "kitnet.form": "raw" if form.raw else "prepared",
        "kitnet.network": str(net),
        "kitnet.graph": _json(graph_data(net)),
    }


def model_metadata(model: Model, form: Form, images: Array, scores: Array) -> dict[str, str]:
    """Of a model, with golden samples as they are before preparation, and the scores that the file gives for
    them, (N, numbers)."""
    auxiliary = [[name, write_layer(loss), weight] for name, (loss, weight) in model.auxiliary.items()]
    return {
        **network_metadata(model.net, form),
        "kitnet.classes": _json(list(model.classes)),
        "kitnet.loss": _json({"main": write_layer(model.loss), "auxiliary": auxiliary}),
        "kitnet.preparation": _json(model.preparation.to_json()),
        "kitnet.views": str(model.views),
        "kitnet.inside": inside(model, form),
        "kitnet.outside": outside(model, form),
        "kitnet.golden.images": _array(images),
        "kitnet.golden.scores": _array(scores),
    }


def inside(model: Model, form: Form) -> str:
    """What the file does with what comes in, in words."""
    if form.raw:
        return "nothing but the network: numbers in, channels first, scores out"
    if isinstance(model.preparation, Preparation):
        steps = [
            "luma where the network is grey",
            f"resizing to {say(model.preparation.resize)} as Pillow does",
        ]
        steps += [f"rim or crop to {say(model.preparation.input[:2])}", "pixel / 255, mean and deviation"]
    else:
        steps = ["mean and deviation"]
    views = [f"the mean of the views {model.views}"] if model.views else []
    return ", ".join([*steps, *views, "probabilities" if model.classes else "the units of what came in"])


def outside(model: Model, form: Form) -> str:
    """What is left to who runs it, in words."""
    if not isinstance(model.preparation, Preparation):
        return "mean and deviation, as kitnet.preparation has them" if form.raw else "nothing"
    decoding = (
        "decoding the picture to bytes, red green blue or grey, as it is looked at: turned as its EXIF says, "
        "white behind what is transparent"
    )
    if not form.raw:
        return f"{decoding}; the pictures of one batch have one size"
    return f"{decoding}; all of the preparation: see kitnet.preparation" + (
        f"; the mean of the views {model.views}" if model.views else ""
    )


def _json(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _array(array: Array) -> str:
    """Bytes as they are, floats as float32, the lowest byte first."""
    plain = array if array.dtype == np.uint8 else array.astype("<f4")
    content = base64.b64encode(np.ascontiguousarray(plain).tobytes()).decode()
    return _json(
        {"type": "uint8" if plain is array else "float32", "shape": list(plain.shape), "base64": content}
    )


@dataclass(frozen=True)
class Told:
    """What the metadata of a file say of it."""

    form: str
    graph: Any
    model: Mapping[str, Any]  # none of a network alone


def told(metadata: Mapping[str, str]) -> Told:
    """The metadata read. Raises KitnetError for what is none of this format."""
    if metadata.get("kitnet.format") != FORMAT:
        raise KitnetError(f"no metadata of {FORMAT}")
    try:
        found: dict[str, Any] = {"graph": json.loads(metadata["kitnet.graph"])}
        if "kitnet.classes" in metadata:
            found["classes"] = tuple(map(str, json.loads(metadata["kitnet.classes"])))
            losses = json.loads(metadata["kitnet.loss"])
            found["loss"] = layer(str(losses["main"]), "loss")
            found["auxiliary"] = {
                str(name): (layer(str(loss), "loss"), float(weight))
                for name, loss, weight in losses["auxiliary"]
            }
            found["preparation"] = preparation_of(json.loads(metadata["kitnet.preparation"]))
            found["views"] = Views.parse(metadata["kitnet.views"])
            for name in ("images", "scores"):
                found[name] = _read_array(metadata[f"kitnet.golden.{name}"])
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise KitnetError(f"metadata that are damaged ({type(error).__name__}: {error})") from None
    return Told(metadata.get("kitnet.form", ""), found.pop("graph"), found)


def _read_array(text: str) -> Array:
    data = json.loads(text)
    if data["type"] not in TYPES:
        raise ValueError(data["type"])
    content = np.frombuffer(
        base64.b64decode(data["base64"], validate=True), np.dtype(data["type"]).newbyteorder("<")
    )
    return content.reshape([int(size) for size in data["shape"]]).astype(data["type"])
