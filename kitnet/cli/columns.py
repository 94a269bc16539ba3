"""The columns of the ledger, as `kitnet show` prints them on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kitnet.base.error import KitnetError, cut, nearest, shorten
from kitnet.base.shape import say
from kitnet.cli.screen import Column
from kitnet.net.ledger import Row

Cell = Callable[[Row], str]


def _number(name: str) -> Cell:
    def cell(row: Row) -> str:
        value = getattr(row, name)
        return f"{value:,}" if value else ""

    return cell


def _axes(name: str) -> Cell:
    """One number where all axes have the same."""

    def cell(row: Row) -> str:
        values = getattr(row, name)
        return "" if not values else str(values[0]) if len(set(values)) == 1 else say(values)

    return cell


# The last ones of a narrow terminal have the least `spare`.
COLUMNS: Mapping[str, tuple[Column, Cell]] = {
    "layer": (Column("layer"), lambda row: row.path),
    "kind": (Column("kind", spare=5), lambda row: row.kind),
    "output": (Column("output", right=True), lambda row: say(row.output) if row.kind else ""),
    "values": (Column("values", right=True, spare=6), _number("values")),
    "weights": (Column("weights", right=True, spare=8), _number("weights")),
    "biases": (Column("biases", right=True, spare=9), _number("biases")),
    "parameters": (Column("parameters", right=True, spare=1), _number("parameters")),
    "connections": (Column("connections", right=True, spare=7), _number("connections")),
    "multiply-adds": (Column("multiply-adds", right=True, spare=2), _number("multiply_adds")),
    "multiplications": (Column("multiplications", right=True, spare=16), _number("multiplications")),
    "activation-bytes": (Column("activation bytes", right=True, spare=4), _number("activation_bytes")),
    "training-bytes": (Column("training bytes", right=True, spare=10), _number("training_bytes")),
    "inference-bytes": (Column("inference bytes", right=True, spare=11), _number("inference_bytes")),
    "gradient-bytes": (Column("gradient bytes", right=True, spare=12), _number("gradient_bytes")),
    "optimiser-bytes": (Column("optimiser bytes", right=True, spare=13), _number("optimiser_bytes")),
    "field": (Column("field", right=True, spare=3), _axes("receptive_field")),
    "jump": (Column("jump", right=True, spare=14), _axes("jump")),
    "offset": (Column("offset", right=True, spare=15), _axes("offset")),
}


def chosen(names: str | None) -> list[tuple[Column, Cell]]:
    """The columns of a list such as layer,output,field, which no terminal is too narrow for; without one all.
    Raises KitnetError.
    """
    if names is None:
        return list(COLUMNS.values())
    found = []
    given = [name.strip() for name in names.split(",")]
    if "" in given:
        raise KitnetError(f"--columns {cut(names)}: a name is missing beside a comma")
    for i, name in enumerate(given):
        if name in given[:i]:
            raise KitnetError(f"--columns has {cut(name)} twice; leave one out")
        if name not in COLUMNS:
            raise KitnetError(
                f"--columns has no {shorten(name)}{nearest(name, COLUMNS)}; known: {', '.join(COLUMNS)}"
            )
        column, cell = COLUMNS[name]
        found.append((column._replace(spare=0), cell))
    return found


def cells(columns: Sequence[tuple[Column, Cell]], rows: Sequence[Row]) -> list[list[str]]:
    return [[cell(row) for _, cell in columns] for row in rows]
