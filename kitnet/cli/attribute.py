"""`kitnet attribute`: what in a picture a network's answer comes from, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.cli.evaluate import own_data
from kitnet.cli.flags import DATA_SETS, DataDir, Engine, Json, Megapixels, Whole
from kitnet.cli.looked import Invert, Looked, Of, check_png, read_looked, read_picture
from kitnet.cli.screen import busy, print_json, say
from kitnet.data import load
from kitnet.files import write_whole
from kitnet.look import Probe, png
from kitnet.look import attribution as found
from kitnet.look.attribution import Asked, check_asked
from kitnet.train.recipe import USUAL_DATA


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
            drawn = _one(found.attribute(probe, read_picture(image, megapixels, invert), method, asked))
    write_whole(output, png(drawn.pixels))
    if json:
        print_json(
            {"method": method, "file": str(output), "told": drawn.told, "values": drawn.values.tolist()}
        )
        return
    say(f"{output}: {drawn.told}")


def _check(method: str, asked: Asked, image: str | None, data: str | None) -> None:
    """Raises KitnetError for an unknown method, and for what it does not take."""
    check_asked(method, asked, lambda name: f"--{name}")
    if method == "patches":
        if image is not None:
            raise KitnetError("--method patches looks through a data set; leave the picture out")
        if asked.layer is None:
            raise KitnetError("--method patches is about the maps of a layer; name one, as in --layer conv1")
    elif image is None:
        raise KitnetError(f"--method {method} is about a picture; name one, such as digit.png")
    elif data is not None:
        raise KitnetError(f"--method {method} is about one picture; leave --data out")


def _one(made: found.Found) -> Drawn:
    return Drawn(found.beside([made.picture, made.drawn], made.told, made.below), made.told, made.values)


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
