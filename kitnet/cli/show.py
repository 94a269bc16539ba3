"""`kitnet show`: the ledger of a network, and what its card says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.argument import batch_size
from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import Input, Json, Network, Whole
from kitnet.cli.network import read_network, usual_training
from kitnet.cli.screen import Column, print_json, print_table, say, say_wrapped
from kitnet.net.ledger import Ledger
from kitnet.zoo import Card

COLUMNS = (
    Column("layer"),
    Column("kind", spare=1),
    Column("output", right=True),
    Column("parameters", right=True),
    Column("connections", right=True, spare=2),
    Column("multiply-adds", right=True),
    Column("activation bytes", right=True),
)


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
    batch_size(batch, "--batch")
    net, card = read_network(model, input, optional)
    ledger = net.ledger(batch)
    if json:
        print_json({"model": model, "network": str(net), **_about(card), **ledger.to_json()})
        return
    if card:
        say(card.title, len(card.title))
    say_wrapped(str(net))
    say("")
    _print_ledger(ledger)
    if card:
        _say_source(card)


def _about(card: Card | None) -> dict[str, object]:
    if card is None:
        return {}
    return {
        "title": card.title,
        "source": card.source,
        "year": card.year,
        "differences": card.differences,
        "errata": [{"printed": one.printed, "note": one.note} for one in card.errata],
        "published": [vars(one) for one in card.published],
        "training": usual_training(card),
    }


def _print_ledger(ledger: Ledger) -> None:
    rows = []
    for row in ledger.rows:
        costs = (row.parameters, row.connections, row.multiply_adds, row.activation_bytes)
        rows.append(
            [row.path, row.kind, say_shape(row.output), *(f"{cost:,}" if cost else "" for cost in costs)]
        )
    rows.append(["total", "", "", *(f"{total:,}" for total in ledger.totals.values())])
    print_table(COLUMNS, rows, total=True)


def _say_source(card: Card) -> None:
    say("")
    say_wrapped(f"Source: {card.source}")
    say_wrapped(
        f"Usual training: learning rate {card.rate:g}, momentum {card.momentum:g}, batches of {card.batch}, "
        f"{card.epochs} epochs"
    )
    _say_list("Differences:", card.differences)
    _say_list("Published, not measured here:", map(str, card.published))
    _say_list("Texts print:", (f"{one.printed}. {one.note}" for one in card.errata))


def _say_list(title: str, texts: Iterable[str]) -> None:
    for i, text in enumerate(texts):
        if i == 0:
            say(title)
        say_wrapped(f"- {text}")
