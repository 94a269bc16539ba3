"""Cells of the visual cortex by hand: oriented edges, Gabor filters, and what S cells learn from seeds."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.net import Net, parse

REINFORCEMENT = 1e4  # of an S cell's synapses: so much that its answer depends on the angle alone


def _places(size: int, angle: float) -> tuple[Array, Array, Array]:
    """(size, size): how far each place lies along the angle and across it from the centre, and whether it
    lies in the circle."""
    along = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(along, along, indexing="ij")
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return u, v, u**2 + v**2 <= (size / 2) ** 2


def edges(count: int, size: int) -> Array:
    """(size, size, 1, count): discs that are 1 on one side of an edge through the centre and 0 on the other;
    edge i is bright towards the angle 2 pi i / count, with 0 to the right and pi / 2 downwards."""
    found = []
    for i in range(count):
        u, _, inside = _places(size, 2 * np.pi * i / count)
        found.append(np.clip(u + 0.5, 0, 1) * inside)
    return np.stack(found, -1)[:, :, None]


def gabors(count: int, size: int) -> Array:
    """(size, size, 1, count): filters e^(-(u^2 + 0.09 v^2) / 2 s^2) cos(2 pi u / l), filter i at the
    angle pi i / count, with mean 0 and length 1.

    s = 0.0036 size^2 + 0.35 size + 0.18 and l = s / 0.8, as Serre et al. 2007, table 1, were tuned to cells.
    """
    s = 0.0036 * size**2 + 0.35 * size + 0.18
    found = []
    for i in range(count):
        u, v, inside = _places(size, np.pi * i / count)
        wave = np.exp(-(u**2 + 0.09 * v**2) / (2 * s**2)) * np.cos(2 * np.pi * u * 0.8 / s)
        wave = np.where(inside, wave - wave[inside].mean(), 0)
        found.append(wave / np.linalg.norm(wave))
    return np.stack(found, -1)[:, :, None]


def reinforced(seeds: Array) -> dict[str, Array]:
    """The weights of S cells that have learned windows (*window, C, K): excitation and inhibition grow
    together, the first in proportion to the seed (Fukushima 1980). A seed of zeros makes a
    cell that is always silent."""
    axes = tuple(range(seeds.ndim - 1))
    size = seeds[..., 0].size
    lengths = np.sqrt((seeds**2).sum(axes))
    directions = np.divide(seeds, lengths, out=np.zeros_like(seeds), where=lengths > 0)
    return {
        "weight": REINFORCEMENT * directions / size**0.5,
        "inhibition": np.where(lengths > 0, REINFORCEMENT / 2, 0),
    }


def set_weights(net: Net, path: str, arrays: dict[str, Array]) -> None:
    """Fill the weights of one layer."""
    for name, array in arrays.items():
        net.weights[f"{path}.{name}"][...] = array


def hubel_wiesel(orientations: int = 8) -> Net:
    """Simple and complex cells (Hubel & Wiesel 1962): each plane of S answers to an edge of its orientation
    at its place, and C to the same edge anywhere in 4x4 places."""
    net = parse(f"16x16x1 -> S:scell5-{orientations} same -> C:maxpool4")
    set_weights(net, "S", reinforced(edges(orientations, 5)))
    return net
