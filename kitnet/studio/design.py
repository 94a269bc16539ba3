"""A network's line as it is being written: what it is and costs, or why it is none."""

from __future__ import annotations

from typing import Any

from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.net import Net, parse
from kitnet.net.sizing import advice, advice_on_pattern
from kitnet.zoo import MODELS, find_recipe

LONGEST = 1 << 14  # characters of a line
MOST_ROWS = 400  # of the ledger


def network(text: str) -> Net:
    """The network of a line, or of a name of the zoo. Raises KitnetError, which names the nearest word."""
    is_name = text[:1].isalpha() and "->" not in text and "→" not in text
    return find_recipe(text)[0].build() if is_name else parse(text)


def read(line: str) -> dict[str, Any]:
    """The ledger of a line, or of a name of the zoo, layer by layer, and what the sizing rules say; of a line
    that is none the reason, with the rule, its numbers and the nearest repairs where sizes do not fit, and
    the column (from 0) where it has one."""
    if len(line) > LONGEST:
        return _none(f"a line has at most {LONGEST} characters here")
    try:
        net = network(line)
        ledger = net.ledger()
    except LanguageError as error:
        return _none(error.reason, error.column)
    except KitnetError as error:
        return _none(str(error), error.column if isinstance(error, ShapeError) else None)
    found = advice(net.graph)
    if net.body is not None:
        found += advice_on_pattern(net.body)
    rows = [*ledger.operands, *ledger.rows]
    return {
        "line": str(net),
        "rows": [_row(row) for row in rows[:MOST_ROWS]],
        "left_out": max(0, len(rows) - MOST_ROWS),
        "totals": {name: ledger.totals[name] for name in ("values", "parameters", "multiply_adds")},
        "training_bytes": sum(ledger.training_memory.values()),
        "advice": [str(one) for one in found],
    }


def models() -> dict[str, Any]:
    """The networks of the zoo that learn by gradients, the oldest first, and the names of their recipes."""
    cards = sorted((card for card in MODELS.values() if card.learn is None), key=lambda card: card.year)
    return {
        "models": [
            {
                "name": card.name,
                "title": card.title,
                "year": card.year,
                "recipes": [f"{card.name}.{data}" for data in card.recipes],
            }
            for card in cards
        ]
    }


def _row(row: Any) -> dict[str, Any]:
    return {
        "path": row.path,
        "kind": row.kind,
        "output": list(row.output),
        "values": row.values,
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "field": list(row.receptive_field),
    }


def _none(reason: str, column: int | None = None) -> dict[str, Any]:
    return {"error": reason, "column": column}
