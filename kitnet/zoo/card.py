"""The card of a network: where it comes from, what is claimed of it, how it differs from its source, how it
is trained; and the register of all.

A family of networks is one file: builders under the decorator `model`, which registers each with its card.

    @model("tiny", "A tiny network", source="...", year=2024, claims={"figure 1": {"parameters": 19_920}})
    def tiny(width: int = 10) -> Net:
        return Net.of((64, 64, 3), Convolution(3, width), Relu(), Linear(10))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.net import Net
from kitnet.zoo.claim import Claim, Claims, Erratum, Found, Published, claimed
from kitnet.zoo.learning import OwnRule
from kitnet.zoo.measure import measure
from kitnet.zoo.recipe import Recipe

Builder = Callable[..., Net]


@dataclass(frozen=True, repr=False)
class Card:
    """A network of the zoo. `differences` tell what is not as in `source`, and why."""

    name: str
    title: str
    builder: Builder
    source: str = ""
    year: int = 0
    claims: tuple[Claim, ...] = ()
    errata: tuple[Erratum, ...] = ()
    differences: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    learn: OwnRule | None = None  # of networks that learn without gradients
    loss: str = ""  # that judges what was learned so, where it is not the usual one
    recipe: Recipe = Recipe()  # of training on any data
    recipes: Mapping[str, Recipe] = field(default_factory=dict)  # by the data set that they are for

    def build(self, **arguments: Any) -> Net:
        """The network; `arguments` are those of its builder, such as another `width`."""
        return self.builder(**arguments)

    def __repr__(self) -> str:
        return f"<Card {self.name}: {self.title}{f', {self.year}' if self.year else ''}>"

    @property
    def line(self) -> str:
        """The network as the language writes it."""
        return str(self.build())

    def recipe_for(self, data: str) -> Recipe:
        """The recipe for a data set, by its name, or the usual one."""
        return self.recipes.get(data, self.recipe)


@dataclass(frozen=True)
class Checked:
    """A claim about a network, and what kitnet found."""

    network: str
    claim: Claim
    found: Found

    @classmethod
    def of(cls, card: Card, claim: Claim, net: Net) -> Checked:
        return cls(card.name, claim, measure(net.graph, claim.what))

    @property
    def holds(self) -> bool:
        return self.claim.holds(self.found)


def check(card: Card, net: Net | None = None) -> list[Checked]:
    """Every claim of a card, and what was computed for its errata, against its network, or another one. What
    several sources claim is one claim, with all of them."""
    net = net or card.build()
    sources = dict[Claim, list[str]]()
    for claim in (*card.claims, *(claim for erratum in card.errata for claim in erratum.computed)):
        sources.setdefault(replace(claim, source=""), []).append(claim.source)
    return [
        Checked.of(card, replace(claim, source="; ".join(dict.fromkeys(each))), net)
        for claim, each in sources.items()
    ]


MODELS: dict[str, Card] = {}  # every registered network by its name
ALIASES: dict[str, str] = {}  # other names of some
RECIPES: dict[str, tuple[Card, str]] = {}  # by whole names such as lenet5.mnist: the card and the data set


def model(
    name: str, title: str, *, claims: Claims | None = None, **said: Any
) -> Callable[[Builder], Builder]:
    """Register a builder under a name; `said` are fields of its card. Raises KitnetError where the name is
    taken."""

    def register(builder: Builder) -> Builder:
        if name in MODELS:
            raise KitnetError(f"two networks are called {name!r}; rename one of them")
        card = MODELS[name] = Card(name, title, builder, claims=claimed(claims or {}), **said)
        RECIPES.update({f"{name}.{data}": (card, data) for data in card.recipes})
        return builder

    return register
