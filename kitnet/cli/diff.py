"""`kitnet diff`: where two networks differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kitnet.base.argument import batch_size
from kitnet.base.error import KitnetError, cut
from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import Given, Input, Json, Network, Whole
from kitnet.cli.network import read_network
from kitnet.cli.screen import Column, busy, print_json, print_table, say
from kitnet.net import Ledger, Net
from kitnet.net.difference import Line, differences, lines_of
from kitnet.net.template import NotOpenError

LAYERS = (
    Column(""),
    Column("layer"),
    Column("name", spare=2),
    Column("output", right=True),
    Column("parameters", right=True, spare=1),
    Column("activation bytes", right=True, spare=3),
)
TOTALS = ("layers", "parameters", "multiply_adds", "activation_bytes")


def command(
    one: Network,
    other: Network,
    /,
    *,
    input: Input = None,
    given: Given = (),
    batch: Whole = 1,
    json: Json = False,
) -> None:
    """Where two networks differ: which layers stand in whose place, and what that costs. Layers are the same
    that are written alike and give the same volume, whatever their names.

    Parameters
    ----------
    batch
        Images at once, for the bytes of the activations.
    """
    batch_size(batch, "--batch")
    with busy(f"comparing {cut(one)} with {cut(other)}"):
        nets = _read((one, other), input, given)
        ledgers = [net.ledger(batch) for net in nets]
        found = differences(*(lines_of(net.graph, ledger) for net, ledger in zip(nets, ledgers, strict=True)))
    totals = [_totals(ledger) for ledger in ledgers]
    if json:
        rows = [{"one": _json(each.one), "other": _json(each.other)} for each in found]
        print_json({"one": one, "other": other, "totals": totals, "differences": rows})
        return
    for each in found:
        say("")
        print_table(LAYERS, [*_cells("-", each.one), *_cells("+", each.other)])
    say("" if found else "the networks have the same layers")
    columns = (Column(""), Column("one", right=True), Column("other", right=True), Column("more", right=True))
    rows_of_totals = []
    for name in TOTALS:
        first, second = (total[name] for total in totals)
        texts = [f"{first:,}", f"{second:,}", f"{second - first:+,}" if second != first else ""]
        rows_of_totals.append([name.replace("_", " ").replace("multiply adds", "multiply-adds"), *texts])
    print_table(columns, rows_of_totals)


def _read(models: Sequence[str], input: str | None, given: Sequence[str]) -> list[Net]:
    """The networks, with what is given where it stands. Raises KitnetError where it stands in neither."""
    nets, refusals = [], []
    for model in models:
        try:
            nets.append(read_network(model, input, given=given)[0])
        except NotOpenError as error:
            refusals.append(error)
            own = [text for text in given if text.partition("=")[0] not in error.names]
            nets.append(read_network(model, input, given=own)[0])
    if len(refusals) == len(models):
        nowhere = [name for name in refusals[0].names if name in refusals[1].names]
        if nowhere:
            places = ", ".join(dict.fromkeys(place for each in refusals for place in each.places))
            remedy = f"; they leave open {cut(places)}" if places else ""
            raise KitnetError(
                f"{cut(nowhere[0])} is given, but neither network has {cut(nowhere[0])}{remedy}"
            )
    return nets


def _totals(ledger: Ledger) -> dict[str, int]:
    return {"layers": len(ledger.rows), **{name: ledger.totals[name] for name in TOTALS[1:]}}


def _json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    return [{"layer": line.layer, **line.row.to_json()} for line in lines]


def _cells(sign: str, lines: Iterable[Line]) -> list[list[str]]:
    return [
        [
            sign,
            line.layer,
            line.row.path,
            say_shape(line.row.output),
            f"{line.row.parameters:,}" if line.row.parameters else "",
            f"{line.row.activation_bytes:,}",
        ]
        for line in lines
    ]
