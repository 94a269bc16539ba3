"""A network of Caffe, as its `.prototxt` describes it.

Blobs are called by their names; a layer may give its result the name of what it read (in place). What stands
for training alone, or only measures, is left out, and told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from kitnet.base.error import DataError, KitnetError, ShapeError, cut, shorten
from kitnet.base.shape import Shape, say
from kitnet.interop.caffe.layers import READERS, read_layer
from kitnet.interop.caffe.message import Message
from kitnet.interop.caffe.text import parse_text
from kitnet.layers import BatchNorm
from kitnet.net import Graph, Net, parse
from kitnet.net.notation import write_layer

MOST_BYTES = 1 << 22
MOST_LAYERS = 10_000
# the names of types in files before 2014, where they are other than in capitals with _ between the words
OLD = {
    "CONVOLUTION": "Convolution",
    "POOLING": "Pooling",
    "INNER_PRODUCT": "InnerProduct",
    "RELU": "ReLU",
    "LRN": "LRN",
    "DROPOUT": "Dropout",
    "CONCAT": "Concat",
    "ELTWISE": "Eltwise",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "ACCURACY": "Accuracy",
    "SILENCE": "Silence",
    "FLATTEN": "Flatten",
    "SIGMOID": "Sigmoid",
    "TANH": "TanH",
    "DATA": "Data",
    "IMAGE_DATA": "ImageData",
    "HDF5_DATA": "HDF5Data",
    "MEMORY_DATA": "MemoryData",
}
DATA = ("Data", "ImageData", "HDF5Data", "MemoryData", "DummyData")
LOSSES = {
    "SoftmaxWithLoss": "softmax_cross_entropy",
    "EuclideanLoss": "quadratic",
    "SigmoidCrossEntropyLoss": "sigmoid_cross_entropy",
}
MEASURES = ("Accuracy", "Silence")
# of a layer: how it learns, and how its pictures are prepared
BESIDES = ("param", "blobs_lr", "weight_decay", "loss_weight", "propagate_down", "transform_param", "phase")


@dataclass(frozen=True)
class CaffeNet:
    """The network, not drawn yet; its loss, where the file says one; the path of each layer that has arrays,
    by Caffe's name; and what a reader should know."""

    net: Net
    loss: str | None
    paths: dict[str, str]
    told: tuple[str, ...]


def read_prototxt(path: str | Path, input: Shape | None = None) -> CaffeNet:
    """The network of a description, for inference; `input` is its volume (H, W, C) where the file does not
    say it, or another one. Raises KitnetError with file and line."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise DataError(f"more than {MOST_BYTES >> 20} MiB, which no description of a network has")
        return read_text(content.decode(), input)
    except OSError as error:
        raise KitnetError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except UnicodeDecodeError:
        raise KitnetError(f"{path}: no text; give Caffe's description of a network") from None
    except KitnetError as error:
        raise KitnetError(f"{path}: {error}") from None


def read_text(text: str, input: Shape | None = None) -> CaffeNet:
    """The same of a text. Raises DataError with the line."""
    told = parse_text(text)
    making = _Making(input)
    making.inputs(told)
    entries = [*told.parts("layer"), *told.parts("layers")]
    if len(entries) > MOST_LAYERS:
        raise DataError(f"it has more than {MOST_LAYERS:,} layers")
    if not entries:
        raise DataError("it has no layers; give Caffe's description of a network")
    told.text("name")
    told.flag("force_backward", False)
    told.part("state")
    told.check_all_asked()
    for entry in sorted(entries, key=lambda one: one.line):
        making.layer(entry)
    return making.made()


@dataclass
class _Making:
    """A graph in the making: `blobs` are the values by Caffe's names."""

    input: Shape | None
    graph: Graph = field(default_factory=Graph)
    blobs: dict[str, int] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    losses: list[tuple[int, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    _bare: set[int] = field(default_factory=set)  # batch norms that no Scale was behind yet
    _gone: dict[str, str] = field(default_factory=dict)  # blobs that are no values, and what they are

    # What comes in

    def inputs(self, told: Message) -> None:
        """Those that the file names before its layers."""
        names = told.texts("input")
        shapes = [tuple(one.wholes("dim")) for one in told.parts("input_shape")]
        sizes = told.wholes("input_dim")
        shapes += [tuple(sizes[i : i + 4]) for i in range(0, len(sizes), 4)]
        for i, name in enumerate(names):
            self._operand(name, shapes[i] if i < len(shapes) else None, told.line_of("input"))

    def _operand(self, name: str, shape: Shape | None, line: int) -> None:
        """Shapes are N, C, H, W there. What is one number a sample is a label."""
        if shape is not None and len(shape) not in (2, 4):
            self._gone[name] = "a label"
            return
        volume = shape and (*shape[2:], shape[1])
        if not any(node.layer is None for node in self.graph.nodes):
            volume = volume if self.input is None else self.input
        if volume is None:
            raise DataError(
                f"line {line}: it does not say how large the pictures of {shorten(name)} are; say it with "
                "--input, such as 28x28x1"
            )
        self.blobs[name] = self.graph.operand(self._path(name), volume)

    def _data(self, entry: Message, kind: str, tops: list[str]) -> None:
        """The first blob has pictures, the second one labels."""
        if not tops:
            raise DataError(f"line {entry.line}: it makes no blob")
        shape = None
        if kind == "MemoryData":
            numbers = entry.part("memory_data_param")
            sizes = [numbers.whole(name, 0) for name in ("channels", "height", "width")]
            shape = (1, *sizes) if all(sizes) else None
        self._operand(tops[0], shape, entry.line)
        self._gone |= dict.fromkeys(tops[1:], "a label")

    # Layers

    def layer(self, entry: Message) -> None:
        """Raises DataError with the line."""
        try:
            self._layer(entry)
        except ShapeError as error:
            raise DataError(f"line {entry.line}: {error}") from None

    def _layer(self, entry: Message) -> None:
        kind, name = _kind(entry), entry.text("name")
        bottoms, tops = entry.texts("bottom"), entry.texts("top")
        if _is_for_training(entry):
            return
        if kind in DATA:
            self._data(entry, kind, tops)
            return
        if kind == "Input":
            shapes = [tuple(one.wholes("dim")) for one in entry.part("input_param").parts("shape")]
            for i, top in enumerate(tops):
                self._operand(top, shapes[min(i, len(shapes) - 1)] if shapes else None, entry.line)
            return
        if kind in MEASURES:
            self.told.append(f"{kind} {cut(name)} only measures, and is left out")
            self._gone |= dict.fromkeys(tops, f"what {kind} measures")
            return
        if kind in LOSSES:
            scores = self._values(bottoms[:1], entry)
            self.losses.append((scores[0], LOSSES[kind]))
            self.told.append(f"{kind} {cut(name)} is the loss {LOSSES[kind]} here")
            self._gone |= dict.fromkeys(tops, "a loss")
            return
        if kind != "Scale" and kind not in READERS:
            known = ", ".join(sorted({*READERS, *DATA, *LOSSES, *MEASURES, "Input", "Scale"}))
            raise DataError(f"line {entry.line}: {shorten(kind)} is not read; known: {known}")
        values = self._values(bottoms, entry)
        if len(tops) != 1:
            raise DataError(f"line {entry.line}: it makes {len(tops)} blobs, expected one")
        if kind == "Scale":
            self.blobs[tops[0]] = self._scale(entry, name, values, bottoms[0], tops[0])
        else:
            layer = read_layer(kind, entry, tuple(self.graph.nodes[i].shape for i in values))
            index = self.graph.add(self._path(name or kind), layer, *values)
            self.blobs[tops[0]], self.paths[name] = index, self.graph.nodes[index].path
            if isinstance(layer, BatchNorm):
                self._bare.add(index)
        self._gone.pop(tops[0], None)
        entry.check_all_asked(BESIDES)

    def _scale(self, entry: Message, name: str, values: list[int], bottom: str, top: str) -> int:
        """Of a batch norm, which has scale and shift here. Raises DataError for any other."""
        numbers = entry.part("scale_param")
        axis, axes = numbers.whole("axis", 1), numbers.whole("num_axes", 1)
        has_shift = numbers.flag("bias_term", False)
        numbers.check_all_asked(("filler", "bias_filler"))
        read = any(values[0] in node.inputs for node in self.graph.nodes)
        if len(values) != 1 or values[0] not in self._bare or read or (axis, axes) != (1, 1):
            raise DataError(
                f"line {entry.line}: a Scale is read behind a BatchNorm alone, channel by channel"
            )
        self._bare.discard(values[0])
        if not has_shift:
            self.told.append(f"Scale {cut(name)} has no bias: here it has a shift, which is 0 at first")
        if top != bottom:
            del self.blobs[bottom]
            self._gone[bottom] = "the input of a Scale"
        self.paths[name] = self.graph.nodes[values[0]].path
        return values[0]

    def _values(self, names: list[str], entry: Message) -> list[int]:
        if not names:
            raise DataError(f"line {entry.line}: it reads no blob")
        for name in names:
            if name in self._gone and name not in self.blobs:
                raise DataError(f"line {entry.line}: it reads {shorten(name)}, which is {self._gone[name]}")
            if name not in self.blobs:
                raise DataError(
                    f"line {entry.line}: it reads {shorten(name)}, which no layer before it makes"
                )
        return [self.blobs[name] for name in names]

    def _path(self, name: str) -> str:
        """Caffe's name as a path, `conv2/norm` as conv2_norm, with a number behind it where it is taken."""
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII)[:60] or "layer"
        plain = plain if plain[0].isalpha() else f"l{plain}"
        path, number = plain, 1
        while path in self.graph:
            number += 1
            path = f"{plain}-{number}"
        return path

    # What comes out

    def made(self) -> CaffeNet:
        nodes = self.graph.nodes
        read = {i for node in nodes for i in node.inputs}
        ends = [i for i, node in enumerate(nodes) if i not in read and node.layer is not None]
        ends += [i for i, _ in self.losses if i not in ends]
        if not ends:
            raise DataError("it has no layers that compute anything for inference")
        main, *others = reversed(ends)
        self.graph.output("output", main)
        for i in others:
            self.graph.output(nodes[i].path, i)
        for i in sorted(self._bare):
            self.told.append(
                f"BatchNorm {cut(nodes[i].path)} has no Scale behind it: here it has a scale and a shift, "
                "which are 1 and 0 at first"
            )
        loss = next((word for i, word in self.losses if i == main), None)
        return CaffeNet(_as_line(self.graph), loss, self.paths, tuple(self.told))


def _as_line(graph: Graph) -> Net:
    """The network, of a chain with its line."""
    first, *rest = graph.nodes
    if all(node.inputs == (i,) and node.layer is not None for i, node in enumerate(rest)):
        layers = [f"{node.path}:{write_layer(node.layer)}" for node in rest if node.layer is not None]
        return parse(" -> ".join([say(first.shape), *layers]))
    return Net(graph)


def _kind(entry: Message) -> str:
    """The type of a layer; in files before 2014 a word without quotes."""
    line = entry.line_of("type")
    if "layer" in entry:
        raise DataError(
            f"line {entry.line}: this form of 2013 is not read; let Caffe's upgrade_net_proto_text do it"
        )
    try:
        found = entry.text("type")
    except DataError:
        return OLD[entry.word("type", "", OLD)]
    if not found:
        raise DataError(f"line {line}: a layer without a type")
    return found


def _is_for_training(entry: Message) -> bool:
    """Whether the rules of an entry leave it out of inference."""
    phases = ("TRAIN", "TEST")
    wanted = [_phase(rule, phases) for rule in entry.parts("include")]
    unwanted = [_phase(rule, phases) for rule in entry.parts("exclude")]
    return "TEST" in unwanted or (bool(wanted) and "TEST" not in wanted)


def _phase(rule: Message, phases: tuple[str, ...]) -> str:
    found = rule.word("phase", "TEST", phases)
    rule.check_all_asked()
    return found
