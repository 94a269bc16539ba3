"""`kitnet look`: maps, filters and the activation strip of a network as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.base.shape import say as say_shape
from kitnet.base.spec import Array
from kitnet.cli.flags import Engine, Megapixels
from kitnet.cli.looked import Invert, Looked, Target, check_png, read_looked, read_picture
from kitnet.cli.screen import busy, say
from kitnet.files import write_whole
from kitnet.look import (
    Inside,
    Probe,
    filters_of,
    filters_sheet,
    first_filters,
    maps_of,
    maps_sheet,
    png,
    strip,
)
from kitnet.net import Net
from kitnet.net.notation import write_layer
from kitnet.train import Model


def command(
    model: Looked,
    /,
    *,
    image: Annotated[str | None, Parameter(help="A picture, grey or colour, of any size.")] = None,
    layer: Annotated[
        str | None, Parameter(help="The layer whose maps, or with --filters filters, are drawn.")
    ] = None,
    filters: bool = False,
    strip: bool = False,
    gradient: bool = False,
    target: Target = None,
    output: Annotated[Path, Parameter(name=["-o", "--output"], help="The PNG file to write.")] = Path(
        "look.png"
    ),
    invert: Invert = False,
    megapixels: Megapixels = None,
    engine: Engine = None,
) -> None:
    """What is inside a network, as one PNG picture: the maps of a layer for a picture, the filters of a
    layer, or the strip of all layers.

    Parameters
    ----------
    filters
        The filters of --layer, of the first layer unless given: patches of colour where it reads pictures.
    strip
        Some maps of every layer as columns, ending in the five best classes.
    gradient
        The gradient of the loss of --target at the layer, in the place of its maps.
    """
    check_png("-o", output)
    _check(image, layer, filters, strip, gradient, target)
    looked = read_looked(model)
    if filters:
        pixels, told = _filters(looked, layer)
    else:
        assert image is not None
        picture = read_picture(image, megapixels, invert)
        with busy("computing all values"):
            inside = Probe(looked, engine=engine)(picture, target)
            pixels, told = _strip(inside) if strip else _maps(inside, str(layer), gradient)
    write_whole(output, png(pixels))
    say(f"{output}: {told}")


def _check(
    image: str | None, layer: str | None, filters: bool, strip: bool, gradient: bool, target: str | None
) -> None:
    """Raises KitnetError for flags that do not go together."""
    if filters + strip + gradient > 1:
        raise KitnetError("--filters, --strip and --gradient are three pictures; ask for one of them")
    if filters and (image is not None or target is not None):
        raise KitnetError("--filters are the same for every picture; leave --image and --target out")
    if strip and layer is not None:
        raise KitnetError("--strip shows all layers; leave --layer out")
    if not filters and image is None:
        raise KitnetError("maps are those of a picture; give one, as in --image digit.png")
    if not (filters or strip) and layer is None:
        raise KitnetError("name a layer, as in --layer conv1, or ask for --strip or --filters")
    if gradient != (target is not None):
        raise KitnetError("--gradient and --target go together: the gradient of the loss of a class")


def _filters(looked: Model | Net, layer: str | None) -> tuple[Array, str]:
    net = looked.net if isinstance(looked, Model) else looked
    found = first_filters(net) if layer is None else filters_of(net, layer)
    if found is None:
        raise KitnetError("no first layer reads a picture with filters; name one, as in --layer conv1")
    node = net.graph.nodes[net.graph.find(found.path)]
    assert node.layer is not None
    title = f"filters of {found.path}: {write_layer(node.layer)}"
    return filters_sheet(found, title), title


def _maps(inside: Inside, path: str, gradient: bool) -> tuple[Array, str]:
    value = inside.gradient(path) if gradient else inside.value(path)
    title = f"{'gradient at' if gradient else 'maps of'} {path}: {say_shape(value.shape)}"
    found = maps_of(value)
    return maps_sheet(found, title), f"{title}; {found.range}"


def _strip(inside: Inside) -> tuple[Array, str]:
    name, _ = inside.best(1)[0]
    return strip(inside), f"strip of all layers; the best class is {name}"
