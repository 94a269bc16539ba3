"""The card of a network: where it comes from, what is claimed of it, how it differs from its source, how it
is trained; and the register of all.

A family of networks is one file: builders under the decorator `model`, which registers each with its card.

    @model("tiny", "A tiny network", source="...", year=2024, claims={"figure 1": {"parameters": 19_920}})
    def tiny(width: int = 10) -> Net:
        return Net.of((64, 64, 3), Convolution(3, width), Relu(), Linear(10))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.net import Net
from kitnet.zoo.claim import Claim, Claims, Erratum, Found, Published, claimed
from kitnet.zoo.learning import OwnRule
from kitnet.zoo.measure import measure

Builder = Callable[..., Net]


@dataclass(frozen=True)
class Card:
    """A network of the zoo. `differences` tell what is not as in `source`, and why."""

    name: str
    title: str
    builder: Builder = field(repr=False)
    source: str = ""
    year: int = 0
    claims: tuple[Claim, ...] = ()
    errata: tuple[Erratum, ...] = ()
    differences: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    learn: OwnRule | None = field(default=None, repr=False)  # of networks that learn without gradients
    loss: str = ""  # that judges what was learned so, where it is not the usual one
    optimizer: str = "sgd"  # as `--optimizer` takes it
    schedule: str = "constant"  # of the learning rate, as `--schedule` takes it
    rate: float = 0.05
    momentum: float = 0.9  # where the optimizer has one
    decay: float | None = None  # of the weights; None: the optimizer's usual one
    augment: str = ""  # changes of the training images, as `--augment` takes them
    validation: float = 0.1  # share of the training images to choose the best epoch by
    batch: int = 64
    epochs: int = 20

    def build(self, **arguments: Any) -> Net:
        """The network; `arguments` are those of its builder, such as another `width`."""
        return self.builder(**arguments)

    @property
    def line(self) -> str:
        """The network as the language writes it."""
        return str(self.build())


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
    """Every claim of a card, and what was computed for its errata, against its network, or another one."""
    net = net or card.build()
    claims = (*card.claims, *(claim for erratum in card.errata for claim in erratum.computed))
    return [Checked.of(card, claim, net) for claim in claims]


MODELS: dict[str, Card] = {}  # every registered network by its name
ALIASES: dict[str, str] = {}  # other names of some


def model(
    name: str, title: str, *, claims: Claims | None = None, **said: Any
) -> Callable[[Builder], Builder]:
    """Register a builder under a name; `said` are fields of its card. Raises KitnetError where the name is
    taken."""

    def register(builder: Builder) -> Builder:
        if name in MODELS:
            raise KitnetError(f"two networks are called {name!r}; rename one of them")
        MODELS[name] = Card(name, title, builder, claims=claimed(claims or {}), **said)
        return builder

    return register
