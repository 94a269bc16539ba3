"""A convolution cut down to the links of a connection table, with the weights of the links that stay (LeCun
et al. 1998, Table I: "not every map is connected with every other")."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.layers import Convolution
from kitnet.layers.connection_table import ConnectionTable
from kitnet.net import Graph, Net
from kitnet.surgery.edit import Draft, Edit, Made
from kitnet.surgery.parts import convolution_at


def prune(net: Net, path: str, table: ConnectionTable) -> Net:
    """The network whose convolution at this path has only the links of a table: all others are gone, as if
    their weights were 0. Layers with the same weights are pruned with it.

    Raises KitnetError, with the path, for a table of links that the layer has not.
    """
    return pruning(net.graph, path, table).of(net)


def pruning(graph: Graph, path: str, table: ConnectionTable) -> Edit:
    """`prune`, of a graph."""
    owner, draft = convolution_at(graph, path).owner, Draft(graph)
    for i, node in enumerate(graph.nodes):
        if not isinstance(node.layer, Convolution) or node.owner != owner:
            draft.keep(i)
            continue
        depth = graph.shapes_into(node)[0][-1]
        weight = _linked(node.path, owner, node.layer, depth, table)
        draft.keep(i, replace(node.layer, table=table, groups=1), weight=weight)
    return draft.edit()


def _linked(path: str, owner: str, layer: Convolution, depth: int, table: ConnectionTable) -> Made:
    """The weights of the links, in the order of the table."""
    if len(table.columns) != layer.filters:
        raise KitnetError(
            f"{path}: the connection table has {len(table.columns)} columns for {layer.filters} filters; "
            "give one a filter"
        )
    planes: list[Any] = []
    for k, column in enumerate(table.columns):
        own = dict(layer.planes(depth, k))
        for c in column:
            if c not in own:
                raise KitnetError(
                    f"{path}: filter {k} has no weights for map {c}; name maps that it sees: "
                    f"{', '.join(map(str, own))}"
                )
            planes.append(own[c])

    def made(net: Net) -> Array:
        weight = net.weights[f"{owner}.weight"]
        return np.stack([weight[..., *plane] for plane in planes], -1)

    return made
