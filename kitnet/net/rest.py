"""What becomes of places that a stride does not divide, layer by layer and with the numbers: the rule of
`on_misfit` where it acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kitnet.base.misfit import rule
from kitnet.base.shape import Axis, Misfit, Shape, Sliding
from kitnet.layers import Layer
from kitnet.layers.window import Windowed

if TYPE_CHECKING:
    from kitnet.net.graph import Graph


def rests(graph: Graph) -> dict[str, list[str]]:
    """The paths of the layers of which the same is to be told, by what that is."""
    found = defaultdict(list)
    for node in graph.nodes:
        if node.layer is not None and (text := rest(node.layer, graph.shapes_into(node))):
            found[text].append(node.path)
    return dict(found)


def way(layer: Layer, x: Sequence[Shape]) -> str:
    """' by ceil' where that has made a whole number of positions."""
    return next((f" by {asked.on_misfit}" for asked, _ in _acting(layer, x)), "")


def rest(layer: Layer, x: Sequence[Shape]) -> str:
    """'(10 - 3 + 2*0) / 2 + 1 = 4.5 positions; by ceil 5: the last window hangs over the end by 1'; nothing
    where the stride divides."""
    texts = (
        f"{rule(asked)} positions; by {asked.on_misfit} {axis.output}: {_treated(asked, axis)}"
        for asked, axis in _acting(layer, x)
    )
    return ", and ".join(dict.fromkeys(texts))


def _acting(layer: Any, x: Sequence[Shape]) -> Iterator[tuple[Sliding, Axis]]:
    """The axes that the stride does not divide, as they were asked for and as they are."""
    on_misfit: Misfit = getattr(layer, "on_misfit", "error")
    if on_misfit == "error" or not isinstance(layer, Windowed) or getattr(layer, "pad", "") == "same":
        return
    plain: Any = replace(layer, on_misfit="floor")  # type: ignore[type-var]  # a layer is a dataclass
    # its padding is the one that is asked for
    for axis, acting in zip(plain.axes(x[-1]), layer.axes(x[-1]), strict=True):
        padding = (axis.before, axis.after)
        asked = Sliding(axis.size, axis.window, axis.stride, axis.dilation, padding, on_misfit)
        if not axis.regions and _left(asked):
            yield asked, acting


def _left(asked: Sliding) -> int:
    """The places that no window reads, of which the last one ends before them."""
    return (asked.size + sum(asked.padding) - asked.extent) % asked.stride


def _treated(asked: Sliding, axis: Axis) -> str:
    before, after = asked.padding
    match asked.on_misfit:
        case "ceil" if axis.after > after:
            return f"the last window hangs over the end by {axis.after - after}"
        case "ceil":
            return "one more window would lie in padding alone"
        case "pad":
            return f"{axis.before - before} before and {axis.after - after} behind are added"
        case "crop":
            return f"{before - axis.before} before and {after - axis.after} behind are left out"
    return f"the last {_left(asked)} are not read" if _left(asked) > 1 else "the last 1 is not read"
