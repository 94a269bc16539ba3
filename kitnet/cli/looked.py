"""What the commands that look into a network share: what is looked at, on which picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.cli.network import read_network
from kitnet.data import open_image
from kitnet.data.image import MEGAPIXELS
from kitnet.net import Net
from kitnet.train import Model
from kitnet.train.saved import saved_model

Looked = Annotated[
    str,
    Parameter(
        help="A run folder or a model file, or a name of `kitnet models` or a line, which is looked at with "
        "the weights of seed 0; layers of your own need --import FILE.py."
    ),
]
Image = Annotated[str, Parameter(help="A picture, grey or colour, of any size.")]
Invert = Annotated[
    bool,
    Parameter(help="Exchange light and dark first, for dark ink where the model learned light on dark."),
]
Target = Annotated[str | None, Parameter(help="A class, by name or number: gradients are those of its loss.")]
Of = Annotated[
    str | None,
    Parameter(
        name="--class", help="The class whose score it is about, by name or number; usually the best one."
    ),
]


def read_looked(model: str) -> Model | Net:
    """The model of a run or a file, or the network of a name or a line. Raises KitnetError."""
    file = saved_model(model)
    return read_network(model, None)[0] if file is None else Model.load(file)


def read_picture(path: str, megapixels: float | None, invert: bool = False) -> Array:
    """uint8 (h,w,c). Raises KitnetError."""
    pixels = open_image(path, MEGAPIXELS if megapixels is None else megapixels)
    return 255 - pixels if invert else pixels


def check_png(name: str, path: Path) -> None:
    """Raises KitnetError for what is no name of a PNG file."""
    if path.suffix.lower() != ".png":
        raise KitnetError(f"{name} {path}: pictures are written as PNG; give a name such as maps.png")
    if path.is_dir():
        raise KitnetError(f"{name} {path}: it is a folder; give the name of a file, such as maps.png")
