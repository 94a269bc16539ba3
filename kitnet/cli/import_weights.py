"""`kitnet import weights`: what others have trained, as a model of kitnet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.cli.flags import Json
from kitnet.cli.import_flags import GOLDEN, NOTHING, Told, check_new, save_with_golden
from kitnet.cli.screen import busy, print_json, say, say_wrapped
from kitnet.interop.weights import Imported, import_weights
from kitnet.net.memory import check_memory, least_bytes
from kitnet.train import Model


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
    pictures: Annotated[Told, Parameter(name="*")] = NOTHING,
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
    check_new(output)
    names = pictures.names()
    with busy("reading"):
        found = import_weights(file, model, None if names is None else len(names), partial)
    told: dict[str, object] = {"arrays": len(found.match.matched), "told": found.match.lines()}
    if output is not None:
        net, prepared = pictures.prepared(found.net)
        check_memory(least_bytes(net.graph), None)
        save_with_golden(Model(net, found.loss, classes=names, preparation=prepared), output)
        told |= {"file": str(output), "golden_images": GOLDEN, "preparation": prepared.to_json()}
    _say_or_print(json, found, told)


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
