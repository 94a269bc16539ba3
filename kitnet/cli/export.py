"""`kitnet export`: a trained model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from kitnet.base.argument import batch_size
from kitnet.base.error import KitnetError
from kitnet.cli.flags import Memory, Run, Whole
from kitnet.cli.screen import busy, remark, say
from kitnet.files import write_whole
from kitnet.interop import Samples, golden_samples, samples_of, web_page
from kitnet.interop.weights import state_dict, write_torch
from kitnet.net import Net
from kitnet.train import Model, load_network
from kitnet.train.model_file import model_file

# What each form is called usually, and the flags that are for it alone.
FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "--html": ("page.html", ()),
    "--onnx": ("model.onnx", ("--opset", "--raw")),
    "--native": ("DIR", ("--cpu", "--batch")),
    "--torch": ("model.pth", ()),
}
OPSET = 18


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
    native: Annotated[
        Path | None, Parameter(help="Write an object file, a C header and an example into this folder.")
    ] = None,
    cpu: Annotated[
        str | None,
        Parameter(
            help="Of --native: the processors to write for, such as avx2 or sse42; by default this one, with "
            "all that it has."
        ),
    ] = None,
    batch: Annotated[Whole | None, Parameter(help="Of --native: images in a call, by default 1.")] = None,
    torch: Annotated[
        Path | None,
        Parameter(help="Write PyTorch's state_dict: a .safetensors file, or a .pth that torch.load reads."),
    ] = None,
    memory: Memory = None,
) -> None:
    """A trained model in a form that needs no kitnet.

    `--html` makes one file with the weights and a forward pass of its own: draw or drop a picture, see the
    classes and the maps of every layer. It holds up to eight images of the run's test part, and checks itself
    by them whenever it is opened.

    `--onnx` makes a file for other programs: pictures of any size in, probabilities out. It is written only
    if it gives the scores that kitnet gives.

    `--native` writes net.o, net.h and example.c: the plan as machine code for any C program, with the weights
    inside, without a run-time and without memory of its own; it gives the plan's scores bit by bit.

    `--torch` writes the weights alone, by the names of torchvision where that has the network, else by
    kitnet's own.
    """
    form, path = _chosen(
        {"--html": html, "--onnx": onnx, "--native": native, "--torch": torch},
        {"--opset": opset, "--raw": raw or None, "--cpu": cpu, "--batch": batch},
    )
    if form == "--torch":
        _write_torch(load_network(model_file(run)), path)
        return
    model = Model.load(run, memory)
    if form == "--html":
        _write_page(run, model, path)
    elif form == "--onnx":
        _write_onnx(model, path, OPSET if opset is None else opset, raw)
    else:
        _write_native(model, path, _title(Path(run)), cpu, 1 if batch is None else batch)


def _chosen(forms: dict[str, Path | None], flags: dict[str, Any]) -> tuple[str, Path]:
    """The one form that is asked for, and where it goes. Raises KitnetError for none, for several, and for
    flags of another one."""
    given = {name: path for name, path in forms.items() if path is not None}
    if not given:
        raise KitnetError("say in which form, such as: kitnet export runs/lenet5-1 --html page.html")
    if len(given) > 1:
        raise KitnetError(f"{' and '.join(given)}: one form at a time; export twice")
    ((form, path),) = given.items()
    if form != "--native" and path.is_dir():
        raise KitnetError(f"{path}: it is a folder; give the name of a file, such as {form} {FORMS[form][0]}")
    for name, (usual, own) in FORMS.items():
        for flag in own:
            if flags[flag] is not None and name != form:
                raise KitnetError(f"{flag} is of {name}; give {name} {usual}, or leave it out")
    return form, path


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


def _write_native(model: Model, folder: Path, title: str, cpu: str | None, batch: int) -> None:
    with busy("exporting"):
        from kitnet.interop.native import THIS, native_library

        library = native_library(model, title, THIS if cpu is None else cpu, batch_size(batch))
    library.write(folder)
    say(
        f"{folder / 'net.o'}: {len(library.object) / 1e3:,.0f} kB, of which {library.weights / 1e3:,.0f} are "
        f"the weights\ncc {folder / 'example.c'} {folder / 'net.o'} -o example && ./example"
    )


def _write_torch(net: Net, path: Path) -> None:
    found = state_dict(net)
    write_torch(path, found)
    whose = f"{found.model} in {found.library}" if found.model else "kitnet, as no library has the network"
    say(f"{path}: {len(found.arrays)} arrays by the names of {whose}")


def _samples(run: str, model: Model) -> Samples:
    """Those of the run's data, where they can be read."""
    try:
        return samples_of(run, model)
    except KitnetError as error:
        remark(f"{error}; the page gets the images that the model file holds")
        return golden_samples(model)


def _title(run: Path) -> str:
    """The run's name; of a model file that of the file."""
    return run.resolve().name if run.is_dir() else run.stem
