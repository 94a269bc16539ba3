"""`kitnet claims`: what holds, what does not, and the errata."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kitnet.cli import claims as command
from kitnet.zoo import MODELS, find
from kitnet.zoo.claim import Claim
from kitnet.zoo.errata import ERRATA, LayerErratum

KEYS = ["network", "claim", "expected", "tolerance", "found", "source", "holds"]


@pytest.fixture
def zoo(monkeypatch):
    """Two small networks; `zoo(claim)` lets the first claim something more."""
    cards = {name: MODELS[name] for name in ("tiny-vgg", "lenet5")}
    monkeypatch.setattr(command, "MODELS", cards)

    def claim(*more: Claim) -> None:
        cards["tiny-vgg"] = replace(find("tiny-vgg"), claims=(*find("tiny-vgg").claims, *more))

    return claim


def test_a_network(say, say_json):
    rows = say_json("claims", "tiny-vgg")
    assert [list(row) for row in rows] == [KEYS] * len(rows)
    first = rows[0]
    assert (first["network"], first["claim"], first["expected"], first["found"]) == (
        *("tiny-vgg", "parameters", 19_920, 19_920),
    )
    assert all(row["holds"] and row["source"] for row in rows)
    said = say("claims", "tiny-vgg")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].split() == ["claim", "expected", "found", "holds"]
    assert lines[1].split() == ["parameters", "19,920", "19,920", "yes"]
    assert lines[2] == "    by hand: 280 + 3 x 910 + 13 x 13 x 10 x 10 + 10"
    assert len(lines) == 1 + len(rows) + len({row["source"] for row in rows}) + 2
    assert lines[-1] == f"{len(rows)} claims of 1 network checked; all hold"


def test_all_networks(zoo, say):
    said = say("claims")
    assert (said.status, said.err) == (0, "")
    counts = [
        len(
            {
                (claim.what, claim.expected)
                for claim in (
                    *find(name).claims,
                    *(each for one in find(name).errata for each in one.computed),
                )
            }
        )
        for name in ("tiny-vgg", "lenet5")
    ]
    assert [line.split() for line in said.out.splitlines()] == [
        ["network", "claims", "hold"],
        ["tiny-vgg", str(counts[0]), str(counts[0])],
        ["lenet5", str(counts[1]), str(counts[1])],
        [],
        [*f"{sum(counts)} claims of 2 networks checked; all hold".split()],
    ]


def test_a_claim_that_does_not_hold(zoo, say):
    zoo(Claim("parameters of fc1", 16_000, "nobody", 100.0))
    said = say("claims")
    assert (said.status, said.err) == (1, "")
    assert "    parameters of fc1: expected 16,000 within 100 (nobody), found 16,910\n" in said.out
    assert said.out.endswith("; 1 do not hold\n")


def test_what_several_sources_claim_is_counted_once(zoo, say_json):
    zoo(Claim("parameters", 19_920, "another count"), Claim("parameters", 19_920, "another count", 1.0))
    rows = [
        row for row in say_json("claims") if row["claim"] == "parameters" and row["network"] == "tiny-vgg"
    ]
    assert [(row["source"].split("; ")[-1], row["tolerance"]) for row in rows] == [
        ("another count", 0),
        ("another count", 1),
    ]


def test_a_network_without_errata(say, say_json):
    said = say("claims", "resnet34", "--errata")
    assert (said.status, said.out, said.err) == (0, "no errata are known\n", "")
    assert say_json("claims", "resnet34", "--errata") == []


def test_errata(zoo, say, say_json):
    rows = say_json("claims", "lenet5", "--errata")
    assert [list(row) for row in rows] == [["network", "printed", "note", "computed", "test", "holds"]] * 4
    assert rows[0]["printed"] == "S4 has 12 parameters"
    assert [(one["claim"], one["found"]) for one in rows[0]["computed"]] == [("parameters of S4", 32)]
    assert {row["test"] for row in rows} == {"tests/zoo/test_claims.py::test_errata[lenet5]"}
    said = say("claims", "lenet5", "--errata")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "lenet5: S4 has 12 parameters"
    assert lines[2] == "    parameters of S4: 32"
    assert lines[3] == "    tests/zoo/test_claims.py::test_errata[lenet5]"
    assert len(lines) == sum(3 + len(row["computed"]) for row in rows)


def test_errata_of_layers(zoo, say, say_json):
    rows = [row for row in say_json("claims", "--errata") if "layer" in row]
    assert len(rows) == len(ERRATA) and all(row["holds"] for row in rows)
    assert rows[0]["computed"] == [
        {
            "claim": "weights 1, 2, 3 on 1, 10, 100, 1000, 10000 with dilation 1 and 2",
            "expected": [321, 30201],
            "found": [321, 30201],
            "holds": True,
        }
    ]
    assert rows[0]["test"] == "tests/zoo/test_errata_of_layers.py::test_what_was_computed[dilation]"
    said = say("claims", "--errata")
    assert (said.status, said.err) == (0, "")
    assert (
        "fc: z_j = sum over k of w_kj a_k + b_k\n"
        "    The bias is the unit's own, b_j.\n"
        "    z of two units without weights and with biases 5 and 7, on three inputs: [5 7]\n"
        "    tests/zoo/test_errata_of_layers.py::test_what_was_computed[biases]\n"
    ) in said.out


def test_an_erratum_of_a_layer_that_does_not_hold(zoo, say, monkeypatch):
    monkeypatch.setattr(
        "kitnet.zoo.errata.ERRATA", [LayerErratum("fc", "1 + 1 is 3", "It is 2.", 3, lambda: 2)]
    )
    said = say("claims", "--errata")
    assert said.status == 1
    assert "    : 2, NOT as noted\n" in said.out


def test_an_unknown_network(refused):
    assert refused("claims", "tinyvgg").startswith(
        "unknown model 'tinyvgg' (did you mean 'tiny-vgg'?); `kitnet models`"
    )


def test_a_line_has_no_claims(refused):
    assert refused("claims", "8x8x1 -> relu") == (
        "claims are made of networks with a card, not of lines; `kitnet models` lists them"
    )
