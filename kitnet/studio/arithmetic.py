"""The arithmetic of one number as a page shows it: of a window the channels with the largest share as grids of
factors and products, of other sums the largest terms; the rest added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kitnet.layers import Term
from kitnet.layers.window import Windowed, positions_and_taps
from kitnet.look import Inside, Part, Trace
from kitnet.net.receptive import in_place

CHANNELS = 3  # of a window that are shown
TERMS = 12  # of another sum
PLACE = 3  # indices of a number at a place of a map: row, column, channel


def told(inside: Inside, trace: Trace) -> dict[str, Any]:
    """What made a number; of an activation first what made the number it was given."""
    steps, one = [], trace
    while one is not None:
        steps.append(_step(inside, one))
        one = one.before  # type: ignore[assignment]  # None ends it
    return {"steps": steps[::-1]}


def _step(inside: Inside, trace: Trace) -> dict[str, Any]:
    return {
        "path": trace.path,
        "index": list(trace.index),
        "backward": trace.backward,
        "number": trace.number,
        "value": trace.value,
        "parts": [_part(inside, trace, part) for part in trace.parts],
    }


def _part(inside: Inside, trace: Trace, part: Part) -> dict[str, Any]:
    grids, flat = _grids(part.terms.terms)
    grids.sort(key=lambda grid: -grid["share"])
    largest = sorted(range(len(flat)), key=lambda i: -abs(flat[i].value))
    shown, left = sorted(largest[:TERMS]), largest[TERMS:]
    hidden = grids[CHANNELS:]
    rest = [flat[i].value for i in left] + [grid["sum"] for grid in hidden]
    return {
        "node": part.node,
        "layer": part.layer,
        "count": len(part.terms.terms),
        "grids": grids[:CHANNELS],
        "terms": [_term(flat[i]) for i in shown],
        "rest": {
            "channels": len(hidden),
            "terms": len(left) + sum(grid["count"] for grid in hidden),
            "value": math.fsum(rest),
        },
        "total": part.terms.total,
        "close": part.terms.close.name,
        "value": part.terms.value,
        "window": None if trace.backward else _window(inside, trace, part),
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "times": term.times,
        "factors": [{"path": one.path, "index": list(one.index), "value": one.value} for one in term.factors],
        "value": term.value,
    }


def _grids(terms: Sequence[Term]) -> tuple[list[dict[str, Any]], list[Term]]:
    """Terms at several places of one map as a grid, map by map; all other terms as they are."""
    by_map: dict[tuple[Any, ...], list[Term]] = {}
    flat = []
    for term in terms:
        seen = next((one for one in term.factors if len(one.index) == PLACE), None)
        if seen is None:
            flat.append(term)
        else:
            kind = seen.path, seen.index[-1], tuple(one.path for one in term.factors)
            by_map.setdefault(kind, []).append(term)
    grids = []
    for (path, channel, paths), found in by_map.items():
        at = {_place(term): term for term in found}
        if len(found) == 1 or len(at) < len(found):
            flat += found
        else:
            grids.append(_grid(path, channel, paths, at))
    return grids, flat


def _place(term: Term) -> tuple[int, int]:
    row, column, _ = next(one.index for one in term.factors if len(one.index) == PLACE)
    return row, column


def _grid(path: str, channel: int, paths: tuple[str, ...], at: dict[tuple[int, int], Term]) -> dict[str, Any]:
    """Rows and columns of the map; at each the factors, in the order of `paths`, and their product. A place
    that is not there, such as one in padding, is None."""
    rows, columns = sorted({row for row, _ in at}), sorted({column for _, column in at})
    cells = [[at.get((row, column)) for column in columns] for row in rows]
    values = [term.value for term in at.values()]
    times = {term.times for term in at.values()}
    return {
        "path": path,
        "channel": channel,
        "rows": rows,
        "columns": columns,
        "count": len(at),
        "times": times.pop() if len(times) == 1 else None,
        "factors": [
            {
                "path": one,
                "values": [[cell and cell.factors[i].value for cell in row] for row in cells],
                "indices": [[cell and list(cell.factors[i].index) for cell in row] for row in cells],
            }
            for i, one in enumerate(paths)
        ],
        "products": [[cell and cell.value for cell in row] for row in cells],
        "sum": math.fsum(values),
        "share": math.fsum(map(abs, values)),
    }


def _window(inside: Inside, trace: Trace, part: Part) -> dict[str, Any] | None:
    """All that a layer saw of which it took one number, as a max pool does, and where that lies."""
    node = inside.graph.nodes[inside.graph.find(part.node)]
    layer, terms = node.layer, part.terms.terms
    if layer is None or not isinstance(layer, Windowed) or in_place(layer) or len(terms) != 1:
        return None
    (term,) = terms
    before = inside.graph.nodes[node.inputs[0]]
    *position, channel = trace.index
    if len(position) != PLACE - 1 or len(term.factors) != 1 or term.factors[0].path != before.path:
        return None
    x = inside.values[before.path]
    met = positions_and_taps(layer.axes(before.shape), position=tuple(position))
    at = {(int(row), int(column)): float(x[row, column, channel]) for _, _, (row, column) in met}
    rows, columns = sorted({row for row, _ in at}), sorted({column for _, column in at})
    return {
        "path": before.path,
        "channel": channel,
        "rows": rows,
        "columns": columns,
        "values": [[at.get((row, column)) for column in columns] for row in rows],
        "winner": list(term.factors[0].index),
    }
