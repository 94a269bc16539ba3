"""The first stage of planning: what computes each layer, and how the batch is cut.

Every layer has an ordered list of implementations for each layout. The first that does not refuse is taken:
of those in the layout that suits the plan, then of those in the other one, then the layer's formula.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import get_args

from kitnet.base.argument import words
from kitnet.base.error import KitnetError, nearest
from kitnet.base.precision import FP32, Precision
from kitnet.engine.builder import Builder
from kitnet.engine.layout import needed_nodes
from kitnet.engine.lower import FORMULAS, implementations, implementations_of
from kitnet.engine.lower.contract import NO_WISHES, Implementation, Refusal, Slower, Wishes, called
from kitnet.engine.request import Request
from kitnet.engine.setting import Lanes, Setting
from kitnet.engine.step import FLOAT, LARGE
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.spec import Batch
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

TOGETHER = 32  # images, where the batch has enough: two vectors of AVX-512, so tiles are 12 filters high
SMALLER = 16  # where all groups meet at some layers: so that more lies in a core's cache between these
FEW = 16  # large images at once, at most, for scores: the batch is dealt into plans of so many
GROUPS = 4  # from so many on, groups go through the network one by one; below, each layer's work is cut up


@dataclass(frozen=True)
class Choice:
    """Which implementation computes a layer, and why the ones before it do not."""

    path: str
    kind: str
    one: Implementation
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Choices:
    """By the numbers of values; and how the batch is cut in each layout."""

    of: Mapping[int, Choice]
    preferred: Lanes
    batches: Mapping[Lanes, Batch]

    @property
    def taken(self) -> dict[int, Implementation]:
        return {i: choice.one for i, choice in self.of.items()}


def batch_of(samples: int, cpu: Cpu, images: int = TOGETHER, least: int = 1) -> Batch:
    """Groups of so many images where there are four such, otherwise smaller ones, of at least one vector and
    the `least` images.
    """
    while images > max(cpu.lanes, least) and samples < GROUPS * images:
        images //= 2
    return Batch(-(-samples // images), images)


def choose(
    graph: Graph,
    weights: Weights,
    samples: int,
    cpu: Cpu,
    request: Request,
    wishes: Wishes = NO_WISHES,
    layout: Lanes | None = None,
    precision: Precision = FP32,
) -> Choices:
    """The choices for a batch of so many samples. `layout` is preferred wherever it can be, by default the
    one that should be quicker. In another `precision` than fp32 it is images, in whole tiles.
    """
    chooser = _Chooser(graph, weights, samples, cpu, request, wishes, precision)
    least = SMALLER if precision.parts else 1
    images = chooser.choices("images", batch_of(samples, cpu, least=least))
    if layout == "channels":
        return chooser.choices("channels", batch_of(samples, cpu), samples)
    if chooser.across(images):
        images = chooser.choices("images", batch_of(samples, cpu, SMALLER, least))
    fourier = any("fourier" in one.id for one in images.taken.values())
    few = samples < cpu.lanes or (_large(graph) and not fourier)
    if layout == "images" or request.back or precision.parts or not few:
        return images
    at_once = -(-samples // -(-samples // FEW))
    channels = chooser.choices("channels", batch_of(at_once, cpu), at_once)
    forced = [sum(map(wishes.force, choices.taken.values())) for choices in (images, channels)]
    return images if min(forced[0], 1) > forced[1] else channels


class _Chooser:
    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        samples: int,
        cpu: Cpu,
        request: Request,
        wishes: Wishes,
        precision: Precision,
    ) -> None:
        self._precision = precision
        self._graph, self._weights, self._cpu, self._request = graph, weights, cpu, request
        self._samples, self._wishes, self._needed = samples, wishes, needed_nodes(graph, request)
        self._builder: Builder | None = None

    def choices(self, preferred: Lanes, images: Batch, samples: int | None = None) -> Choices:
        batches: dict[Lanes, Batch] = {"images": images, "channels": Batch(samples or self._samples, 1)}
        builders = {lanes: self._in(lanes, batches) for lanes in get_args(Lanes)}
        found = {}
        for i in self._needed:
            if self._graph.nodes[i].layer is not None:
                found[i] = self._choice(builders, i, preferred)
        return Choices(found, preferred, batches)

    def across(self, choices: Choices) -> bool:
        """Whether some steps need all groups at once."""
        b = self._in(choices.preferred, choices.batches)
        return any(one.across(b, i) for i, one in choices.taken.items())

    def _in(self, lanes: Lanes, batches: Mapping[Lanes, Batch]) -> Builder:
        """A builder in which every value lies in this layout, of whom implementations ask what they need."""
        every = (lanes,) * len(self._graph.nodes)
        how = self._graph, self._weights, self._cpu, self._request, every, batches
        return Builder(Setting(*how, precision=self._precision))

    def _choice(self, builders: Mapping[Lanes, Builder], i: int, preferred: Lanes) -> Choice:
        """The first that is forced, or else the first, of those that do not refuse and are not forbidden.
        Nothing can forbid the formula.
        """
        node, wishes = self._graph.nodes[i], self._wishes
        assert node.layer is not None
        able = list(implementations_of(node.layer))
        able.sort(key=lambda one: (not wishes.force(one), one.lanes != preferred))
        refusals: list[Refusal] = []
        for one in able:
            builders[one.lanes].at = i
            reason = self._reason(builders[one.lanes], i, one)
            if reason is None or (isinstance(reason, Slower) and wishes.force(one)):
                return Choice(node.path, node.word, one, tuple(refusals))
            refusals.append(Refusal(one.id, one.sentence, reason))
        return Choice(node.path, node.word, FORMULAS[preferred], tuple(refusals))

    def _reason(self, b: Builder, i: int, one: Implementation) -> str | None:
        if self._wishes.forbid(one):
            return "forbidden by an option"
        if one.only_scores and b.back:
            return "only for scores"
        return one.refuses(b, i)


def _large(graph: Graph) -> bool:
    """Whether some value of a single image is so large that channels fill the lanes better."""
    return any(FLOAT * math.prod(node.shape) >= LARGE for node in graph.nodes)


def wishes_of(
    forbid: Collection[str] | str = (), force: Collection[str] | str = (), never: Collection[str] = ()
) -> Wishes:
    """Wishes by ids of implementations or parts of these; `never` are forbidden too. Raises KitnetError for
    others.
    """
    forbidden = frozenset((*words("forbid", forbid, "winograd"), *never))
    wishes = Wishes(forbidden, frozenset(words("force", force, "winograd")))
    given = sorted(wishes.forbidden | wishes.forced)
    ids = [one.id for one in implementations()] if given else []
    for word in given:
        if not any(called(id, word) for id in ids):
            raise KitnetError(
                f"no implementation is called {word!r}{nearest(word, ids)}; known: {', '.join(sorted(ids))}"
            )
    return wishes
