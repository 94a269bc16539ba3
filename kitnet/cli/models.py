"""`kitnet models`: the networks of the zoo."""

from __future__ import annotations

from typing import Any

from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import Json
from kitnet.cli.network import usual_training
from kitnet.cli.screen import Column, print_json, print_table
from kitnet.zoo import MODELS, Card

COLUMNS = (
    Column("name"),
    Column("year", right=True, spare=2),
    Column("parameters", right=True),
    Column("multiply-adds", right=True),
    Column("input", right=True),
    Column("source", spare=1, broken=True),
)


def command(*, json: Json = False) -> None:
    """The networks that can be called by name, with their sizes for one image."""
    rows = [_row(card) for card in MODELS.values()]
    if json:
        print_json(rows)
        return
    table = [
        [
            row["name"],
            str(row["year"] or ""),
            f"{row['parameters']:,}",
            f"{row['multiply_adds']:,}",
            row["input"],
            row["source"],
        ]
        for row in rows
    ]
    print_table(COLUMNS, table)


def _row(card: Card) -> dict[str, Any]:
    net = card.build()
    return {
        "name": card.name,
        "title": card.title,
        "year": card.year,
        "parameters": net.parameters,
        "multiply_adds": net.multiply_adds,
        "input": say_shape(net.input_shape),
        "network": str(net),
        "source": card.source,
        "training": usual_training(card),
    }
