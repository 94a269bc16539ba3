"""`kitnet predict`: the classes that a trained model sees on images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.argument import whole
from kitnet.base.error import DataError, KitnetError
from kitnet.base.spec import Array
from kitnet.cli.flags import Json, Megapixels, Memory, Precision, Run, Whole
from kitnet.cli.looked import check_png
from kitnet.cli.precise import load_in
from kitnet.cli.screen import complain, print_json, say, show_compiling
from kitnet.data import Preparation, open_image
from kitnet.data.image import MEGAPIXELS
from kitnet.files import write_whole
from kitnet.look.png import png
from kitnet.look.reconstructions import enlarged, pairs, seen_and_made
from kitnet.train import Model, pick_engine
from kitnet.train.target import INPUT


def command(
    run: Run,
    /,
    *files: str,
    top: Whole = 3,
    invert: bool = False,
    memory: Memory = None,
    megapixels: Megapixels = None,
    engine: Annotated[
        str | None, Parameter(help="formula or compiled; formula unless a precision is given.")
    ] = None,
    precision: Precision = None,
    output: Annotated[
        Path | None,
        Parameter(name=["-o", "--output"], help="The picture to write, of a model that gives pictures."),
    ] = None,
    json: Json = False,
) -> int:
    """What a trained model sees on images: the most probable classes. Of an autoencoder: what it makes of
    them, as a picture.

    A file that is no image is told, the others are answered all the same, and the exit status is 2.

    Parameters
    ----------
    files
        PNG or JPEG images, grey or colour, of any size.
    top
        How many classes to print.
    invert
        Exchange light and dark first, for dark ink on white paper where the model learned light on dark.
    """
    if not files:
        raise KitnetError(
            "predict needs one image file or more, such as: kitnet predict runs/lenet5-1 digit.png"
        )
    whole("--top", top, 1)
    by = pick_engine(engine) if engine or precision else "formula"
    model = load_in(run, memory, precision, by)
    if by == "compiled":
        model.compile(1, progress=show_compiling)
    if (model.target == INPUT) != (output is not None):
        raise KitnetError(
            f"{run} gives classes, not pictures; leave out -o"
            if output is not None
            else f"{run} gives pictures, not classes; say where they go, such as -o OUT.png"
        )
    read = _Images(files, MEGAPIXELS if megapixels is None else megapixels, invert)
    if output is not None:
        check_png("-o", output)
        images = [image for _, (image,) in read]
        if images:
            _write(model, images, output)
            what = "each image" if len(images) > 1 else "the image"
            say(f"{output}: {what}, and what the model makes of it")
        return read.status
    return _tell(model, read, top, json)


def _tell(model: Model, read: _Images, top: int, json: bool) -> int:
    """The classes of each image; gives the exit status."""
    told = []
    for file, image in read:
        (found,) = model.predict(image, top)
        if json:
            classes = [{"class": name, "probability": p} for name, p in found.classes]
            told.append({"file": file, "classes": classes})
        else:
            say(f"{file}: " + "  ".join(f"{name} {p:.1%}" for name, p in found.classes))
    if told:
        print_json(told)
    return read.status


class _Images:
    """Each file's name with its picture, uint8 (1,h,w,c), as it is read; one that is none is told and left
    out, and the exit status is then 2."""

    def __init__(self, files: Sequence[str], megapixels: float, invert: bool) -> None:
        self.status = 0
        self._files, self._megapixels, self._invert = files, megapixels, invert

    def __iter__(self) -> Iterator[tuple[str, Array]]:
        for file in self._files:
            try:
                image = open_image(file, self._megapixels)[None]
            except DataError as error:
                self.status = complain(str(error))
                continue
            yield file, 255 - image if self._invert else image


def _write(model: Model, images: Sequence[Array], output: Path) -> None:
    """Each image as the network reads it, and under it what it makes of it. Raises RunError."""
    if not isinstance(model.preparation, Preparation):
        raise KitnetError("the model reads numbers, not pictures; use model.predict(x) from Python")
    seen, made = seen_and_made(model, images)
    sheet = pairs(seen, made)
    write_whole(output, png(enlarged(sheet, min(made.shape[1:3]))))
