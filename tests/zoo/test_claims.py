"""Every claim of every card, what makes them a net that nothing slips through, and how they are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from built import built
from catalogue import row

import kitnet
from kitnet.base.error import KitnetError, ShapeError
from kitnet.layers import Convolution, Layer, Linear
from kitnet.net import Graph, Ledger, Net
from kitnet.zoo import MODELS, check, find
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Claim, Published, claimed
from kitnet.zoo.measure import MEASURES, measure


def failures(name: str) -> list[str]:
    return [f"{one.claim.what}: {one.found}" for one in check(find(name), built(name)) if not one.holds]


@row(*range(95, 114), 115, 134)
@pytest.mark.parametrize("name", MODELS)
def test_every_claim_holds(name: str) -> None:
    assert failures(name) == []


@pytest.mark.parametrize("name", MODELS)
def test_no_claim_is_counted_twice(name: str) -> None:
    found = check(find(name), built(name))
    assert len({(one.claim.what, one.claim.expected) for one in found}) == len(found)


def test_what_two_sources_claim_names_both() -> None:
    (source,) = [
        one.claim.source
        for one in check(find("vgg16"), built("vgg16"))
        if "stage5" in one.claim.what and one.claim.what.startswith("receptive")
    ]
    assert source == (
        "by hand: 1 + the sum of (window - 1) x jump over the layers of the paper's table; Araujo, Norris, "
        "Sim: Computing receptive fields of convolutional neural networks, Distill 2019"
    )


@row(89, 99, 103, 104, 107, 109)
@pytest.mark.parametrize("name", [name for name, card in MODELS.items() if card.errata])
def test_errata(name: str) -> None:
    """What was computed where texts print something else."""
    for erratum in find(name).errata:
        assert erratum.printed and erratum.note.endswith(".")
        for claim in erratum.computed:
            assert claim.holds(measure(built(name).graph, claim.what)), claim


@pytest.mark.parametrize("name", MODELS)
def test_what_every_card_claims(name: str) -> None:
    """Parameters and multiply-adds, sizes on the way, and what is seen; each with its source."""
    claims = find(name).claims
    assert any(claim.what == "parameters" and not claim.tolerance for claim in claims)
    assert sum(claim.what.startswith("volume of ") for claim in claims) >= 2
    assert any(claim.what.endswith("multiply-adds") for claim in claims)
    assert any(claim.what.startswith("receptive field of ") for claim in claims)
    assert all(claim.source for claim in claims)
    assert len({(claim.what, claim.source) for claim in claims}) == len(claims)


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", MODELS)
def test_claims_and_ledger_count_alike(name: str) -> None:
    graph = built(name).graph
    totals = Ledger.of(graph).totals
    for what in ("parameters", "multiply-adds", "connections"):
        assert measure(graph, what) == totals[what.replace("-", "_")], what


# (row 115) which number each network is pinned by
PINNED = {
    "alexnet:paper": 60_965_224,
    "alexnet:one-tower": 62_378_344,
    "alexnet": 61_100_840,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "densenet121": 7_978_856,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "nin": 966_986,
    "all-cnn-c": 1_369_738,
    "tiny-vgg": 19_920,
}


@row(115)
@pytest.mark.parametrize("name", PINNED)
def test_parameters_to_the_last_one(name: str) -> None:
    assert built(name).ledger().totals["parameters"] == PINNED[name]


@row(107, 115)
def test_googlenet_without_its_heads() -> None:
    graph = built("googlenet").graph
    assert measure(graph, "main parameters") == 6_998_552
    assert measure(graph, "main parameters") - measure(graph, "parameters of fc1") == 5_973_552
    assert measure(graph, "parameters of aux1") == 3_188_840


# ------------------------------------------------------------------------------ a filter more breaks a claim


def wider(graph: Graph, i: int) -> Graph:
    """The graph with one filter or unit more in layer i. Raises ShapeError where that fits nowhere."""
    changed = Graph()
    for j, node in enumerate(graph.nodes):
        if node.layer is None:
            changed.operand(node.path, node.shape)
        else:
            layer = more(node.layer) if i == j else node.layer
            changed.add(node.path, layer, *node.inputs, owner=None if node.owner == node.path else node.owner)
    for name, j in graph.outputs.items():
        changed.output(name, j)
    return changed


def more(layer: Layer) -> Layer:
    if isinstance(layer, Linear):
        return replace(layer, units=layer.units + 1)
    assert isinstance(layer, Convolution)
    return replace(layer, filters=layer.filters + 1)


def products(graph: Graph) -> list[int]:
    return [i for i, node in enumerate(graph.nodes) if isinstance(node.layer, Convolution | Linear)]


def sampled(most: int) -> Iterator[tuple[str, int]]:
    """Layers of every network that has filters, from its first to its last."""
    for name in MODELS:
        found = products(built(name).graph)
        yield from ((name, i) for i in found[:: max(1, -(-len(found) // most))])


def breaks_a_claim(name: str, i: int) -> bool:
    net = built(name)
    try:
        changed = Net(wider(net.graph, i))
    except ShapeError:
        return True
    return any(not one.holds for one in check(find(name), changed))


@pytest.mark.parametrize(
    "name", ["vgg11", "tiny-vgg", "nin", "squeezenet1.1", "alexnet:paper", "resnet20", "googlenet"]
)
def test_one_filter_more_breaks_a_claim(name: str) -> None:
    found = products(built(name).graph)
    kept = [i for i in found[:: max(1, len(found) // 4)] if not breaks_a_claim(name, i)]
    assert kept == []


@pytest.mark.long
def test_one_filter_more_breaks_a_claim_of_every_network() -> None:
    assert [(name, i) for name, i in sampled(12) if not breaks_a_claim(name, i)] == []


# ------------------------------------------------------------------------------------------------- measures


NET = kitnet.parse(
    "9x7x2 -> a:conv3-4/2 pad=1 -> relu -> side[fc2 => early] -> b:[conv3-5 -> maxpool2 floor] -> fc3"
)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("parameters", 76 + 5 * 4 * 4 * 2 + 2 + 9 * 4 * 5 + 5 + 3 * 5 + 3),
        ("main parameters", 76 + 9 * 4 * 5 + 5 + 3 * 5 + 3),
        ("parameters of a", 76),
        ("weights of a", 72),
        ("multiply-adds of a", 72 * 20),
        ("main multiply-adds", 72 * 20 + 180 * 6 + 15),
        ("unshared parameters of a", 76 * 20),
        ("connections of b", 6 * 185 + 5 * 4),
        ("volume of a", "5x4x4"),
        ("volume of b", "1x1x5"),
        ("volume", "3"),
        ("values", 126 + 80 + 2 + 30 + 5 + 3),
        ("values of a", 80),
        ("receptive field of a", 3),
        ("receptive field of b", 9),
        ("receptive field", 9),
        ("conv layers", 2),
        ("tanh layers", 0),
        ("first stride", 2),
        ("largest stride of b", 1),
    ],
)
def test_measures(what: str, found: object) -> None:
    assert measure(NET.graph, what) == found


def test_a_measure_that_is_unknown() -> None:
    with pytest.raises(KitnetError) as caught:
        measure(NET.graph, "parameter")
    assert str(caught.value) == (
        f"no measure is called 'parameter' (did you mean 'parameters'?); known: {', '.join(MEASURES)}, and "
        "such as 'conv layers'"
    )


def test_a_part_that_is_unknown() -> None:
    with pytest.raises(KitnetError) as caught:
        measure(NET.graph, "volume of relu2")
    assert str(caught.value) == "no part is called 'relu2' (did you mean 'relu1'?)"


# ---------------------------------------------------------------------------------------------------- cards


def test_claims_hold_within_their_tolerance() -> None:
    exact, rounded, volume = claimed(
        {"a table": {"parameters": 5, "weights": About(5, 0.5), "volume": "1x2"}}
    )
    assert exact == Claim("parameters", 5, "a table") and rounded == Claim("weights", 5, "a table", 0.5)
    assert [claim.holds(5) for claim in (exact, rounded)] == [True, True]
    assert [claim.holds(6) for claim in (exact, rounded)] == [False, False]
    assert volume.holds("1x2") and not volume.holds("2x1") and not volume.holds(12)


def test_a_published_result_says_whose_it_is() -> None:
    assert str(Published("one crop", "table 3", 25.02, 7.71)) == (
        "top-1 error 25.02 %, top-5 error 7.71 % (one crop; table 3)"
    )
    assert str(Published("7 networks", "table 2", top5=6.67, place="first place")) == (
        "top-5 error 6.67 %, first place (7 networks; table 2)"
    )


@row(135)
def test_results_that_were_published_stand_on_the_cards() -> None:
    places = {name: one.place for name, card in MODELS.items() for one in card.published if one.place}
    assert places == {
        "alexnet:paper": "first place",
        "vgg16": "second place",
        "googlenet": "first place",
        "resnet152": "first place",
    }
    for card in MODELS.values():
        for one in card.published:
            assert one.source and one.how and (one.top1 or one.top5)
            assert one.top1 is None or one.top5 is None or one.top5 < one.top1


def test_a_name_is_given_once() -> None:
    with pytest.raises(KitnetError) as caught:
        model("vgg16", "another")(find("vgg16").builder)
    assert str(caught.value) == "two networks are called 'vgg16'; rename one of them"
    assert find("vgg16").title == "VGG-16, the paper's D"
