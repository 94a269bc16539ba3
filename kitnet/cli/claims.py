"""`kitnet claims`: what papers and libraries say of the networks of the zoo, against what kitnet finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from kitnet.cli.flags import Json
from kitnet.cli.screen import FAILED, Column, print_json, print_table, say, say_wrapped
from kitnet.zoo import MODELS, Card, Checked, Claim, check, find

COLUMNS = (
    Column("claim"),
    Column("expected", right=True),
    Column("found", right=True),
    Column("holds"),
)
TEST = "tests/zoo/test_claims.py::test_errata"


def command(
    name: Annotated[str | None, Parameter(help="A network of the zoo; usually all of them.")] = None,
    /,
    *,
    errata: bool = False,
    json: Json = False,
) -> int:
    """Whether what papers and libraries say of a network holds of kitnet's: parameters, multiply-adds, sizes,
    receptive fields. Exit status 1 where something does not.

    Parameters
    ----------
    errata
        What texts print of these networks that is not so, what was computed, and the test that does.
    """
    cards = [find(name)] if name is not None else list(MODELS.values())
    if errata:
        return _errata(cards, json)
    checked = {card.name: check(card) for card in cards}
    every = [one for found in checked.values() for one in found]
    if json:
        print_json([_row(one) for one in every])
    elif name is not None:
        _print_claims(every)
    else:
        _print_networks(checked)
    if not json:
        _say_sum(len(cards), every)
    return 0 if all(one.holds for one in every) else FAILED


def _row(one: Checked) -> dict[str, Any]:
    return {
        "network": one.network,
        "claim": one.claim.what,
        "expected": one.claim.expected,
        "tolerance": one.claim.tolerance,
        "found": one.found,
        "source": one.claim.source,
        "holds": one.holds,
    }


def _print_claims(checked: list[Checked]) -> None:
    """A row for each claim, and under those of one source what it is."""
    rows = [
        [one.claim.what, _expected(one.claim), _number(one.found), "yes" if one.holds else "NO"]
        for one in checked
    ]
    following = [*(one.claim.source for one in checked[1:]), ""]
    sources = [
        [one.claim.source] if one.claim.source != after else []
        for one, after in zip(checked, following, strict=True)
    ]
    print_table(COLUMNS, rows, sources)


def _print_networks(checked: dict[str, list[Checked]]) -> None:
    """A row for each network, and every claim that does not hold."""
    columns = (Column("network"), Column("claims", right=True), Column("hold", right=True))
    rows, failures = [], []
    for name, found in checked.items():
        wrong = [one for one in found if not one.holds]
        rows.append([name, str(len(found)), str(len(found) - len(wrong))])
        failures.append(
            [
                f"{one.claim.what}: expected {_expected(one.claim)} ({one.claim.source}), "
                f"found {_number(one.found)}"
                for one in wrong
            ]
        )
    print_table(columns, rows, failures)


def _say_sum(networks: int, checked: list[Checked]) -> None:
    wrong = sum(not one.holds for one in checked)
    of = f"{networks} networks" if networks > 1 else "1 network"
    say("")
    say(f"{len(checked):,} claims of {of} checked; {f'{wrong} do not hold' if wrong else 'all hold'}")


def _expected(claim: Claim) -> str:
    within = f" within {_number(claim.tolerance)}" if claim.tolerance else ""
    return f"{_number(claim.expected)}{within}"


def _number(number: float | str) -> str:
    return number if isinstance(number, str) else f"{number:,.0f}"


def _errata(cards: list[Card], json: bool) -> int:
    rows = [row for card in cards if card.errata for row in _errata_of(card)]
    if json:
        print_json(rows)
    for row in () if json else rows:
        say_wrapped(f"{row['network']}: {row['printed']}", len(row["network"]))
        say_wrapped(f"    {row['note']}")
        for one in row["computed"]:
            say_wrapped(
                f"    {one['claim']}: {_number(one['found'])}{'' if one['holds'] else ', NOT as noted'}"
            )
        say_wrapped(f"    {row['test']}")
    return 0 if all(row["holds"] for row in rows) else FAILED


def _errata_of(card: Card) -> Iterator[dict[str, Any]]:
    net = card.build()
    for one in card.errata:
        computed = [Checked.of(card, claim, net) for claim in one.computed]
        yield {
            "network": card.name,
            "printed": one.printed,
            "note": one.note,
            "computed": [_row(each) for each in computed],
            "test": f"{TEST}[{card.name}]",
            "holds": all(each.holds for each in computed),
        }
