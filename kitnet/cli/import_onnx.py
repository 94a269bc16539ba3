"""`kitnet import FILE`: an ONNX file, or a network of Caffe, as a file of kitnet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Json, Memory
from kitnet.cli.import_flags import NOTHING, Told, check_new, save_with_golden, volume
from kitnet.cli.import_prototxt import ENDING, import_prototxt
from kitnet.cli.screen import busy, print_json, say
from kitnet.net import Net
from kitnet.train import Model, save_network


def command(
    file: Annotated[Path, Parameter(help="An ONNX file; or a .prototxt, a network as Caffe describes it.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="The file to write, such as model.safetensors."),
    ] = None,
    pictures: Annotated[Told, Parameter(name="*")] = NOTHING,
    external: Annotated[
        Path | None, Parameter(help="The folder below which tensors may lie in files of their own.")
    ] = None,
    input: Annotated[
        str | None,
        Parameter(help="The input volume, such as 224x224x3, where the file leaves sizes open."),
    ] = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """A network, or a model of images, out of an ONNX file.

    A file that kitnet wrote has its classes and its preparation. Others do not say how pictures are prepared:
    say it with `--prepare`, or with `--mean` and `--deviation`; without them the network alone is written,
    which `show`, `explain` and `surgery` read, but `predict` does not.

    Of a .prototxt, which has no weights, the network is told, and written with weights as they are drawn.
    """
    if file.suffix == ENDING:
        if pictures != NOTHING or external is not None:
            raise KitnetError(
                f"a {ENDING} has no weights; leave out what is said of pictures, classes and external tensors"
            )
        check_new(output)
        import_prototxt(file, output, volume(input), json)
        return
    if output is None:
        raise KitnetError(f"say which file to write, such as: kitnet import {file} -o model.safetensors")
    check_new(output)
    names, says_preparation, shape = pictures.names(), pictures.says_preparation, volume(input)
    with busy("reading"):
        from kitnet.interop.onnx import read

        found = read(file, external, memory, shape)
    if names is not None or says_preparation:
        found = _told(found, pictures, names)
    net = found.net if isinstance(found, Model) else found
    what, parameters = _write(found, output), sum(one.size for one in net.weights.values())
    if json:
        print_json({"file": str(output), "parameters": parameters, "holds": what})
    else:
        say(f"{output}: {parameters:,} parameters, {what}")


def _told(found: Model | Net, pictures: Told, names: tuple[str, ...] | None) -> Model:
    """The model with what is said of it."""
    if not isinstance(found, Model) or not found.classes:
        raise KitnetError("--classes and what is said of pictures are for networks that tell classes of them")
    net, preparation = found.net, found.preparation if found.is_fitted else None
    if pictures.says_preparation:
        net, preparation = pictures.prepared(net)
    made = Model(net, found.loss, names or found.classes, preparation, found.auxiliary)
    made.views, made.examples = found.views, found.examples
    return made


def _write(found: Model | Net, output: Path) -> str:
    if not isinstance(found, Model) or not found.is_fitted:
        save_network(output, found.net if isinstance(found, Model) else found)
        return "a network alone"
    save_with_golden(found, output)
    return f"a model of {len(found.classes)} classes"
