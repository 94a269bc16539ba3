"""A plan: the steps of one network for one batch, where everything lies, and why each step is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kitnet.base.spec import Array
from kitnet.engine.arena import Arena, lay_out
from kitnet.engine.builder import Builder
from kitnet.engine.lower import FORMULA, Implementation, Refusal, choose
from kitnet.engine.rewrite import fuse_activations
from kitnet.engine.step import KernelStep, Place, Ref, Step
from kitnet.engine.verify import lives_of, verify
from kitnet.kernels import layout, update
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.spec import Batch
from kitnet.layers import Loss
from kitnet.net.graph import Graph
from kitnet.net.network import Net
from kitnet.net.objective import scores_of, with_loss

# Side by side where the batch has them: two vectors of AVX-512, so that a tile is 12 filters high.
IMAGES = 32  # side by side where the batch has enough: two vectors of AVX-512, so tiles are 12 filters high
GROUPS = 4  # from so many on, groups go through the network one by one; below, each layer's work is cut up


@dataclass(frozen=True)
class Choice:
    """Which implementation computes a layer, and why the ones before it do not."""

    path: str
    kind: str
    name: str
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What `run.py` executes. `stages` has the stage of each step; steps of one stage run group by group."""

    graph: Graph
    batch: Batch
    samples: int
    train: bool
    scores: int
    steps: tuple[Step, ...]
    stages: tuple[int, ...]
    arena: Arena
    own_arena: Arena  # of each thread
    constants: Mapping[str, Array]
    choices: tuple[Choice, ...]

    @property
    def formula_steps(self) -> int:
        """Steps that are not compiled."""
        return sum(not isinstance(step, KernelStep) for step in self.steps)


def batch_of(samples: int, cpu: Cpu) -> Batch:
    """Groups of 32 images where there are four such, otherwise smaller ones, of at least one vector."""
    images = IMAGES
    while images > cpu.lanes and samples < GROUPS * images:
        images //= 2
    return Batch(-(-samples // images), images)


def make_plan(
    net: Net,
    samples: int,
    cpu: Cpu,
    *,
    loss: Loss,
    train: bool,
    fuse: bool = True,
    avoid: frozenset[str] = frozenset(),
) -> Plan:
    """The plan of a network for up to `samples` images: its scores, or a whole training step.

    `fuse` False keeps every activation a step of its own; implementations whose names are in `avoid` are not
    used.
    """
    graph = with_loss(net.graph, loss) if train else net.graph
    scores = scores_of(net.graph, loss)
    b = Builder(graph, net.weights, cpu, batch_of(samples, cpu), train)
    if fuse:
        b.fused = fuse_activations(graph, frozenset((scores,)))
    taken, choices = _choose(b, len(graph.nodes) - 1 if train else scores, avoid)
    b.own = b.batch.groups >= GROUPS and not any(one.across for one in taken.values())
    _write(b, taken, scores)
    steps = b.all_steps()
    stages = _stages(steps)
    for step in steps:
        if isinstance(step, KernelStep):
            step.kernel.own = frozenset(n for n, ref in step.arguments.items() if ref.buffer in b.own_buffers)
    shared = {name: size for name, size in b.buffers.items() if name not in b.own_buffers}
    own = {name: size for name, size in b.buffers.items() if name in b.own_buffers}
    # a stage's steps run side by side on different groups, but one after the other on a thread's own memory
    lives, own_lives = lives_of(steps, shared, stages), lives_of(steps, own, range(len(steps)))
    arena, own_arena = lay_out(lives), lay_out(own_lives)
    verify(steps, stages, lives, arena, own_lives, own_arena)
    return Plan(
        graph=graph,
        batch=b.batch,
        samples=samples,
        train=train,
        scores=scores,
        steps=tuple(steps),
        stages=tuple(stages),
        arena=arena,
        own_arena=own_arena,
        constants=b.constants,
        choices=tuple(choices),
    )


def _choose(b: Builder, last: int, avoid: frozenset[str]) -> tuple[dict[int, Implementation], list[Choice]]:
    """The implementation of every node up to the last, but for those that are done in passing."""
    b.fused = {i: after for i, after in b.fused.items() if choose(b, i, avoid)[0] is not FORMULA}
    passed = set(b.fused.values())
    taken: dict[int, Implementation] = {}
    choices = []
    for i, node in enumerate(b.graph.nodes[: last + 1]):
        if i in passed and node.layer is not None:
            choices.append(Choice(node.path, node.layer.word, "in the step before"))
        elif node.layer is not None:
            taken[i], refusals = choose(b, i, avoid)
            choices.append(Choice(node.path, node.layer.word, taken[i].name, tuple(refusals)))
    return taken, choices


def _write(b: Builder, taken: dict[int, Implementation], scores: int) -> None:
    """All steps: images in, forward, scores out, and for training backward and the update."""
    image, count = b.place(0), Ref("@count")
    kernel = layout.into_lanes("into_lanes", b.cpu, b.batch, _numbers(image), own=b.own)
    b.call("images into lanes", kernel, {"x": Ref("@images"), "count": count}, {"y": image.ref})
    for i in sorted(taken):
        taken[i].forward(b, i)
    out = b.place(scores)
    kernel = layout.out_of_lanes("out_of_lanes", b.cpu, b.batch, _numbers(out), own=b.own)
    b.call("scores out of lanes", kernel, {"x": out.ref, "count": count}, {"y": Ref("@scores")})
    if b.train:
        for i in sorted(taken, reverse=True):
            taken[i].backward(b, i)
        _update(b)


def _numbers(place: Place) -> int:
    """Of one image."""
    return place.volume.positions * place.volume.channels


def _update(b: Builder) -> None:
    """The optimiser's pass over all weights, the last stage."""
    kernel = update.sgd("sgd", b.cpu, b.weights.flat.size, b.tasks)
    reads = {"dw": Ref("@gradient"), "decayed": Ref("@decayed"), "rates": Ref("@rates")}
    b.at_end("update", kernel, reads, {"w": Ref("@weights"), "v": Ref("@velocity")})


def _stages(steps: list[Step]) -> list[int]:
    """Number the stages: neighbours that keep to their groups, equally many, are one, so that a group of
    images goes through many layers while it is in cache.
    """
    stages: list[int] = []
    for step in steps:
        before = steps[len(stages) - 1] if stages else None
        together = (
            isinstance(step, KernelStep)
            and isinstance(before, KernelStep)
            and step.grouped
            and before.grouped
            and step.kernel.tasks == before.kernel.tasks
        )
        stages.append(stages[-1] if together else (stages[-1] + 1 if stages else 0))
    return stages
