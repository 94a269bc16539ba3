"""`kitnet convolve`: a photograph through a classic filter, or one of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.cli.flags import Engine, Megapixels
from kitnet.cli.looked import check_png, read_picture
from kitnet.cli.screen import say
from kitnet.files import write_whole
from kitnet.lab.image_filters import FILTERS, ImageFilter
from kitnet.look import filtered, png


def command(
    image: Annotated[str, Parameter(help="A picture, grey or colour.")],
    /,
    *,
    filter: Annotated[str | None, Parameter(help=f"{', '.join(FILTERS)}.")] = None,
    numbers: Annotated[
        str | None, Parameter(help="A filter of one's own, row by row: '0 -1 0; -1 5 -1; 0 -1 0'.")
    ] = None,
    factor: Annotated[
        float | None, Parameter(help="What the sum is multiplied by; usually the filter's.")
    ] = None,
    bias: Annotated[
        float | None, Parameter(help="What is added then, 128 for grey; usually the filter's.")
    ] = None,
    flip: bool = False,
    output: Annotated[Path, Parameter(name=["-o", "--output"], help="The PNG file to write.")] = Path(
        "filtered.png"
    ),
    megapixels: Megapixels = None,
    engine: Engine = None,
) -> None:
    """A photograph through a filter: each pixel becomes factor * sum + bias, between black and white.

    The sum is over the window around the pixel, each channel for itself; outside the picture stands the
    nearest pixel.

    Parameters
    ----------
    flip
        Turn the filter by 180 degrees first, as the convolution of mathematics does.
    """
    check_png("-o", output)
    chosen = _filter(filter, numbers)
    chosen = chosen._replace(
        factor=chosen.factor if factor is None else factor, bias=chosen.bias if bias is None else bias
    )
    pixels = read_picture(image, megapixels)
    write_whole(output, png(filtered(pixels, chosen, flip=flip, engine=engine)))
    rows, columns = len(chosen.numbers), len(chosen.numbers[0])
    about = f"{filter}: {chosen.about}" if filter else chosen.about
    say(f"{output}: {about}; {rows}x{columns}, factor {chosen.factor:.4g}, bias {chosen.bias:g}")


def _filter(name: str | None, numbers: str | None) -> ImageFilter:
    if (name is None) == (numbers is None):
        raise KitnetError(
            "convolve takes one filter, --filter sharpen, or numbers of one's own, --numbers '1 0 -1'"
        )
    if numbers is not None:
        return ImageFilter("numbers of one's own", [_row(row) for row in numbers.split(";")])
    if name not in FILTERS:
        raise KitnetError(
            f"unknown filter {shorten(name)}{nearest(str(name), FILTERS)}; known: {', '.join(FILTERS)}"
        )
    return FILTERS[name]


def _row(text: str) -> list[float]:
    try:
        return [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise KitnetError(
            f"--numbers: {shorten(text.strip())} is no row of numbers; write such as "
            "'0 -1 0; -1 5 -1; 0 -1 0'"
        ) from None
