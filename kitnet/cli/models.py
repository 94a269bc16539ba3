"""`kitnet models`: the networks of the zoo."""

from __future__ import annotations

from typing import Any

from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import Json
from kitnet.cli.network import recipes, usual_training
from kitnet.cli.screen import Column, print_json, print_table
from kitnet.zoo import MODELS, Card
from kitnet.zoo.measure import measure

COLUMNS = (
    Column("name"),
    Column("year", right=True, spare=3),
    Column("parameters", right=True),
    Column("multiply-adds", right=True, spare=1),
    Column("input", right=True),
    Column("source", spare=2),
)


def command(*, json: Json = False) -> None:
    """The networks that can be called by name: `kitnet show NAME` tells more of one, `kitnet claims NAME`
    what is checked of it. Multiply-adds are those of convolutions and linear layers, for one image."""
    cards = sorted(MODELS.values(), key=lambda card: card.year)
    rows = [_row(card) for card in cards]
    if json:
        print_json(rows)
        return
    print_table(
        COLUMNS,
        [
            [
                row["name"],
                str(row["year"]),
                f"{row['parameters']:,}",
                f"{row['multiply_adds']:,}",
                row["input"],
                _authors(row["source"]),
            ]
            for row in rows
        ],
    )


def _authors(source: str) -> str:
    """The first of those before the colon; of a page its name."""
    names = source.partition(":")[0].split(", ")
    return f"{names[0]} et al." if ":" in source and len(names) > 1 else names[0]


def _row(card: Card) -> dict[str, Any]:
    net = card.build()
    return {
        "name": card.name,
        "title": card.title,
        "year": card.year,
        "parameters": measure(net.graph, "parameters"),
        "multiply_adds": measure(net.graph, "multiply-adds"),
        "input": say_shape(net.input_shape),
        "network": str(net),
        "source": card.source,
        "training": usual_training(card),
        "recipes": list(recipes(card)),
    }
