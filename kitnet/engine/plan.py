"""A plan: the steps of one graph for one batch, where everything lies, and why each step is what it is.

Planning is a row of stages, each a function from the results of those before it to a frozen result:

    choose    what computes each layer, and how the batch is cut            choice.py
    lay out   which value lies how, with conversions between layouts        layout.py
    fuse      what steps do in passing                                      fuse.py
    lower     the steps, forward and back                                   lowering.py, lower/
    schedule  their order, and which of them a group goes through at once   schedule.py
    place     where every buffer lies                                       place.py

`bind.py` then makes a machine of the plan, which runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kitnet.base.error import KitnetError
from kitnet.base.precision import FP32, Precision
from kitnet.base.spec import Array
from kitnet.engine.arena import Arena
from kitnet.engine.builder import Builder
from kitnet.engine.choice import GROUPS, Choice, Choices, choose
from kitnet.engine.fuse import NOTHING_FUSED, Fused, fuse_layers
from kitnet.engine.layout import Laid, lay_out
from kitnet.engine.lower.contract import NO_WISHES, Wishes
from kitnet.engine.lowering import lower
from kitnet.engine.place import place
from kitnet.engine.request import Request
from kitnet.engine.schedule import schedule
from kitnet.engine.setting import Lanes, Setting
from kitnet.engine.share import Share
from kitnet.engine.slicing import Slicing
from kitnet.engine.step import FLOAT, HostStep, Step
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.spec import Batch
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

SMALL = 4_000_000  # multiply-adds that are not worth two threads
PARTS = 8  # into which work and sums are cut at least
EACH = 4  # pieces of work for each thread


@dataclass(frozen=True, repr=False)
class Plan:
    """What `bind.py` makes a machine of. `stages` has the stage of each step; steps of one stage run group by
    group."""

    graph: Graph
    request: Request
    samples: int
    preferred: Lanes
    batches: Mapping[Lanes, Batch]
    slicing: Slicing | None
    steps: tuple[Step, ...]
    stages: tuple[int, ...]
    preparations: int  # steps at the beginning that need no images; plans for scores do them once
    arena: Arena
    own_arena: Arena  # of each thread
    constants: Mapping[str, Array]
    choices: tuple[Choice, ...]
    passed: Mapping[str, str]  # layers that take no step forward, by the layer whose step does them, too

    def __repr__(self) -> str:
        what = "training" if self.request.goals else "gradients" if self.request.back else "scores"
        return (
            f"<Plan of {what} for {self.samples} samples: {len(self.steps)} steps, "
            f"{self.arena.size + self.own_arena.size:,} bytes>"
        )

    @property
    def batch(self) -> Batch:
        """How the batch is cut in the layout that the plan prefers."""
        return self.batches[self.preferred]

    @property
    def formula_steps(self) -> int:
        """Steps that are not compiled."""
        return sum(isinstance(step, HostStep) for step in self.steps)


def make_plan(
    graph: Graph,
    weights: Weights,
    samples: int,
    cpu: Cpu,
    request: Request,
    *,
    threads: int = 1,
    fuse: bool = True,
    wishes: Wishes = NO_WISHES,
    layout: Lanes | None = None,
    most_own: float = math.inf,
    share: Share | None = None,
    precision: Precision = FP32,
) -> Plan:
    """The plan that computes what `request` asks of a graph, for up to `samples` samples.

    `weights` say where parameters lie; their values play no part. Results do not depend on `threads`, which
    says for how many threads work is cut up. `fuse` False keeps every layer a step of its own; `wishes`
    forbid and force implementations; `layout` is preferred to what should be quicker. Values lie in each
    thread's own memory, which a process keeps, only where they take at most `most_own` bytes of it. With a
    `share`, a part of the batch; KitnetError is raised for a layer that needs all images at once.
    """
    request.check(graph)
    if share is not None and not share.exact:
        samples = share.most(samples)
    choices, whole = choose(graph, weights, samples, cpu, request, wishes, layout, precision), None
    if share is not None and share.exact:
        whole = choices.batches["images"]
        choices, samples = _own_groups(choices, share.groups(whole))
    laid = lay_out(graph, choices.taken, request, cpu.lanes)
    fused = _fused(laid, request) if fuse else NOTHING_FUSED
    setting = _setting(laid, choices, weights, cpu, request, threads, most_own, precision)
    if share is not None:
        setting = replace(setting, share=share, whole=whole)
        _check_share(laid, setting)
    lowered = lower(laid, fused, setting, sliced=_may_be_sliced(laid, setting))
    b = lowered.builder
    scheduled = schedule(b)
    arena, own_arena = place(b, scheduled)
    return Plan(
        graph=laid.graph,
        request=request,
        samples=choices.batches["channels"].groups if choices.preferred == "channels" else samples,
        preferred=choices.preferred,
        batches=choices.batches,
        slicing=lowered.slicing,
        steps=scheduled.steps,
        stages=scheduled.stages,
        preparations=scheduled.preparations,
        arena=arena,
        own_arena=own_arena,
        constants=b.constants,
        choices=tuple(choices.of.values()),
        passed={
            laid.graph.nodes[i].path: laid.graph.nodes[head].path
            for head, fusion in fused.fusions.items()
            for i in fusion.passed
        },
    )


def _own_groups(choices: Choices, mine: Batch) -> tuple[Choices, int]:
    """The choices for a rank's own groups, and how many samples these have places for."""
    samples = mine.groups * mine.images
    return replace(choices, batches={"images": mine, "channels": Batch(samples, 1)}), samples


def _fused(laid: Laid, request: Request) -> Fused:
    """Formulas take no part, nor do values that are read from outside, nor conversions."""
    compiled = {i for i, one in laid.taken.items() if not one.formula}
    kept = {i for i, node in enumerate(laid.graph.nodes) if node.path in request.kept or i not in compiled}
    few = [lanes == "channels" for lanes in laid.lanes]
    return fuse_layers(laid.graph, few, compiled, kept, train=request.train or request.back)


def _setting(
    laid: Laid,
    choices: Choices,
    weights: Weights,
    cpu: Cpu,
    request: Request,
    threads: int,
    most_own: float,
    precision: Precision,
) -> Setting:
    """How work is dealt: groups go through the network one by one where there is one for each thread."""
    batches, few = choices.batches, choices.preferred == "channels"
    groups = batches["images"].groups
    uniform = {one.lanes for one in laid.taken.values()} == {"images"}
    one_by_one = not few and uniform and groups >= max(GROUPS, threads)
    plain = Setting(laid.graph, weights, cpu, request, laid.lanes, batches)
    asked = Builder(plain)
    across = any(one.across(asked, i) for i, one in laid.taken.items())
    values = FLOAT * batches["images"].images * sum(math.prod(node.shape) for node in laid.graph.nodes)
    small = few and _is_small(laid.graph, batches["channels"].groups)
    return Setting(
        laid.graph,
        weights,
        cpu,
        request,
        laid.lanes,
        batches,
        parts=PARTS,
        tasks=1 if small else max(PARTS, EACH * threads),
        one_by_one=one_by_one,
        own=one_by_one and not across and values <= most_own,
        dense=laid.dense,
        preferred=choices.preferred,
        precision=precision,
        ways={i: one.id for i, one in laid.taken.items()},
    )


def _check_share(laid: Laid, setting: Setting) -> None:
    """Raises KitnetError for a layer that needs the images of all ranks at once."""
    asked = Builder(setting)
    for i, one in laid.taken.items():
        if setting.meets and one.across(asked, i) and not one.meets:
            raise KitnetError(
                f"{laid.graph.nodes[i].path}: {laid.graph.nodes[i].word} needs all images of a batch at "
                "once, which no rank has; train it by one process, or with --sync fast"
            )


def _may_be_sliced(laid: Laid, setting: Setting) -> bool:
    """Plans for scores whose groups meet, with no formula among the layers."""
    formulas = any(one.formula for one in laid.taken.values())
    request = setting.request
    return not (request.train or request.back or setting.one_by_one or formulas)


def _is_small(graph: Graph, samples: int) -> bool:
    """Whether two threads gain nothing: in one sample, and in one layer on all of them, is little work."""
    layers = [(node.layer, graph.shapes_into(node)) for node in graph.nodes if node.layer is not None]
    work = [found for layer, shapes in layers if (found := layer.multiplications(*shapes))]
    return sum(work) < SMALL and samples * sum(work) < SMALL * max(len(work), 1)
