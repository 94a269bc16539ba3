"""`kitnet import FILE`: an ONNX file, or a network of Caffe, as a file of kitnet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError, shorten
from kitnet.base.random import stream
from kitnet.base.shape import Shape
from kitnet.cli.flags import Json, Memory
from kitnet.cli.import_prototxt import ENDING, import_prototxt
from kitnet.cli.screen import busy, print_json, say
from kitnet.data import Preparation
from kitnet.net import Net
from kitnet.net.language import read_volume
from kitnet.train import Model, save_network

GOLDEN = 2  # drawn pictures by which a file is verified
MOST_NAMES = 1 << 24  # bytes of a file with the classes' names


def command(
    file: Annotated[Path, Parameter(help="An ONNX file; or a .prototxt, a network as Caffe describes it.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="The file to write, such as model.safetensors."),
    ] = None,
    mean: Annotated[
        str | None, Parameter(help="What pixel / 255 is lessened by, such as 0.5 or 0.485,0.456,0.406.")
    ] = None,
    deviation: Annotated[
        str | None, Parameter(help="What it is divided by then, such as 0.5 or 0.229,0.224,0.225.")
    ] = None,
    classes: Annotated[
        Path | None, Parameter(help="A file with the names of the classes, one a line.")
    ] = None,
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
    say it with `--mean` and `--deviation`; without them the network alone is written, which `show`, `explain`
    and `surgery` read, but `predict` does not.

    Of a .prototxt, which has no weights, the network is told, and written with weights as they are drawn.
    """
    volume = None if input is None else _volume(input)
    if file.suffix == ENDING:
        if (mean, deviation, classes, external) != (None,) * 4:
            raise KitnetError(
                f"--mean, --deviation, --classes and --external are for ONNX files; a {ENDING} has no weights"
            )
        if output is not None and output.exists():
            raise KitnetError(f"{output}: it exists; give another name")
        import_prototxt(file, output, volume, json)
        return
    if output is None:
        raise KitnetError(f"say which file to write, such as: kitnet import {file} -o model.safetensors")
    if output.exists():
        raise KitnetError(f"{output}: it exists; give another name")
    if (mean is None) != (deviation is None):
        raise KitnetError("--mean and --deviation go together; give both")
    with busy("reading"):
        from kitnet.interop.onnx import read

        found = read(file, external, memory, volume)
    net = found.net if isinstance(found, Model) else found
    if mean is not None and deviation is not None:
        found = _prepared(found, mean, deviation)
    if classes is not None:
        found = _named(found, _names(classes))
    what, parameters = _write(found, output), sum(one.size for one in net.weights.values())
    if json:
        print_json({"file": str(output), "parameters": parameters, "holds": what})
    else:
        say(f"{output}: {parameters:,} parameters, {what}")


def _volume(text: str) -> Shape:
    try:
        return read_volume(text)
    except ValueError:
        raise KitnetError(f"--input {shorten(text)} is no volume; write it like 224x224x3") from None


def _write(found: Model | Net, output: Path) -> str:
    if not isinstance(found, Model) or not found.is_fitted:
        save_network(output, found.net if isinstance(found, Model) else found)
        return "a network alone"
    golden = found.examples
    if golden is None:
        preparation = found.preparation
        assert isinstance(preparation, Preparation)
        shape = (GOLDEN, *preparation.resize, preparation.input[2])
        golden = stream(0, "golden pictures").integers(0, 256, shape, "uint8")
    found.save(output, golden)
    return f"a model of {len(found.classes)} classes"


def _prepared(found: Model | Net, mean: str, deviation: str) -> Model:
    if not isinstance(found, Model):
        raise KitnetError("--mean and --deviation are for networks that tell classes of pictures")
    height, width, channels = found.net.input_shape
    numbers = [
        _numbers(name, text, channels) for name, text in (("--mean", mean), ("--deviation", deviation))
    ]
    found.preparation = Preparation((height, width, channels), (height, width), *numbers)
    return found


def _numbers(name: str, text: str, channels: int) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    if len(numbers) == 1:
        numbers *= channels
    if len(numbers) != channels:
        raise KitnetError(f"{name} {shorten(text)}: expected a number, or {channels} with commas between")
    return numbers


def _named(found: Model | Net, names: tuple[str, ...]) -> Model:
    if not isinstance(found, Model):
        raise KitnetError("--classes is for networks that tell classes of pictures")
    preparation = found.preparation if found.is_fitted else None
    made = Model(found.net, found.loss, names, preparation, found.auxiliary)
    made.views, made.examples = found.views, found.examples
    return made


def _names(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            return tuple(line.strip() for line in file.read(MOST_NAMES).decode().splitlines())
    except (OSError, UnicodeDecodeError):
        raise KitnetError(f"--classes {path}: no text file that can be read; give one name a line") from None
