"""`kitnet models`: the networks of the zoo."""

from __future__ import annotations

from typing import Any

from kitnet.cli.flags import Json
from kitnet.cli.network import usual_training
from kitnet.cli.screen import print_json, say_wrapped
from kitnet.zoo import MODELS


def command(*, json: Json = False) -> None:
    """The networks that can be called by name."""
    rows: list[dict[str, Any]] = [
        {
            "name": card.name,
            "title": card.title,
            "parameters": card.build().ledger().totals["parameters"],
            "network": str(card.build()),
            "source": card.source,
            "training": usual_training(card),
        }
        for card in MODELS.values()
    ]
    if json:
        print_json(rows)
        return
    for row in rows:
        training = row["training"]
        say_wrapped(
            f"{row['name']}  {row['title']}, {row['parameters']:,} parameters; "
            f"learning rate {training['learning_rate']:g}, {training['epochs']} epochs",
            len(row["name"]),
        )
        say_wrapped(f"    {row['network']}")
