"""What the room of filters and attribution asks for. All of it is computed in the thread that answers, of a
copy of the network that is trained."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.layers import Convolution, Linear, TransposedConvolution
from kitnet.look import Probe, filters_of
from kitnet.look.attribution import Asked, attribute, check_asked, patches
from kitnet.look.attribution.method import METHODS, PATCHES
from kitnet.net.graph import Node
from kitnet.studio import numbers
from kitnet.studio.asking import body, picture
from kitnet.studio.copied import Copied
from kitnet.studio.probe import Probe as Looks
from kitnet.studio.training import Training
from kitnet.train import Model

MOST_FILTERS = 128  # pictures of a sheet
MOST_VALUES = 4096  # of what was found, that are told as numbers
REMEMBERED = 64  # numbers of questions that nobody waits for
MOST_MAPS = 16  # of patches
STOPPED = "stopped"


class StoppableProbe(Probe):
    """One that computes no further batch when nobody waits any longer."""

    def __init__(self, of: Model, engine: str, stop: threading.Event) -> None:
        super().__init__(of, engine=engine)
        self._stop = stop

    def batch(self, x: Array, path: str | None = None) -> Array:
        if self._stop.is_set():
            raise KitnetError(STOPPED)
        return super().batch(x, path)


class Attributing:
    """Answers one after the other."""

    def __init__(self, training: Training) -> None:
        self._training, self._lock = training, threading.Lock()
        self._stop = threading.Event()
        self._asked: int | None = None  # the number of what is being computed
        self._unwanted: deque[int] = deque(maxlen=REMEMBERED)
        self._copied = Copied(training, lambda own, engine: StoppableProbe(own, engine, self._stop))

    def filters(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"layer": "conv1"}: its filters as pictures, of "" those of the first layer that has some; all
        layers, classes and methods."""
        body.check(told, "filters", layer=str)
        with self._lock:
            return _filters(self._copied.take()[0], told["layer"])

    def attribute(self, told: dict[str, Any]) -> dict[str, Any]:
        """What a method finds in a picture: a file in base64, or of "" the number of one of those that are
        judged. `asked` is a number by which `stop` names the question."""
        text, number = (str, type(None)), (int, type(None))
        body.check(
            told, "attribute", method=str, of=text, layer=text, map=number, window=number, stride=number,
            file=str, picture=int, asked=int,
        )  # fmt: skip
        asked = Asked(*(told[name] for name in Asked._fields))
        check_asked(told["method"], asked)
        with self._lock:
            self._stop.clear()
            self._asked = told["asked"]
            if self._asked in self._unwanted:
                raise KitnetError(STOPPED)
            probe = self._copied.take()[0]
            if told["method"] == PATCHES:
                return self._patches(probe, asked)
            pixels = picture.read(told["file"]) if told["file"] else self._judged(told["picture"])
            made = attribute(probe, pixels, told["method"], asked)
        values = made.values if made.values.ndim == 2 else made.values[..., 0]
        is_told = made.values.ndim == 2 or made.values.shape[-1] == 1
        return {
            "picture": numbers.picture(made.picture),
            "drawn": numbers.picture(made.drawn),
            "facts": dict(made.facts),
            "least": float(made.values.min()),
            "largest": float(made.values.max()),
            "values": values.tolist() if is_told and values.size <= MOST_VALUES else None,
        }

    def stop(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"asked": 7}: nobody waits any longer for the answer to this question."""
        body.check(told, "stop_waiting", asked=int)
        self._unwanted.append(told["asked"])
        if self._asked == told["asked"]:
            self._stop.set()
        return {}

    def _judged(self, number: int) -> Array:
        """One of the pictures that are judged again and again, as its file has it."""

        def read(looks: Looks) -> Any:
            source = looks.part[1]
            if not 0 <= number < len(source):
                raise KitnetError(f"there is no picture {number}; the first one is 0")
            return source.read(np.array([number]))[0][0]

        return np.asarray(self._training.between_steps(lambda loop: read(Looks(loop))))

    def _patches(self, probe: Probe, asked: Asked) -> dict[str, Any]:
        if asked.layer is None:
            raise KitnetError("patches are about the maps of a layer; choose one")
        source = self._training.between_steps(lambda loop: loop.run.parts.train)
        maps = None if asked.map is None else [asked.map]
        found = patches(probe, source, asked.layer, maps)
        return {
            "data": source.name,
            "maps": [
                {
                    "map": one.map,
                    "numbers": one.numbers.tolist(),
                    "pictures": one.pictures.tolist(),
                    "images": [numbers.picture(image) for image in one.images],
                }
                for one in found[:MOST_MAPS]
            ],
        }


def _filters(probe: Probe, path: str) -> dict[str, Any]:
    net = probe.net
    nodes = [node for node in net.graph.nodes if node.layer is not None]
    path = path or next((node.path for node in nodes if _has_filters(node)), "")
    told: dict[str, Any] = {
        "layers": [
            {"path": node.path, "shape": list(node.shape), "filters": _has_filters(node)} for node in nodes
        ],
        "classes": list(probe.classes),
        "methods": {name: list(takes) for name, (_, takes) in METHODS.items()} | {PATCHES: ["layer", "map"]},
        "layer": path,
    }
    if not path:
        return told | {"images": [], "largest": 0.0, "left_out": 0, "planes": 1, "size": []}
    made = filters_of(net, path, MOST_FILTERS)
    return told | {
        "images": [numbers.picture(image) for image in made.images],
        "largest": made.largest,
        "left_out": made.left_out,
        "planes": made.planes,
        "size": list(made.images.shape[1:3]),
    }


def _has_filters(node: Node) -> bool:
    return isinstance(node.layer, Convolution | TransposedConvolution | Linear)
