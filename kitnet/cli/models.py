"""`kitnet models`: the networks of the zoo."""

from __future__ import annotations

from rich.markup import escape

from kitnet.cli.flags import Json
from kitnet.cli.screen import out, print_json, say
from kitnet.zoo import MODELS


def command(*, json: Json = False) -> None:
    """The networks that can be called by name."""
    rows = [
        {
            "name": card.name,
            "title": card.title,
            "parameters": card.build().ledger().totals["parameters"],
            "network": str(card.build()),
            "source": card.source,
        }
        for card in MODELS.values()
    ]
    if json:
        print_json(rows)
        return
    for row in rows:
        out.print(
            f"[bold]{row['name']}[/]  {escape(str(row['title']))}, {row['parameters']:,} parameters",
            soft_wrap=True,
        )
        say(f"    {row['network']}")
