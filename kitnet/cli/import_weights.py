"""`kitnet import weights`: what others have trained, as a model of kitnet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError, shorten
from kitnet.base.random import stream
from kitnet.cli.flags import Json, Whole
from kitnet.cli.screen import busy, print_json, say, say_wrapped
from kitnet.data import Preparation
from kitnet.interop.weights import (
    USUAL,
    Imported,
    import_weights,
    preparation,
    usual,
    with_red_first,
)
from kitnet.net import Net
from kitnet.net.memory import check_memory, least_bytes
from kitnet.train import Model

GOLDEN = 2  # drawn pictures by which the file is verified
MOST_NAMES = 1 << 24  # bytes of a file with the classes' names


def command(
    file: Annotated[
        Path,
        Parameter(help="Weights: .safetensors, .pth, .pt, .weights.h5, .h5, .keras; ConvNetJS' .json."),
    ],
    /,
    *,
    model: Annotated[
        str | None,
        Parameter(help="The network: a name (see `kitnet models`), or a line. ConvNetJS' files have theirs."),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="A file for the model, which must not exist."),
    ] = None,
    classes: Annotated[
        str | None, Parameter(help="How many classes there are, or a file with their names, one a line.")
    ] = None,
    prepare: Annotated[
        str | None,
        Parameter(help=f"How pictures are prepared, as others do: {', '.join(USUAL)}."),
    ] = None,
    mean: Annotated[
        str | None, Parameter(help="What pixel / 255 is lessened by, such as 0.5 or 0.485,0.456,0.406.")
    ] = None,
    deviation: Annotated[
        str | None, Parameter(help="What it is divided by then, such as 0.5 or 0.229,0.224,0.225.")
    ] = None,
    resize: Annotated[
        Whole | None,
        Parameter(help="The side to which pictures are resized, of which the network reads the middle."),
    ] = None,
    bgr: Annotated[
        bool, Parameter(help="The weights are for pictures with blue first; --prepare caffe says it, too.")
    ] = False,
    partial: Annotated[
        bool, Parameter(help="Take what fits; the rest is drawn, as where a network begins to learn.")
    ] = False,
    json: Json = False,
) -> None:
    """Weights that others have trained, in a network of kitnet: says what matched, what was left, what had
    another shape. Without `-o` nothing is written.

    Such files do not say how pictures are prepared: say it with `--prepare`, or with `--mean` and
    `--deviation`.
    """
    if output is not None and output.exists():
        raise KitnetError(f"{output}: it exists; give another name")
    names = None if classes is None else _classes(classes)
    with busy("reading"):
        found = import_weights(file, model, None if names is None else len(names), partial)
    told: dict[str, object] = {"arrays": len(found.match.matched), "told": found.match.lines()}
    if output is not None:
        net, prepared = _prepared(found.net, prepare, mean, deviation, resize, bgr)
        _write(Model(net, found.loss, classes=names, preparation=prepared), prepared, output)
        told |= {"file": str(output), "golden_images": GOLDEN, "preparation": prepared.to_json()}
    _say_or_print(json, found, told)


def _write(model: Model, prepared: Preparation, output: Path) -> None:
    """The model with drawn golden pictures."""
    check_memory(least_bytes(model.net.graph), None)
    shape = (GOLDEN, *prepared.resize, prepared.input[2])
    model.save(output, stream(0, "golden pictures").integers(0, 256, shape, "uint8"))


def _say_or_print(json: bool, found: Imported, told: dict[str, object]) -> None:
    if json:
        print_json(told)
        return
    for line in found.match.lines():
        say_wrapped(line)
    if "file" in told:
        parameters = sum(one.size for one in found.net.weights.values())
        say(f"{told['file']}: {parameters:,} parameters, and {GOLDEN} drawn golden images")
    else:
        say("nothing is written; name a file with -o")


def _classes(given: str) -> tuple[str, ...]:
    """Names, or the numbers from 0."""
    if given.isdecimal():
        if not 0 < int(given) <= 1 << 20:
            raise KitnetError(f"--classes {shorten(given)} is not possible; use 1 to {1 << 20}")
        return tuple(map(str, range(int(given))))
    path = Path(given)
    try:
        with path.open("rb") as file:
            names = tuple(line.strip() for line in file.read(MOST_NAMES).decode().splitlines())
    except (OSError, UnicodeDecodeError):
        raise KitnetError(
            f"--classes {shorten(given)}: no number, and no text file that can be read; give one name a line"
        ) from None
    return tuple(name for name in names if name)


def _prepared(
    net: Net,
    prepare: str | None,
    mean: str | None,
    deviation: str | None,
    resize: int | None,
    bgr: bool,
) -> tuple[Net, Preparation]:
    """The network for pictures with red first, and how they are prepared."""
    if prepare is not None and (mean or deviation):
        raise KitnetError("--prepare says mean and deviation; leave out --mean and --deviation")
    if prepare is None and not (mean and deviation):
        known = "; ".join(f"{name} ({each.about})" for name, each in USUAL.items())
        raise KitnetError(
            f"the file does not say how pictures are prepared: say --prepare {known}; "
            "or --mean and --deviation"
        )
    if prepare is not None:
        like = usual(prepare)
        prepared = preparation(net.input_shape, like.mean, like.std, resize, like.cropped)
        bgr = bgr or like.bgr
    else:
        prepared = preparation(
            net.input_shape, _numbers("--mean", mean), _numbers("--deviation", deviation), resize
        )
    return (with_red_first(net) if bgr else net), prepared


def _numbers(flag: str, text: str | None) -> tuple[float, ...]:
    try:
        found = tuple(float(each) for each in (text or "").split(","))
    except ValueError:
        found = (math.nan,)
    if not all(map(math.isfinite, found)):
        raise KitnetError(f"{flag} {shorten(text)} is no row of numbers; write it like 0.485,0.456,0.406")
    return found
