"""What a run begins with: a network of the zoo with as many classes as its data have, and the weights of a
network that has learned before.
"""

from __future__ import annotations

import math
from pathlib import Path

from kitnet.base.error import KitnetError
from kitnet.base.shape import say
from kitnet.net import Net
from kitnet.surgery.parts import heading
from kitnet.train.model_file import load_network, model_file

TOLD = 4  # paths that a line names


def with_classes(net: Net, classes: int, data: str, replaces: bool) -> tuple[Net, str]:
    """The network, whose last layer is another one where it ends in another number of classes, if it
    `replaces` that; and a line that says so. Raises KitnetError where it may not."""
    if math.prod(net.output_shape) == classes:
        return net, ""
    ends = f"the network ends in {say(net.output_shape)} but {data} has {classes} classes"
    if not replaces:
        besides = ", or let it give its input with --target input" if _may_give_input(net) else ""
        raise KitnetError(f"{ends}; end it with fc{classes}{besides}")
    other = heading(net.graph, f"fc{classes}").net
    gone = [name for name in [*net.outputs][1:] if name not in other.outputs]
    return other, f"{ends}: fc{classes} is in the place of its last layer" + (
        f", and {', '.join(gone)} are left out" if gone else ""
    )


def begin_from(net: Net, where: str) -> str:
    """Copy into the network, whose weights are drawn, those of a model file or a run that have its paths and
    shapes, with the statistics of its norms; gives a line that tells which are new.

    Raises KitnetError where nothing fits, and ModelFileError.
    """
    old = load_network(model_file(Path(where)))
    fit = {
        path for path, array in old.weights.items() if path in net.weights and _fits(net, path, array.shape)
    }
    if not fit:
        path, param = next(iter(net.weights.params.items()))
        raise KitnetError(
            f"--weights {where}: none of its {len(old.weights)} parameters has a path and a shape of "
            f"this network, such as {path} of {say(param.shape)}; give a file of the same network"
        )
    weights = {path: old.weights[path] if path in fit else array for path, array in net.weights.items()}
    state = {
        node: buffers
        for node, buffers in old.state.items()
        if {name: array.shape for name, array in buffers.items()}
        == {name: array.shape for name, array in net.state.get(node, {}).items()}
    }
    net.adopt(weights, state)
    new = [path for path in net.weights if path not in fit]
    told = ", ".join(new[:TOLD]) + (f" and {len(new) - TOLD} more" if len(new) > TOLD else "")
    return f"begins from {where}" + (f"; new are {told}" if new else "")


def _may_give_input(net: Net) -> bool:
    """Whether the network ends in as many numbers as it reads."""
    return len(net.operands) == 1 and math.prod(net.output_shape) == math.prod(net.input_shape)


def _fits(net: Net, path: str, shape: tuple[int, ...]) -> bool:
    return net.weights.params[path].shape == shape
