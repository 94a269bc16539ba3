"""What the rooms inside and backward ask for: a look at a network with one picture, then its planes and the
arithmetic of single numbers."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.layers import Convolution
from kitnet.look import Inside
from kitnet.look.trace import make_passes
from kitnet.studio.arithmetic import LONGEST
from kitnet.studio.arithmetic import told as told_arithmetic
from kitnet.studio.asking.body import BodyError, check
from kitnet.studio.columns import columns, plane, planes_of
from kitnet.studio.looked import Looked, Networks, picture

DONE = object()  # of what is made one by one
MOST = 4  # looks that are kept, for pages that are open


@dataclass(frozen=True)
class Look:
    inside: Inside
    lock: threading.Lock  # passes of layers are kept with what is inside


class Looking:
    """A JSON object in, one out, as all that a page asks for."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._numbers = itertools.count()
        self._looks: dict[int, Look] = {}

    def look(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"network": "", "picture": {"sample": 3}, "gradients": {"target": 7}, "every": false}: a new look.
        The network is that of the training, or a run, a model file, a name or a line; the picture a sample or
        {"file": base64, "invert": false}; gradients are null, of the loss of a target or of an output's
        score, or {} for the usual: the loss of the sample's class, or else of the best one."""
        check(told, "look", network=str, picture=dict, gradients=(dict, type(None)), every=bool)
        looked = self._networks.find(told["network"])
        with looked.lock:
            x, label = self._picture(looked, told["picture"])
            of = told["gradients"]
            if of == {}:
                best = int(np.argmax(looked.probe(x).scores)) if label is None else label
                of = {"target": best}
            if of is not None and (len(of) != 1 or not of.keys() <= {"target", "output"}):
                raise BodyError("gradients are of a target or of an output")
            inside = looked.probe(x, **(of or {}))
        part, samples = self._networks.samples()
        number = next(self._numbers)
        self._looks[number] = Look(inside, threading.Lock())
        for old in list(self._looks)[:-MOST]:
            self._looks.pop(old, None)
        threading.Thread(target=self._warm, args=(number,), name="passes", daemon=True).start()
        shown = columns(inside, of is not None, told["every"])
        shapes = {node.path: list(node.shape) for node in inside.graph.nodes}
        return {
            "look": number,
            "line": str(looked.probe.net),
            "done": looked.done,
            "part": part,
            "samples": samples,
            "label": label,
            "gradients": of,
            "classes": list(inside.classes),
            "best": inside.best(),
            "probable": inside.probabilities is not None,
            "columns": shown,
            "first": _strongest(inside, shown[min(1, len(shown) - 1)]["path"], of is not None),
            "shapes": shapes | {path: list(weight.shape) for path, weight in inside.weights.items()},
            "learned": list(inside.weights),
            "convolutions": [
                node.path
                for node in inside.graph.nodes
                if isinstance(node.layer, Convolution) and len(node.shape) == 3
            ],
        }

    def _warm(self, number: int) -> None:
        """So that the first answers of a look are as quick as later ones."""
        look = self._looks.get(number)
        if look is None:
            return
        made = make_passes(look.inside)
        goes_on = True
        while goes_on and number in self._looks:
            with look.lock:
                goes_on = next(made, DONE) is not DONE

    def _picture(self, looked: Looked, told: dict[str, Any]) -> tuple[Array, int | None]:
        if told.keys() == {"sample"}:
            x, label = self._networks.sample(looked, told["sample"])
            return x, label if label < len(looked.probe.classes) else None
        if told.keys() != {"file", "invert"} or type(told["file"]) is not str:
            raise BodyError("a picture is a sample, or a file")
        return picture(looked, told["file"], bool(told["invert"])), None

    def plane(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"look": 0, "path": "conv1", "backward": false, "plane": 3}: all numbers of it."""
        check(told, "plane", look=int, path=str, backward=bool, plane=int)
        inside = self._of(told).inside
        array = _array(inside, told["path"], told["backward"])
        if not 0 <= told["plane"] < len(planes_of(array)):
            raise BodyError("there is no such plane")
        return plane(array, told["plane"])

    def trace(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"look": 0, "path": "conv1", "backward": false, "index": [3, 4, 2]}: what made this number. What is
        given or learned was made by nothing: it has no steps."""
        check(told, "trace", look=int, path=str, backward=bool, index=list)
        look, path, index = self._of(told), told["path"], tuple(told["index"])
        if not all(type(i) is int for i in index):
            raise BodyError("an index has whole numbers")
        inside, backward = look.inside, told["backward"]
        if not backward and (path in inside.weights or path in inside.graph.operands):
            array = _array(inside, path, backward)
            if len(index) != array.ndim or any(not 0 <= i < n for i, n in zip(index, array.shape)):  # noqa: B905
                raise BodyError("there is no such number")
            return {"steps": [], "learned": path in inside.weights, "number": float(array[index])}
        with look.lock:
            return told_arithmetic(inside, inside.trace(path, index, backward, LONGEST))

    def convolution(self, told: dict[str, Any]) -> dict[str, Any]:
        """{"look": 0, "path": "conv2", "map": 3, "channel": 0}: what goes back from one map of a convolution
        to one channel of its input."""
        check(told, "convolution", look=int, path=str, map=int, channel=int)
        inside, path = self._of(told).inside, told["path"]
        node = inside.graph.nodes[inside.graph.find(path)] if path in inside.graph else None
        if node is None or not isinstance(node.layer, Convolution) or len(node.shape) != 3:
            raise BodyError("it is no convolution of pictures")
        before = inside.graph.nodes[node.inputs[0]]
        k, c, depth = told["map"], told["channel"], before.shape[-1]
        if not (0 <= k < node.shape[-1] and 0 <= c < depth):
            raise BodyError("there is no such map or channel")
        dy = inside.gradient(path)[..., k]
        sees = dict(node.layer.planes(depth, k))
        filter_ = inside.weights[f"{node.owner}.weight"]
        if node.layer.flip:  # as it is correlated
            filter_ = filter_[::-1, ::-1]
        axes = node.layer.axes(before.shape)
        return {
            "dy": dy.tolist(),
            "filter": np.moveaxis(filter_, (0, 1), (-2, -1))[sees[c]].tolist() if c in sees else None,
            "shape": list(before.shape[:2]),
            "maps": node.shape[-1],
            "channels": depth,
            "stride": [axis.stride for axis in axes],
            "before": [axis.before for axis in axes],
            "dilation": [axis.dilation for axis in axes],
            "input": before.path,
        }

    def _of(self, told: dict[str, Any]) -> Look:
        look = self._looks.get(told["look"])
        if look is None:
            raise KitnetError("this look is no longer kept; look again")
        return look


def _strongest(inside: Inside, path: str, backward: bool) -> dict[str, Any]:
    """The place of the number that is furthest from 0."""
    array = np.nan_to_num(_array(inside, path, backward))
    index = np.unravel_index(np.abs(array).argmax(), array.shape)
    return {"path": path, "index": [int(i) for i in index], "backward": backward}


def _array(inside: Inside, path: str, backward: bool) -> Array:
    if backward:
        return inside.gradient(path)
    return inside.weights[path] if path in inside.weights else inside.value(path)
