"""`kitnet show`: the ledger of a network, and what its card says."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kitnet.base.error import KitnetError
from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import Input, Json, Network, Whole
from kitnet.cli.network import read_network
from kitnet.cli.screen import print_json, say
from kitnet.net.ledger import Ledger
from kitnet.zoo import Card


def command(
    model: Network,
    /,
    *,
    input: Input = None,
    batch: Whole = 1,
    optional: Annotated[bool, Parameter(negative="--no-optional")] = True,
    json: Json = False,
) -> None:
    """What a network is and costs, layer by layer, before anything runs.

    Parameters
    ----------
    batch
        Images at once, for the bytes of the activations.
    optional
        Keep or leave out the parts of the line that are marked with ?.
    """
    if batch < 1:
        raise KitnetError(f"--batch {batch} is not possible; use 1 or more")
    net, card = read_network(model, input, optional)
    ledger = net.ledger(batch)
    if json:
        print_json({"model": model, "network": str(net), **_about(card), **ledger.to_json()})
        return
    if card:
        say(card.title, style="bold")
    say(f"{net}\n")
    Console(highlight=False, width=200).print(
        _table(ledger)
    )  # a cut number would be worse than a wrapped line
    if card:
        _say_source(card)


def _about(card: Card | None) -> dict[str, object]:
    names = ("title", "source", "differences")
    return {} if card is None else {name: value for name, value in asdict(card).items() if name in names}


def _table(ledger: Ledger) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer")
    table.add_column("kind")
    for name in ("output", "parameters", "connections", "multiply-adds", "activation bytes"):
        table.add_column(name, justify="right")
    for row in ledger.rows:
        costs = (row.parameters, row.connections, row.multiply_adds, row.activation_bytes)
        table.add_row(
            escape(row.path),
            row.kind,
            say_shape(row.output),
            *(f"{cost:,}" if cost else "" for cost in costs),
        )
    table.add_section()
    table.add_row("total", "", "", *(f"{total:,}" for total in ledger.totals.values()), style="bold")
    return table


def _say_source(card: Card) -> None:
    say(f"\nSource: {card.source}")
    if card.differences:
        say("Differences:")
    for difference in card.differences:
        say(f"- {difference}")
