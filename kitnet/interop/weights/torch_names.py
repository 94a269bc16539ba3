"""What PyTorch's libraries call the layers of networks of the zoo: torchvision, timm, and the ResNets for
CIFAR of Idelbayev (`akamaster`) and of Chen (`chenyaofo`).

A function gives for a graph the module of each node that has arrays. It follows the structure of the paths,
so that a network of another width or depth has names as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, groupby

from kitnet.interop.weights.slots import Order, Orders, with_arrays
from kitnet.layers import BatchNorm, Convolution, Dropout, Layer, Linear, MeanPool, PadChannels
from kitnet.net import Graph, Node

Names = dict[str, str]
SHORT = {"conv": "conv", "batchnorm": "bn"}


def resnet(graph: Graph, shortcut: str = "downsample", last: str = "fc") -> Names:
    """`layer2.0.conv1` for `stage2.residual1.body.conv1`; a shortcut is a row of convolution and norm."""
    names, blocks = {}, dict[str, int]()  # blocks of a stage, counted from 0
    for node in with_arrays(graph):
        found = re.fullmatch(r"(stage(\d+)\.(?:.*\.)?residual\d+)\.(body|shortcut)\.([a-z]+)(\d+)", node.path)
        if found is None:
            names[node.path] = last if isinstance(node.layer, Linear) else _numbered(node.path)
            continue
        block, stage, side, word, number = found.groups()
        before = sum(each.startswith(f"stage{stage}.") for each in blocks)
        place = f"layer{stage}.{blocks.setdefault(block, before)}"
        inner = f"{SHORT[word]}{number}" if side == "body" else f"{shortcut}.{int(word == 'batchnorm')}"
        names[node.path] = f"{place}.{inner}"
    return names


def own_paths(graph: Graph) -> Names:
    """kitnet's own paths, `stage1.conv2`."""
    return {node.path: node.path for node in with_arrays(graph)}


def _numbered(path: str) -> str:
    return path.replace("batchnorm", "bn")


def zeros_on_both_sides(graph: Graph) -> Orders:
    """Where a shortcut adds zeros as new maps, `akamaster` puts half of them before the old ones, kitnet all
    behind: the same network, with the channels of each later stage in another order."""
    pads = {
        node.path.partition(".shortcut")[0]: node
        for node in graph.nodes
        if isinstance(node.layer, PadChannels)
    }
    read, given = dict[str, Order](), dict[str, Order]()
    order: Order | None = None
    for node in with_arrays(graph):
        block, _, inner = node.path.partition(".body.")
        if inner == "conv2" and block in pads:
            old, depth = graph.shapes_into(pads[block])[0][-1], pads[block].shape[-1]
            front = (depth - old) // 2
            zeros = (*range(front), *range(front + old, depth))
            order = (*(front + i for i in order or range(old)), *zeros)
        if order is None:
            continue
        if inner in ("conv2", "batchnorm2"):
            given[node.path] = order
        elif inner == "conv1" or isinstance(node.layer, Linear):
            read[node.path] = order
    return Orders(read, given)


def sequential(graph: Graph, classifier: tuple[str, ...] = ()) -> Names:
    """`features.0`, counted over all layers, a named part as one; from the first dropout or linear layer on
    `classifier.0`, or the names that are given."""
    names: Names = {}
    units = [(path, list(nodes)) for path, nodes in groupby(graph.nodes[1:], lambda node: _unit(node.path))]
    begins = next(i for i, (_, nodes) in enumerate(units) if isinstance(nodes[0].layer, Dropout | Linear))
    linear = iter(classifier)
    for i, (_, nodes) in enumerate(units):
        place = f"features.{i}" if i < begins else f"classifier.{i - begins}"
        if i >= begins and classifier and isinstance(nodes[0].layer, Linear):
            place = next(linear)
        names |= _unit_names(nodes, place)
    return names


def _unit(path: str) -> str:
    """A stage is written layer by layer, any other part is one."""
    head = path.partition(".")[0]
    return path if head.startswith("stage") else head


def _unit_names(nodes: list[Node], place: str) -> Names:
    fire = {"conv1": "squeeze", "concat1.0.conv1": "expand1x1", "concat1.1.conv1": "expand3x3"}
    found = {}
    for node in nodes:
        if isinstance(node.layer, Convolution | Linear | BatchNorm):
            inside = node.path.partition(".")[2] if node.path.startswith("fire") else ""
            found[node.path] = f"{place}.{fire[inside]}" if inside else place
    return found


def densenet(graph: Graph) -> Names:
    names: Names = {"conv1": "features.conv0", "batchnorm1": "features.norm0"}
    for node in with_arrays(graph):
        if found := re.fullmatch(r"block(\d+)\.(\d+)\.1\.(conv|batchnorm)(\d)", node.path):
            block, layer, word, number = found.groups()
            kind = word.replace("batchnorm", "norm")
            names[node.path] = f"features.denseblock{block}.denselayer{int(layer) + 1}.{kind}{number}"
        elif found := re.fullmatch(r"transition(\d+)\.(conv|batchnorm)1", node.path):
            names[node.path] = f"features.transition{found[1]}.{found[2].replace('batchnorm', 'norm')}"
        elif node.path not in names:
            names[node.path] = "classifier" if isinstance(node.layer, Linear) else "features.norm5"
    return names


def inverted(graph: Graph) -> Iterator[tuple[int, int, list[Node]]]:
    """The bottlenecks of MobileNetV2: stage, block in it, counted from 0, and nodes with arrays."""

    def block(node: Node) -> str:
        return node.path.rpartition(".")[0]

    inside = [node for node in with_arrays(graph) if node.path.startswith("stage")]
    for stage, nodes in groupby(inside, lambda node: node.path.split(".")[0]):
        for i, (_, each) in enumerate(groupby(nodes, block)):
            yield int(stage.removeprefix("stage")) - 1, i, list(each)


def mobilenet_v2(graph: Graph) -> Names:
    names = {"conv1": "features.0.0", "batchnorm1": "features.0.1", "fc1": "classifier.1"}
    last = 0
    for last, (_, _, nodes) in enumerate(inverted(graph), 1):
        pairs = len(nodes) // 2
        inner = [f"conv.{j}.{k}" for j in range(pairs - 1) for k in (0, 1)]
        inner += [f"conv.{pairs - 1}", f"conv.{pairs}"]
        names |= {node.path: f"features.{last}.{one}" for node, one in zip(nodes, inner, strict=True)}
    return {**names, "conv2": f"features.{last + 1}.0", "batchnorm2": f"features.{last + 1}.1"}


def mobilenet_v2_timm(graph: Graph) -> Names:
    names = {"conv1": "conv_stem", "batchnorm1": "bn1", "fc1": "classifier"}
    for stage, i, nodes in inverted(graph):
        wide = ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
        inner = wide if len(nodes) == 6 else ["conv_dw", "bn1", "conv_pw", "bn2"]
        names |= {node.path: f"blocks.{stage}.{i}.{one}" for node, one in zip(nodes, inner, strict=True)}
    return {**names, "conv2": "conv_head", "batchnorm2": "bn2"}


V3_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
V3_A = "branch1x1 branch5x5_1 branch5x5_2 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3 branch_pool"
V3_C = (
    "branch1x1 branch7x7_1 branch7x7_2 branch7x7_3 branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 "
    "branch7x7dbl_4 branch7x7dbl_5 branch_pool"
)
V3_E = (
    "branch1x1 branch3x3_1 branch3x3_2a branch3x3_2b branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a "
    "branch3x3dbl_3b branch_pool"
)
V3_MODULES = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), V3_A),
    "Mixed_6a": "branch3x3 branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3",
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), V3_C),
    "AuxLogits": "conv0 conv1",
    "Mixed_7a": "branch3x3_1 branch3x3_2 branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4",
    **dict.fromkeys(("Mixed_7b", "Mixed_7c"), V3_E),
}


def inception_v3(graph: Graph) -> Names:
    """The modules in the order in which both networks compute them."""
    inside = (f"{module}.{branch}" for module, text in V3_MODULES.items() for branch in text.split())
    names = {"fc1": "fc", "aux.fc1": "AuxLogits.fc"}
    return names | _convolutions(graph, chain(V3_STEM, inside))


def googlenet(graph: Graph) -> Names:
    names = {"fc1": "fc"}
    branches = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
    inside: list[str] = ["conv1", "conv2", "conv3"]
    for path in dict.fromkeys(node.path.split(".")[0] for node in graph.nodes):
        if path.startswith("inception"):
            inside += [f"{path}.{branch}" for branch in branches]
        elif path.startswith("aux"):
            inside.append(f"{path}.conv")
            names |= {f"{path}.fc1": f"{path}.fc1", f"{path}.fc2": f"{path}.fc2"}
    return names | _convolutions(graph, iter(inside))


def _convolutions(graph: Graph, modules: Iterator[str]) -> Names:
    """Each convolution and the norm behind it."""
    names, module = {}, ""
    for node in graph.nodes:
        if isinstance(node.layer, Convolution):
            module = next(modules)
            names[node.path] = f"{module}.conv"
        elif isinstance(node.layer, BatchNorm):
            names[node.path] = f"{module}.bn"
    return names


# What makers do otherwise


def inception_layers(graph: Graph) -> dict[str, Layer]:
    """Norms with an eps of 0.001, means that count the padding."""
    found: dict[str, Layer] = {}
    for node in graph.nodes:
        match node.layer:
            case BatchNorm(decay, _, fixed):
                found[node.path] = BatchNorm(decay, 1e-3, fixed)
            case MeanPool() if node.layer.pad == "same":
                found[node.path] = MeanPool(3, 1, "same", count_pad=True)
    return found
