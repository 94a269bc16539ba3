"""`kitnet surgery`: a network changed into another one, and slid over larger images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.argument import thread_count, whole
from kitnet.base.error import KitnetError, shorten
from kitnet.base.shape import Shape
from kitnet.base.shape import say as say_shape
from kitnet.cli.dense_text import dense_json, print_dense, scanned, some
from kitnet.cli.flags import Json, Memory, Threads, Whole
from kitnet.cli.matrix_text import print_matrix
from kitnet.cli.network import read_network
from kitnet.cli.screen import busy, print_json, say, say_wrapped
from kitnet.data.check import check_classes
from kitnet.layers import Loss
from kitnet.layers.connection_table import TABLE, ConnectionTable
from kitnet.net import Graph, Net
from kitnet.net.language import read_volume
from kitnet.surgery import Edit, foldable
from kitnet.surgery.borders import reaches
from kitnet.surgery.folding import folding
from kitnet.surgery.parts import appending, cutting, heading, renaming
from kitnet.surgery.pruning import pruning
from kitnet.surgery.sliding import averaging, convolving, linearising, resizing
from kitnet.train import Model, load_network, save_network
from kitnet.train.model_file import is_model
from kitnet.train.saved import saved_model

SAME_SCORES = ("fold", "rename", "convolve", "linear")  # operations that leave the scores of an image alone


@dataclass(frozen=True)
class Operations:
    """What is done, in this order."""

    fold: Annotated[
        bool, Parameter(help="Fold batch norms into the convolutions and linear layers in front of them.")
    ] = False
    prune: Annotated[
        tuple[str, ...],
        Parameter(
            consume_multiple=True,
            help="PATH=TABLE: only these links of a convolution, such as C3=lenet5 or conv2=0.1/1.2.",
        ),
    ] = ()
    cut: Annotated[str | None, Parameter(help="Keep what leads to this path, and nothing else.")] = None
    head: Annotated[
        str | None,
        Parameter(
            help="Other layers, such as fc10, in the place of the last linear layer or convolution and all "
            "behind it; with --cut, behind what is kept. Their weights are drawn."
        ),
    ] = None
    rename: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, help="OLD=NEW: another name for a layer or a block."),
    ] = ()
    convolve: Annotated[
        bool, Parameter(help="Turn linear layers into convolutions: the network slides over larger images.")
    ] = False
    linear: Annotated[
        bool, Parameter(help="Turn convolutions whose window is their whole input into linear layers.")
    ] = False
    input: Annotated[
        str | None, Parameter(help="Another input, such as 384x384; images are enlarged in proportion.")
    ] = None
    average: Annotated[bool, Parameter(help="The mean of the scores of all positions at the end.")] = False

    @property
    def given(self) -> list[str]:
        """Those that are asked for."""
        return [name for name, value in vars(self).items() if value not in (None, False, ())]


@dataclass(frozen=True)
class Result:
    """Where the new network goes."""

    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="A file for the new model, which must not exist."),
    ] = None
    network_only: Annotated[
        bool, Parameter(help="Write the network alone, without classes, preparation and golden images.")
    ] = False
    classes: Annotated[
        str | None, Parameter(help="Names of the classes of a new head, with commas between.")
    ] = None
    seed: Annotated[Whole, Parameter(help="Decides the weights that are drawn.")] = 0


@dataclass(frozen=True)
class Sliding:
    """The network slides over images."""

    dense: Annotated[
        tuple[str, ...],
        Parameter(
            consume_multiple=True,
            help="Images that the model slides over, at the size of --input or their own: a map of classes, "
            "its mean, and how it compares with crops, in time and in scores.",
        ),
    ] = ()
    stride: Annotated[
        Whole | None, Parameter(help="Places of the image between two scores, by several shifted passes.")
    ] = None
    threads: Threads = None


def command(
    model: Annotated[
        str, Parameter(help="A run folder, a model file, a name (see `kitnet models`) or a line.")
    ],
    /,
    *,
    operations: Annotated[Operations, Parameter(name="*")] = Operations(),
    result: Annotated[Result, Parameter(name="*")] = Result(),
    sliding: Annotated[Sliding, Parameter(name="*")] = Sliding(),
    matrix: Annotated[str | None, Parameter(help="A convolution, whose matrix is described.")] = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Change a network: its weights are carried over, what it is made of stays as it is.

    Without -o the new network is only printed.
    """
    thread_count(sliding.threads, "--threads")
    whole("--seed", result.seed, 0)
    _check_flags(operations, result, sliding, matrix)
    classes = _classes(result.classes)
    net, trained = _read(model, memory)
    if sliding.dense:
        _slide(model, trained, operations, sliding, json)
        return
    if matrix is not None:
        print_matrix(net, matrix, json)
        return
    loss = trained.loss if trained else None
    edits = list(_edits(net.graph, operations, loss))
    graph = edits[-1].graph if edits else net.graph
    shown = Net(graph, edits[-1].net.body) if edits else net
    told = _told(net.graph, graph, operations)
    if result.output is None:
        _tell(model, shown, told, None, json)
        return
    for edit in edits:
        net = edit.of(net, result.seed)
    if result.network_only:
        save_network(result.output, net)
        _tell(model, net, told, {"file": str(result.output)}, json)
        return
    if trained is None:
        raise KitnetError(f"{shorten(model)} has no classes and no golden images; add --network-only")
    try:
        new = trained.with_network(net, classes)
    except KitnetError as error:
        raise KitnetError(f"{error}; --network-only writes the network without classes") from None
    written = _save(model, new, result.output, all(name in SAME_SCORES for name in operations.given))
    _tell(model, net, told, written, json)


def _read(model: str, memory: int | None) -> tuple[Net, Model | None]:
    """The network that is meant, and the trained model where it is one."""
    file = saved_model(model)
    if file is None:
        return read_network(model, None)[0], None
    if not is_model(file):
        return load_network(file), None
    trained = Model.load(file, memory)
    return trained.net, trained


def _edits(graph: Graph, asked: Operations, loss: Loss | None) -> Iterator[Edit]:
    """One edit behind the other, each of the graph that the one before it gives."""
    if asked.fold:
        yield (edit := folding(graph))
        graph = edit.graph
    for path, table in map(_table, asked.prune):
        yield (edit := pruning(graph, path, table))
        graph = edit.graph
    if asked.cut is not None:
        yield (edit := cutting(graph, asked.cut))
        graph = edit.graph
    if asked.head is not None:
        cut_before = asked.cut is not None
        yield (edit := appending(graph, graph.main, asked.head) if cut_before else heading(graph, asked.head))
        graph = edit.graph
    if asked.rename:
        yield (edit := renaming(graph, dict(_pair("--rename", one, "fc1=conv6") for one in asked.rename)))
        graph = edit.graph
    if asked.convolve and asked.linear:
        raise KitnetError("--convolve and --linear undo each other; leave out one of them")
    if asked.convolve:
        yield (edit := convolving(graph))
        if edit.graph == graph:
            raise KitnetError("--convolve changes nothing: the network has no linear layer")
        graph = edit.graph
    if asked.input is not None:
        yield (edit := resizing(graph, _volume(asked.input, graph)))
        graph = edit.graph
    if asked.linear:
        yield (edit := linearising(graph))
        graph = edit.graph
    if asked.average:
        yield _averaging(graph, asked, loss)


def _averaging(graph: Graph, asked: Operations, loss: Loss | None) -> Edit:
    """`averaging`, with the flags that would give positions or take them."""
    try:
        return averaging(graph, loss)
    except KitnetError as error:
        if asked.linear:
            why = "--linear leaves no positions that --average could take the mean of"
            raise KitnetError(f"{why}; leave out one of them") from None
        told = str(error).replace("turn linear layers into convolutions first", "add --convolve")
        raise KitnetError(told) from None


def _table(text: str) -> tuple[str, ConnectionTable]:
    path, table = _pair("--prune", text, "C3=lenet5")
    try:
        return path, TABLE.read(table)
    except ValueError:
        raise KitnetError(f"--prune {shorten(text)}: a table is {TABLE.expected}") from None


def _pair(flag: str, text: str, example: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise KitnetError(f"{flag} {shorten(text)}: write it like {example}")
    return left, right


def _volume(text: str, graph: Graph) -> Shape:
    """384x384 or 384x384x3, with the depth of the network's own input where it is left out."""
    own = next(iter(graph.operands.values()))
    try:
        given = read_volume(text)
    except ValueError:
        raise KitnetError(f"--input {shorten(text)} is no volume; write it like 384x384") from None
    if len(given) == len(own) - 1:
        return *given, own[-1]
    if len(given) != len(own):
        raise KitnetError(
            f"--input {text}: the network's own is {say_shape(own)}; write as many numbers, or leave out "
            "the depth"
        )
    return given


def _classes(text: str | None) -> list[str] | None:
    if text is None:
        return None
    check_classes(names := [name.strip() for name in text.split(",")])
    return names


@dataclass(frozen=True)
class Told:
    """What is to be known of the new network: norms that could not be folded, each with the reason, and the
    layers that let borders in where it slides (None where it was not made to slide), or why it does not."""

    not_folded: dict[str, str]
    borders: tuple[str, ...] | None = None
    slides_not: str = ""


def _told(before: Graph, after: Graph, asked: Operations) -> Told:
    left = {path: why for path, why in foldable(before).items() if why} if asked.fold else {}
    if not asked.convolve and asked.input is None:
        return Told(left)
    try:
        return Told(left, reaches(after)[1])
    except KitnetError as error:
        return Told(left, slides_not=str(error))


def _check_flags(asked: Operations, result: Result, sliding: Sliding, matrix: str | None) -> None:
    """Whether the flags go together. Raises KitnetError."""
    looks = "--dense" if sliding.dense else "--matrix" if matrix is not None else ""
    goes = ("convolve", "input") if sliding.dense else ()
    other = [f"--{name}" for name in asked.given if name not in goes]
    other += ["-o"] if result.output else []
    if looks and other:
        raise KitnetError(f"{looks} looks at the model as it is; leave out {' and '.join(other)}")
    for flag, value in (("--stride", sliding.stride), ("--threads", sliding.threads)):
        if value is not None and not sliding.dense:
            raise KitnetError(f"{flag} is for --dense IMAGE; add it, or leave out {flag}")
    if not (looks or asked.given):
        if result.classes is not None:
            raise KitnetError("--classes names the classes of a new head; add --head, such as --head fc10")
        raise KitnetError("say what shall be done, such as --convolve; kitnet surgery --help lists it all")
    if result.output is None and (result.network_only or result.classes is not None):
        raise KitnetError("--network-only and --classes are for what -o writes; add -o, or leave them out")
    if result.network_only and result.classes is not None:
        raise KitnetError("--network-only writes no classes; leave out --classes")
    if result.output is not None and result.output.exists():
        raise KitnetError(f"{result.output}: it exists; give another name")


def _save(model: str, new: Model, path: Path, same: bool) -> dict[str, object]:
    """Write a whole model with the golden images of the old one; what is to be told of it. `same`: the scores
    should be those of the old one."""
    images, recorded = Model.golden(model)
    new.save(path, images)
    _, scores = Model.golden(path)
    told: dict[str, object] = {"file": str(path), "golden_images": len(images)}
    if same:
        told["largest_difference"] = float(abs(scores - recorded).max())
    return told


def _tell(model: str, net: Net, told: Told, written: dict[str, object] | None, json: bool) -> None:
    parameters = sum(param.size for param in net.graph.params().values())
    outputs = {name: list(shape) for name, shape in net.outputs.items()}
    if json:
        document = {"model": model, "network": str(net), "outputs": outputs, "parameters": parameters}
        found = {"not_folded": told.not_folded, "borders_through": told.borders, "written": written}
        print_json({**document, **found})
        return
    say_wrapped(str(net))
    positions = math.prod(net.output_shape[:-1])
    many = f", {positions:,} positions" if positions > 1 else ""
    say(f"output {say_shape(net.output_shape)}{many}, {parameters:,} parameters")
    for path, why in told.not_folded.items():
        say_wrapped(f"not folded: {path}, since {why}")
    if told.borders:
        say_wrapped(
            "on larger images scores are not those of crops: padding, or means over the whole image, have a "
            f"part in them through {some(told.borders)}"
        )
    if told.slides_not:
        say_wrapped(f"it does not slide over larger images: {told.slides_not}")
    if written:
        golden = ""
        if "golden_images" in written:
            golden = f": {written['golden_images']} golden images"
        if "largest_difference" in written:
            golden += f", scores differ from the old ones by at most {written['largest_difference']:.1g}"
        say(f"wrote {written['file']}{golden}")


def _slide(model: str, trained: Model | None, asked: Operations, how: Sliding, json: bool) -> None:
    if trained is None:
        raise KitnetError(
            f"--dense needs a trained model, which says how an image becomes its input, not {shorten(model)}"
        )
    size = None if asked.input is None else _volume(asked.input, trained.net.graph)
    with busy("sliding over the images, and over their crops one by one"):
        found = [scanned(trained, file, size, how.stride, how.threads) for file in how.dense]
    if json:
        print_json([dense_json(one) for one in found])
        return
    for one in found:
        print_dense(one)
