"""`kitnet predict`: the classes that a trained model sees on images."""

from __future__ import annotations

from kitnet.base.argument import whole
from kitnet.base.error import DataError, KitnetError
from kitnet.cli.flags import Json, Megapixels, Memory, Run, Whole
from kitnet.cli.screen import complain, print_json, say
from kitnet.data import open_image
from kitnet.data.image import MEGAPIXELS
from kitnet.train import Model


def command(
    run: Run,
    /,
    *files: str,
    top: Whole = 3,
    invert: bool = False,
    memory: Memory = None,
    megapixels: Megapixels = None,
    json: Json = False,
) -> int:
    """What a trained model sees on images: the most probable classes.

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
    model = Model.load(run, memory)
    most = MEGAPIXELS if megapixels is None else megapixels
    status, told = 0, []
    for file in files:
        try:
            image = open_image(file, most)[None]
        except DataError as error:
            status = complain(str(error))
            continue
        (found,) = model.predict(255 - image if invert else image, top)
        if json:
            classes = [{"class": name, "probability": p} for name, p in found.classes]
            told.append({"file": file, "classes": classes})
        else:
            say(f"{file}: " + "  ".join(f"{name} {p:.1%}" for name, p in found.classes))
    if json and told:
        print_json(told)
    return status
