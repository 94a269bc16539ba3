"""`kitnet export`: a trained model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.argument import batch_size
from kitnet.base.error import KitnetError
from kitnet.cli.flags import Memory, Run, Whole
from kitnet.cli.screen import busy, remark, say
from kitnet.files import write_whole
from kitnet.interop import Samples, golden_samples, samples_of, web_page
from kitnet.interop.native import THIS, native_library
from kitnet.train import Model


def command(
    run: Run,
    /,
    *,
    html: Annotated[
        Path | None, Parameter(help="Write one HTML file that opens from disk, such as page.html.")
    ] = None,
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
    memory: Memory = None,
) -> None:
    """A trained model in a form that needs no kitnet.

    `--html` makes one file with the weights and a forward pass of its own: draw or drop a picture, see the
    classes and the maps of every layer. It holds up to eight images of the run's test part, and checks itself
    by them whenever it is opened.

    `--native` writes net.o, net.h and example.c: the plan as machine code for any C program, with the weights
    inside, without a run-time and without memory of its own; it gives the plan's scores bit by bit.
    """
    if html is None and native is None:
        raise KitnetError("say in which form, such as: kitnet export runs/lenet5-1 --html page.html")
    if html is not None and native is not None:
        raise KitnetError("--html and --native: one form a call; export twice")
    if native is not None:
        _native(run, native, THIS if cpu is None else cpu, 1 if batch is None else batch, memory)
    if html is not None:
        for flag, given in (("--cpu", cpu), ("--batch", batch)):
            if given is not None:
                raise KitnetError(f"{flag} is for --native; a page computes by itself")
        _html(run, html, memory)


def _native(run: str, folder: Path, cpu: str, batch: int, memory: int | None) -> None:
    model = Model.load(run, memory)
    with busy("exporting"):
        library = native_library(model, _title(Path(run)), cpu, batch_size(batch))
    library.write(folder)
    say(
        f"{folder / 'net.o'}: {len(library.object) / 1e3:,.0f} kB, of which {library.weights / 1e3:,.0f} are "
        f"the weights\ncc {folder / 'example.c'} {folder / 'net.o'} -o example && ./example"
    )


def _html(run: str, html: Path, memory: int | None) -> None:
    if html.is_dir():
        raise KitnetError(f"{html}: it is a folder; give the name of a file, such as --html page.html")
    model = Model.load(run, memory)
    with busy("exporting"):
        samples = _samples(run, model)
        page = web_page(model, _title(Path(run)), samples)
    write_whole(html, page.text)
    size = len(page.text.encode())
    say(f"{html}: {size / 1e3:,.0f} kB, of which {page.weights / 1e3:,.0f} are the weights")


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
