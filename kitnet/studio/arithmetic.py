"""The arithmetic of one number as a page shows it: of a window the channels with the largest share as grids
of factors and products, of other sums the largest terms; the rest added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kitnet.layers import Term
from kitnet.layers.window import Windowed, positions_and_taps
from kitnet.look import Inside, Part, Trace
from kitnet.look.grids import PLACE, Grid, grids_of
from kitnet.net.receptive import in_place

CHANNELS = 3  # of a window that are shown
TERMS = 12  # of another sum
LONGEST = 8192  # products of a linear layer's sum, of which more are not even listed


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
    terms, unlisted = part.terms.terms, part.terms.rest  # of a long sum, whose maps would have gaps
    grids, flat = ([], list(terms)) if unlisted.terms else grids_of(terms)
    largest = sorted(range(len(flat)), key=lambda i: -abs(flat[i].value))
    shown, left = sorted(largest[:TERMS]), largest[TERMS:]
    hidden = [term for grid in grids[CHANNELS:] for term in grid.terms.values()]
    rest = [flat[i] for i in left] + hidden
    window = None if trace.backward else _window(inside, trace, part)
    return {
        "node": part.node,
        "layer": part.layer,
        "count": len(terms) + unlisted.terms,
        "grids": [_grid(grid) for grid in grids[:CHANNELS]],
        "terms": [_term(flat[i]) for i in shown],
        "rest": {
            "channels": len(grids[CHANNELS:]),
            "terms": len(rest) + unlisted.terms,
            "value": math.fsum((*(term.value for term in rest), unlisted.value)),
        },
        "total": part.terms.total,
        "close": part.terms.close.name,
        "value": part.terms.value,
        "window": window,
        "reads": _whole(inside, part) if unlisted.terms else _reads(terms, window),
    }


def _reads(terms: Sequence[Term], window: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Which places of maps the terms read: for each path the first and last row and column, and the maps."""
    places: dict[str, set[tuple[int, ...]]] = {}
    for term in terms:
        for factor in term.factors:
            if len(factor.index) == PLACE:
                places.setdefault(factor.path, set()).add(factor.index)
    found = []
    for path, indices in places.items():
        rows, columns, maps = (sorted(set(along)) for along in zip(*indices, strict=True))
        if window is not None and window["path"] == path:
            rows, columns = window["rows"], window["columns"]
        ends = {"rows": [rows[0], rows[-1]], "columns": [columns[0], columns[-1]]}
        found.append({"path": path, **ends, "maps": maps})
    return found


def _whole(inside: Inside, part: Part) -> list[dict[str, Any]]:
    """All places of the maps that a layer with a longer sum reads."""
    node = inside.graph.nodes[inside.graph.find(part.node)]
    before = (inside.graph.nodes[i] for i in node.inputs)
    return [
        {
            "path": each.path,
            "rows": [0, each.shape[0] - 1],
            "columns": [0, each.shape[1] - 1],
            "maps": list(range(each.shape[2])),
        }
        for each in before
        if len(each.shape) == PLACE
    ]


def _term(term: Term) -> dict[str, Any]:
    return {
        "times": term.times,
        "factors": [{"path": one.path, "index": list(one.index), "value": one.value} for one in term.factors],
        "value": term.value,
    }


def _grid(grid: Grid) -> dict[str, Any]:
    """Rows and columns of the map; at each the factors, in the order of their paths, and their product. A
    place that is not there is None."""
    cells, times = grid.cells, {term.times for term in grid.terms.values()}
    differ = len(times) > 1  # as those of a layer of one's own, whose slopes have no path
    return {
        "path": grid.path,
        "channel": grid.channel,
        "rows": grid.rows,
        "columns": grid.columns,
        "count": len(grid.terms),
        "times": None if differ else times.pop(),
        "slopes": [[cell and cell.times for cell in row] for row in cells] if differ else None,
        "factors": [
            {
                "path": one,
                "values": [[cell and cell.factors[i].value for cell in row] for row in cells],
                "indices": [[cell and list(cell.factors[i].index) for cell in row] for row in cells],
            }
            for i, one in enumerate(grid.factors)
        ],
        "products": [[cell and cell.value for cell in row] for row in cells],
        "sum": grid.sum,
        "share": grid.share,
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
