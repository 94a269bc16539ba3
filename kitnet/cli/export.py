"""`kitnet export`: a trained model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Memory, Run
from kitnet.cli.screen import busy, remark, say
from kitnet.files import write_whole
from kitnet.interop import Samples, golden_samples, samples_of, web_page
from kitnet.train import Model


def command(
    run: Run,
    /,
    *,
    html: Annotated[
        Path | None, Parameter(help="Write one HTML file that opens from disk, such as page.html.")
    ] = None,
    onnx: Annotated[Path | None, Parameter(help="Write an ONNX file, such as model.onnx.")] = None,
    opset: Annotated[int | None, Parameter(help="Of the ONNX file; 18 unless given.")] = None,
    raw: Annotated[
        bool, Parameter(help="In ONNX the bare network: floats, channels first, in, and scores out.")
    ] = False,
    memory: Memory = None,
) -> None:
    """A trained model in a form that needs no kitnet.

    `--html` makes one file with the weights and a forward pass of its own: draw or drop a picture, see the
    classes and the maps of every layer. It holds up to eight images of the run's test part, and checks itself
    by them whenever it is opened.

    `--onnx` makes a file for other programs: pictures of any size in, probabilities out. It is written only
    if it gives the scores that kitnet gives.
    """
    given = {"--html": html, "--onnx": onnx}
    forms = {name: path for name, path in given.items() if path is not None}
    if not forms:
        raise KitnetError("say in which form, such as: kitnet export runs/lenet5-1 --html page.html")
    if len(forms) > 1:
        raise KitnetError(f"{' and '.join(forms)}: one form at a time; export twice")
    (name, path), *_ = forms.items()
    if path.is_dir():
        usual = {"--html": "page.html", "--onnx": "model.onnx"}[name]
        raise KitnetError(f"{path}: it is a folder; give the name of a file, such as {name} {usual}")
    if onnx is None and (raw or opset is not None):
        raise KitnetError(f"{'--raw' if raw else '--opset'} is of ONNX files; give --onnx FILE, too")
    model = Model.load(run, memory)
    if onnx is None:
        _write_page(run, model, path)
    else:
        _write_onnx(model, path, 18 if opset is None else opset, raw)


def _write_page(run: str, model: Model, path: Path) -> None:
    with busy("exporting"):
        samples = _samples(run, model)
        page = web_page(model, _title(Path(run)), samples)
    write_whole(path, page.text)
    size = len(page.text.encode())
    say(f"{path}: {size / 1e3:,.0f} kB, of which {page.weights / 1e3:,.0f} are the weights")


def _write_onnx(model: Model, path: Path, opset: int, raw: bool) -> None:
    with busy("exporting"):
        from kitnet.interop.onnx.writing import onnx_of_model

        file = onnx_of_model(model, opset, raw)
    write_whole(path, file.content)
    size, samples = len(file.content), f"{file.samples} sample{'s' * (file.samples != 1)}"
    say(
        f"{path}: {size / 1e3:,.0f} kB, of which {file.weights / 1e3:,.0f} are the weights; {file.program} "
        f"gives the scores of {samples} to {file.difference:.1g} of the largest"
    )


def _samples(run: str, model: Model) -> Samples:
    """Those of the run's data, where they can be read."""
    try:
        return samples_of(run, model)
    except KitnetError as error:
        remark(f"{error}; the page gets the images that the model file holds")
        return golden_samples(run)


def _title(run: Path) -> str:
    """The run's name; of a model file that of the file."""
    return run.resolve().name if run.is_dir() else run.stem
