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
from kitnet.interop.weights import state_dict, write_torch
from kitnet.net import Net
from kitnet.train import Model


def command(
    run: Run,
    /,
    *,
    html: Annotated[
        Path | None, Parameter(help="Write one HTML file that opens from disk, such as page.html.")
    ] = None,
    torch: Annotated[
        Path | None,
        Parameter(help="Write PyTorch's state_dict: a .safetensors file, or a .pth that torch.load reads."),
    ] = None,
    memory: Memory = None,
) -> None:
    """A trained model in a form that needs no kitnet.

    `--html` makes one file with the weights and a forward pass of its own: draw or drop a picture, see the
    classes and the maps of every layer. It holds up to eight images of the run's test part, and checks itself
    by them whenever it is opened. `--torch` writes the weights alone, by the names of torchvision where that
    has the network, else by kitnet's own.
    """
    if torch is not None and html is not None:
        raise KitnetError("--html and --torch are two forms; export one after the other")
    if torch is not None:
        _export_torch(Model.load(run, memory).net, torch)
        return
    if html is None:
        raise KitnetError("say in which form, such as: kitnet export runs/lenet5-1 --html page.html")
    if html.is_dir():
        raise KitnetError(f"{html}: it is a folder; give the name of a file, such as --html page.html")
    model = Model.load(run, memory)
    with busy("exporting"):
        samples = _samples(run, model)
        page = web_page(model, _title(Path(run)), samples)
    write_whole(html, page.text)
    size = len(page.text.encode())
    say(f"{html}: {size / 1e3:,.0f} kB, of which {page.weights / 1e3:,.0f} are the weights")


def _export_torch(net: Net, path: Path) -> None:
    if path.is_dir():
        raise KitnetError(f"{path}: it is a folder; give the name of a file, such as --torch model.pth")
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
        return golden_samples(run)


def _title(run: Path) -> str:
    """The run's name; of a model file that of the file."""
    return run.resolve().name if run.is_dir() else run.stem
