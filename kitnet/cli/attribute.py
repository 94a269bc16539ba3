"""`kitnet attribute`: what in a picture a network's answer comes from, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from cyclopts import Parameter

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.spec import Array
from kitnet.cli.evaluate import own_data
from kitnet.cli.flags import DATA_SETS, DataDir, Engine, Json, Megapixels, Whole
from kitnet.cli.looked import Invert, Looked, Of, check_png, read_looked, read_picture
from kitnet.cli.screen import busy, print_json, say
from kitnet.data import load
from kitnet.files import write_whole
from kitnet.look import Probe, png, say_place
from kitnet.look import attribution as found
from kitnet.look.attribution.picture import shown
from kitnet.train.recipe import USUAL_DATA


class Asked(NamedTuple):
    """What a method may be told."""

    of: str | None
    layer: str | None
    map: int | None
    window: int | None
    stride: int | None


class Drawn(NamedTuple):
    """The picture, what it shows, its numbers, and where they come from."""

    pixels: Array
    told: str
    values: Array


def command(
    model: Looked,
    image: Annotated[str | None, Parameter(help="A picture; --method patches needs none.")] = None,
    /,
    *,
    method: Annotated[
        str, Parameter(help="deconvnet, guided, saliency, gradcam, occlusion, dense or patches.")
    ],
    of: Of = None,
    layer: Annotated[
        str | None,
        Parameter(help="Of deconvnet and guided, where they begin; of gradcam and patches, whose maps."),
    ] = None,
    map: Annotated[
        Whole | None, Parameter(help="A map of the layer; usually the strongest, or the first.")
    ] = None,
    window: Annotated[Whole | None, Parameter(help="Pixels of occlusion's square; usually a fifth.")] = None,
    stride: Annotated[Whole | None, Parameter(help="Pixels from one square, or crop, to the next.")] = None,
    data: Annotated[str | None, Parameter(help=f"Of patches: {DATA_SETS}; usually the run's own.")] = None,
    data_dir: DataDir = None,
    output: Annotated[Path, Parameter(name=["-o", "--output"], help="The PNG file to write.")] = Path(
        "attribution.png"
    ),
    invert: Invert = False,
    megapixels: Megapixels = None,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """What in a picture the answer of a network comes from: the score of the best class, or of --class.

    deconvnet and guided project a score, or the strongest number of --layer, back to pixels; saliency is how
    much each pixel moves the score; gradcam shows where the maps of a layer speak for the class, occlusion
    where a grey square hides it, dense the class at each crop of a larger picture, patches what the maps of a
    layer answer to most in a data set.
    """
    check_png("-o", output)
    asked = Asked(of, layer, map, window, stride)
    _check(method, asked, image, data)
    probe = Probe(read_looked(model), engine=engine)
    with busy(f"computing {method}"):
        if method == "patches":
            drawn = _patches(probe, asked, _source(model, data, data_dir))
        else:
            assert image is not None
            drawn = METHODS[method][0](probe, read_picture(image, megapixels, invert), asked)
    write_whole(output, png(drawn.pixels))
    if json:
        print_json(
            {"method": method, "file": str(output), "told": drawn.told, "values": drawn.values.tolist()}
        )
        return
    say(f"{output}: {drawn.told}")


def _check(method: str, asked: Asked, image: str | None, data: str | None) -> None:
    """Raises KitnetError for an unknown method, and for what it does not take."""
    known = [*METHODS, "patches"]
    if method not in known:
        raise KitnetError(
            f"unknown method {shorten(method)}{nearest(method, known)}; known: {', '.join(known)}"
        )
    takes = METHODS[method][1] if method in METHODS else ("layer", "map")
    for name, value in asked._asdict().items():
        if value is not None and name not in takes:
            flag = "class" if name == "of" else name
            raise KitnetError(f"--method {method} takes no --{flag}; leave it out")
    if method == "patches":
        if image is not None:
            raise KitnetError("--method patches looks through a data set; leave the picture out")
        if asked.layer is None:
            raise KitnetError("--method patches is about the maps of a layer; name one, as in --layer conv1")
    elif image is None:
        raise KitnetError(f"--method {method} is about a picture; name one, such as digit.png")
    elif data is not None:
        raise KitnetError(f"--method {method} is about one picture; leave --data out")


def _class(probe: Probe, pixels: Array, asked: Asked) -> str:
    return probe(pixels).best(1)[0][0] if asked.of is None else probe.classes[probe.class_number(asked.of)]


def _range(values: Array) -> str:
    return f"violet {values.min():.3g}, yellow {values.max():.3g}"


def _rectified(gated: bool) -> Callable[[Probe, Array, Asked], Drawn]:
    def draw(probe: Probe, pixels: Array, asked: Asked) -> Drawn:
        made = found.Deconvnet(probe, gated)(pixels, asked.of, asked.layer, asked.map)
        name = "guided back-propagation" if gated else "deconvnet"
        told = f"{name} of {say_place(made.path, made.index)} = {made.number:.4g}"
        both = [shown(probe.prepared(pixels)), found.projected(made.values)]
        largest = float(np.abs(made.values).max())
        return Drawn(
            found.beside(both, told, f"grey 0, white {largest:.3g}, black -{largest:.3g}"), told, made.values
        )

    return draw


def _saliency(probe: Probe, pixels: Array, asked: Asked) -> Drawn:
    of = _class(probe, pixels, asked)
    values = found.saliency(probe, pixels, of)
    told = f"saliency of the score of {of}"
    both = [shown(probe.prepared(pixels)), shown(values[..., None])]
    return Drawn(
        found.beside(both, told, f"black {values.min():.3g}, white {values.max():.3g}"), told, values
    )


def _grad_cam(probe: Probe, pixels: Array, asked: Asked) -> Drawn:
    of = _class(probe, pixels, asked)
    layer = found.last_maps(probe.net.graph, probe.scored) if asked.layer is None else asked.layer
    values = found.grad_cam(probe, pixels, of, layer)
    picture, told = shown(probe.prepared(pixels)), f"Grad-CAM of {of} at {layer}"
    told += "" if values.any() else ": no position speaks for it"
    return Drawn(found.beside([picture, found.heat(picture, values)], told, _range(values)), told, values)


def _occlusion(probe: Probe, pixels: Array, asked: Asked) -> Drawn:
    of = _class(probe, pixels, asked)
    made = found.occlusion(probe, pixels, of, asked.window, asked.stride)
    picture = shown(probe.prepared(pixels))
    side = f"{made.window}x{made.window}"
    told = f"{of} while a {side} square covers the picture, {made.whole:.3g} without it"
    over = found.heat(picture, made.values, made.rows, made.columns)
    return Drawn(found.beside([picture, over], told, _range(made.values)), told, made.values)


def _dense(probe: Probe, pixels: Array, asked: Asked) -> Drawn:
    of = _class(probe, pixels, asked)
    made = found.slide(probe, pixels, of, stride=asked.stride)
    over = found.heat(made.picture, made.values, made.rows, made.columns)
    told = f"{of} at {made.values.shape[0]}x{made.values.shape[1]} crops"
    return Drawn(found.beside([made.picture, over], told, _range(made.values)), told, made.values)


def _patches(probe: Probe, asked: Asked, source: Any) -> Drawn:
    layer = str(asked.layer)
    made: Sequence[found.Patches] = found.patches(
        probe, source, layer, None if asked.map is None else [asked.map]
    )
    told = f"patches of {source.name} that {layer} answers to most"
    return Drawn(found.patches_sheet(made, told), told, np.stack([one.numbers for one in made]))


def _source(model: str, data: str | None, data_dir: str | None) -> Any:
    """The training part of the data set."""
    if data is None:
        own = own_data(Path(model))
        data, data_dir = own.data or USUAL_DATA, data_dir or own.data_dir
    return load(data, data_dir).train


METHODS: dict[str, tuple[Callable[[Probe, Array, Asked], Drawn], tuple[str, ...]]] = {
    "deconvnet": (_rectified(gated=False), ("of", "layer", "map")),
    "guided": (_rectified(gated=True), ("of", "layer", "map")),
    "saliency": (_saliency, ("of",)),
    "gradcam": (_grad_cam, ("of", "layer")),
    "occlusion": (_occlusion, ("of", "window", "stride")),
    "dense": (_dense, ("of", "stride")),
}
