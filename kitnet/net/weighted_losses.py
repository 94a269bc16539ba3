"""Several losses as one text: the loss of the main output, and behind commas those of others by name, each
perhaps with a weight.

    sigmoid_cross_entropy, code: gaussian_divergence * 0.5
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from kitnet.base.error import KitnetError, cut, nearest_or_all, shorten
from kitnet.layers import Loss
from kitnet.net.graph import Graph
from kitnet.net.notation import write_layer
from kitnet.net.objective import loss_by_name

Others = Mapping[str, tuple[Loss, float]]  # the losses of further outputs by name, with their weights


def read_losses(text: str, graph: Graph) -> tuple[Loss, dict[str, tuple[Loss, float]]]:
    """The loss of the main output, and those of others with their weights. Raises KitnetError."""
    first, *rest = text.split(",")
    loss, others = loss_by_name(first.strip()), dict[str, tuple[Loss, float]]()
    names = list(graph.outputs)[1:]
    for part in rest:
        name, colon, said = (each.strip() for each in part.partition(":"))
        if not colon:
            raise KitnetError(
                f"--loss {shorten(part.strip())}: say which output it is of, such as 'code: {cut(name)}'"
            )
        if name not in names:
            raise KitnetError(
                f"--loss: the network has no further output {shorten(name)}"
                f"{nearest_or_all(name, names) or ' and none besides the main one'}"
            )
        if name in others:
            raise KitnetError(f"--loss gives {name} twice; leave one out")
        word, _, factor = (each.strip() for each in said.partition("*"))
        others[name] = loss_by_name(word), _weight(name, factor or "1")
    return loss, others


def write_losses(loss: Loss, others: Others) -> str:
    """The inverse."""
    parts = [write_layer(loss)]
    for name, (other, weight) in others.items():
        parts.append(f"{name}: {write_layer(other)}" + ("" if weight == 1 else f" * {weight:.17g}"))
    return ", ".join(parts)


def _weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise KitnetError(f"--loss: {shorten(text)} is no weight for {name}; use a number of 0 or more")
    return weight
