"""`kitnet claims`: what papers and libraries say of the networks of the zoo, against what kitnet finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Json
from kitnet.cli.screen import FAILED, Column, busy, print_json, print_table, say, say_wrapped
from kitnet.zoo import MODELS, Card, Checked, Claim, check, find

if TYPE_CHECKING:
    from kitnet.zoo.errata import LayerErratum

COLUMNS = (
    Column("claim"),
    Column("expected", right=True, spare=1),
    Column("found", right=True, spare=2),
    Column("holds"),
)
TEST = "tests/zoo/test_claims.py::test_errata"
TEST_OF_LAYERS = "tests/zoo/test_errata_of_layers.py::test_what_was_computed"


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
        What texts print of these networks, and of layers, that is not so, what was computed, and the test
        that does.
    """
    if name is not None and ("->" in name or "→" in name):
        raise KitnetError("claims are made of networks with a card, not of lines; `kitnet models` lists them")
    cards = [find(name)] if name is not None else list(MODELS.values())
    if errata:
        from kitnet.zoo.errata import ERRATA

        rows = [row for card in cards for row in _errata_of(card)]
        return _say_errata([*rows, *(map(_erratum_of, ERRATA) if name is None else ())], json)
    with busy("building the networks and checking their claims"):
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


def _number(number: Any) -> str:
    """A count with separators, in lists, too; a text as it is."""
    if isinstance(number, str):
        return number
    if isinstance(number, list):
        return f"[{' '.join(map(_number, number))}]"
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def _say_errata(rows: list[dict[str, Any]], json: bool) -> int:
    if json:
        print_json(rows)
    elif not rows:
        say("no errata are known")
    for row in () if json else rows:
        subject = row.get("network") or row["layer"]
        say_wrapped(f"{subject}: {row['printed']}", len(subject))
        say_wrapped(f"    {row['note']}")
        for one in row["computed"]:
            say_wrapped(
                f"    {one['claim']}: {_number(one['found'])}{'' if one['holds'] else ', NOT as noted'}"
            )
        if row["test"]:
            say_wrapped(f"    {row['test']}")
    return 0 if all(row["holds"] for row in rows) else FAILED


def _errata_of(card: Card) -> Iterator[dict[str, Any]]:
    """What texts print of a network."""
    net = card.build() if card.errata else None
    for one in card.errata:
        assert net is not None
        computed = [Checked.of(card, claim, net) for claim in one.computed]
        yield {
            "network": card.name,
            "printed": one.printed,
            "note": one.note,
            "computed": [_row(each) for each in computed],
            "test": f"{TEST}[{card.name}]",
            "holds": all(each.holds for each in computed),
        }


def _erratum_of(one: LayerErratum) -> dict[str, Any]:
    """What texts print of a layer."""
    computed = []
    if one.compute is not None:
        found = one.compute()
        computed = [
            {"claim": one.what, "expected": one.expected, "found": found, "holds": found == one.expected}
        ]
    return {
        "layer": one.word,
        "printed": one.printed,
        "note": one.note,
        "computed": computed,
        "test": f"{TEST_OF_LAYERS}[{one.name}]" if computed else "",
        "holds": all(each["holds"] for each in computed),
    }
