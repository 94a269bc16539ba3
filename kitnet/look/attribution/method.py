"""Every method for one picture by its name: what it may be told, what it finds, and how that is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.spec import Array
from kitnet.look.attribution.dense import slide
from kitnet.look.attribution.grad_cam import grad_cam, last_maps
from kitnet.look.attribution.occlusion import occlusion
from kitnet.look.attribution.picture import heat, projected, shown
from kitnet.look.attribution.rectified import Deconvnet
from kitnet.look.attribution.saliency import saliency
from kitnet.look.probe import Probe
from kitnet.look.trace import say_place

PATCHES = "patches"  # is about a data set, not a picture: `patches.py`


class Asked(NamedTuple):
    """What a method may be told."""

    of: str | None = None
    layer: str | None = None
    map: int | None = None
    window: int | None = None
    stride: int | None = None


class Found(NamedTuple):
    """The picture as the network reads it and what was found, both uint8 (H,W,c), the numbers (h,w) or
    (H,W,C), what they are, what colours stand for, and the same as facts."""

    picture: Array
    drawn: Array
    values: Array
    told: str
    below: str
    facts: Mapping[str, Any]


def check_asked(method: str, asked: Asked, say: Callable[[str], str] = str) -> None:
    """Raises KitnetError for an unknown method, and for what it does not take; `say` says how what it is told
    is called."""
    known = [*METHODS, PATCHES]
    if method not in known:
        raise KitnetError(
            f"unknown method {shorten(method)}{nearest(method, known)}; known: {', '.join(known)}"
        )
    takes = METHODS[method][1] if method in METHODS else ("layer", "map")
    for name, value in asked._asdict().items():
        if value is not None and name not in takes:
            raise KitnetError(
                f"{say('method')} {method} takes no {say('class' if name == 'of' else name)}; leave it out"
            )


def attribute(probe: Probe, pixels: Array, method: str, asked: Asked) -> Found:
    """What a method finds in a picture, uint8 (h,w,c). Raises KitnetError."""
    check_asked(method, asked)
    return METHODS[method][0](probe, pixels, asked)


def _class(probe: Probe, pixels: Array, asked: Asked) -> str:
    return probe(pixels).best(1)[0][0] if asked.of is None else probe.classes[probe.class_number(asked.of)]


def _range(values: Array) -> str:
    return f"violet {values.min():.3g}, yellow {values.max():.3g}"


def _rectified(gated: bool) -> Callable[[Probe, Array, Asked], Found]:
    def find(probe: Probe, pixels: Array, asked: Asked) -> Found:
        made = Deconvnet(probe, gated)(pixels, asked.of, asked.layer, asked.map)
        place = say_place(made.path, made.index)
        name = "guided back-propagation" if gated else "deconvnet"
        largest = float(np.abs(made.values).max())
        return Found(
            shown(probe.prepared(pixels)),
            projected(made.values),
            made.values,
            f"{name} of {place} = {made.number:.4g}",
            f"grey 0, white {largest:.3g}, black -{largest:.3g}",
            {"place": place, "number": made.number, "largest": largest},
        )

    return find


def _saliency(probe: Probe, pixels: Array, asked: Asked) -> Found:
    of = _class(probe, pixels, asked)
    values = saliency(probe, pixels, of)
    return Found(
        shown(probe.prepared(pixels)),
        shown(values[..., None]),
        values,
        f"saliency of the score of {of}",
        f"black {values.min():.3g}, white {values.max():.3g}",
        {"of": of},
    )


def _grad_cam(probe: Probe, pixels: Array, asked: Asked) -> Found:
    of = _class(probe, pixels, asked)
    layer = last_maps(probe.net.graph, probe.scored) if asked.layer is None else asked.layer
    values = grad_cam(probe, pixels, of, layer)
    picture, told = shown(probe.prepared(pixels)), f"Grad-CAM of {of} at {layer}"
    told += "" if values.any() else ": no position speaks for it"
    facts = {"of": of, "layer": layer, "empty": not values.any()}
    return Found(picture, heat(picture, values), values, told, _range(values), facts)


def _occlusion(probe: Probe, pixels: Array, asked: Asked) -> Found:
    of = _class(probe, pixels, asked)
    made = occlusion(probe, pixels, of, asked.window, asked.stride)
    picture = shown(probe.prepared(pixels))
    side = f"{made.window}x{made.window}"
    return Found(
        picture,
        heat(picture, made.values, made.rows, made.columns),
        made.values,
        f"{of} while a {side} square covers the picture, {made.whole:.3g} without it",
        _range(made.values),
        {"of": of, "window": made.window, "whole": made.whole},
    )


def _dense(probe: Probe, pixels: Array, asked: Asked) -> Found:
    of = _class(probe, pixels, asked)
    made = slide(probe, pixels, of, stride=asked.stride)
    rows, columns = made.values.shape
    return Found(
        made.picture,
        heat(made.picture, made.values, made.rows, made.columns),
        made.values,
        f"{of} at {rows}x{columns} crops",
        _range(made.values),
        {"of": of, "crops": [rows, columns]},
    )


METHODS: dict[str, tuple[Callable[[Probe, Array, Asked], Found], tuple[str, ...]]] = {
    "deconvnet": (_rectified(gated=False), ("of", "layer", "map")),
    "guided": (_rectified(gated=True), ("of", "layer", "map")),
    "saliency": (_saliency, ("of",)),
    "gradcam": (_grad_cam, ("of", "layer")),
    "occlusion": (_occlusion, ("of", "window", "stride")),
    "dense": (_dense, ("of", "stride")),
}
