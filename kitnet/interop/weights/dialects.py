"""Which libraries have which network of the zoo, and how its arrays are called there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from kitnet.interop.weights import torch_names as torch
from kitnet.interop.weights.slots import SAME, Orders, Slot, torch_slots
from kitnet.layers import Convolution, Layer, Linear
from kitnet.net import Graph, Net
from kitnet.surgery.edit import Draft

Names = Callable[[Graph], Mapping[str, str]]


@dataclass(frozen=True)
class Dialect:
    """The names that `library` gives the arrays of a network, what its layers do otherwise than the zoo's,
    and which channels it has in another order."""

    library: str
    names: Names
    layers: Callable[[Graph], Mapping[str, Layer]] = lambda graph: {}
    orders: Callable[[Graph], Orders] = lambda graph: SAME

    def slots(self, graph: Graph) -> list[Slot]:
        return torch_slots(graph, self.names(graph), self.orders(graph))


BOTH = "torchvision and timm"
VGG = (
    Dialect("torchvision", torch.sequential),
    Dialect(
        "timm",
        partial(torch.sequential, classifier=("pre_logits.fc1", "pre_logits.fc2", "head.fc")),
    ),
)
AKAMASTER = partial(torch.resnet, shortcut="shortcut", last="linear")
TORCH: dict[str, tuple[Dialect, ...]] = {
    "alexnet": (Dialect("torchvision", torch.sequential),),
    **dict.fromkeys(("vgg11", "vgg13", "vgg16", "vgg19"), VGG),
    **dict.fromkeys(("vgg11:bn", "vgg13:bn", "vgg16:bn", "vgg19:bn"), VGG),
    **dict.fromkeys(
        ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), (Dialect(BOTH, torch.resnet),)
    ),
    "googlenet:bn": (Dialect("torchvision", torch.googlenet, torch.inception_layers),),
    "inception-v3": (Dialect(BOTH, torch.inception_v3, torch.inception_layers),),
    **dict.fromkeys(
        ("densenet121", "densenet161", "densenet169", "densenet201"), (Dialect(BOTH, torch.densenet),)
    ),
    **dict.fromkeys(("squeezenet1.0", "squeezenet1.1"), (Dialect("torchvision", torch.sequential),)),
    "mobilenet-v2": (
        Dialect("torchvision", torch.mobilenet_v2),
        Dialect("timm", torch.mobilenet_v2_timm),
    ),
    **dict.fromkeys(
        ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202"),
        (Dialect("akamaster's ResNets", AKAMASTER, orders=torch.zeros_on_both_sides),),
    ),
    "resnet20:projection": (
        Dialect("akamaster's ResNets", AKAMASTER),
        Dialect("chenyaofo's ResNets", torch.resnet),
    ),
}


OWN = Dialect("kitnet", torch.own_paths)


def dialects_of(model: str) -> tuple[Dialect, ...]:
    """Those of a name of the zoo; of anything else kitnet's own paths alone."""
    return (*TORCH.get(model, ()), OWN)


def with_layers(net: Net, layers: Mapping[str, Layer]) -> Net:
    """The network with other layers at these paths, its weights not drawn yet. Raises ShapeError."""
    if not layers:
        return net
    draft = Draft(net.graph)
    for i, node in enumerate(net.graph.nodes):
        draft.keep(i, layers.get(node.path))
    return draft.edit().net


def of_classes(net: Net, classes: int) -> Net:
    """The network with so many classes: as many units of the last layer, and of each auxiliary head's."""
    graph, layers = net.graph, dict[str, Layer]()
    for i in graph.outputs.values():
        before = [graph.nodes[j] for j in graph.leading_to(i)]
        last = next(node for node in reversed(before) if isinstance(node.layer, Linear | Convolution))
        layer = last.layer
        if isinstance(layer, Linear) and layer.units != classes:
            layers[last.path] = replace(layer, units=classes)
        elif isinstance(layer, Convolution) and layer.filters != classes:
            layers[last.path] = replace(layer, filters=classes)
    return with_layers(net, layers)
