"""A plan: the steps of one network for one batch, where everything lies, and why each step is what it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from kitnet.base.spec import Array
from kitnet.engine.arena import Arena, lay_out
from kitnet.engine.builder import Builder
from kitnet.engine.lower import FORMULA, FOURIER, NO_WISHES, Implementation, Refusal, Wishes, choose
from kitnet.engine.rewrite import PRODUCTS, fusions, slices
from kitnet.engine.slicing import Slicing, repeat, slicing_of
from kitnet.engine.step import COUNT, FLOAT, IMAGES, LARGE, KernelStep, Place, Ref, Step
from kitnet.engine.verify import lives_of, verify
from kitnet.kernels import elementwise, layout
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import writing_once
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.update import sgd
from kitnet.layers import Loss
from kitnet.net.graph import Graph
from kitnet.net.network import Net
from kitnet.net.objective import scores_of, with_loss

TOGETHER = 32  # images, where the batch has enough: two vectors of AVX-512, so tiles are 12 filters high
SMALLER = 16  # where all groups meet at some layers: so that more lies in a core's cache between these
SMALL = 4_000_000  # multiply-adds of an image; below, the layers are not worth two threads
FEW = 16  # large images at once, at most, for scores: the batch is dealt into plans of so many
MANY = 8  # images, for whose scores large things made of weights are made in every run, and not kept
COPIES = 0.25  # of the memory of the weights, for what is made of these and kept
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
    slicing: Slicing | None
    train: bool
    scores: int
    steps: tuple[Step, ...]
    stages: tuple[int, ...]
    preparations: int  # steps at the beginning that need no images; plans for scores do them once
    arena: Arena
    own_arena: Arena  # of each thread
    constants: Mapping[str, Array]
    choices: tuple[Choice, ...]

    @property
    def formula_steps(self) -> int:
        """Steps that are not compiled."""
        return sum(not isinstance(step, KernelStep) for step in self.steps)


def batch_of(samples: int, cpu: Cpu, images: int = TOGETHER) -> Batch:
    """Groups of so many images where there are four such, otherwise smaller ones, of at least one vector."""
    while images > cpu.lanes and samples < GROUPS * images:
        images //= 2
    return Batch(-(-samples // images), images)


def make_plan(
    net: Net,
    samples: int,
    cpu: Cpu,
    *,
    loss: Loss | None,
    train: bool,
    update: bool = True,
    fuse: bool = True,
    wishes: Wishes = NO_WISHES,
) -> Plan:
    """The plan of a network for up to `samples` images: its scores as `loss` reads them (its output without
    one), or a whole training step.

    `update` False leaves out what changes the weights; `fuse` False keeps every layer a step of its own;
    `wishes` forbid and force implementations.
    """
    graph = with_loss(net.graph, loss) if train and loss else net.graph
    scores = scores_of(net.graph, loss) if loss else net.graph.main
    last = len(graph.nodes) - 1 if train else scores

    def begun(batch: Batch) -> tuple[Builder, dict[int, Implementation], list[Choice]]:
        b = Builder(graph, net.weights, cpu, batch, train)
        readers = [node.layer for node in graph.nodes if 0 in node.inputs]
        if b.few and all(isinstance(layer, PRODUCTS) for layer in readers):
            b.bind(0, Ref("@images"))  # products take them as they are
        return b, *_choose(b, last, wishes, scores if fuse else None)

    b, taken, choices = begun(batch_of(samples, cpu))
    if any(one.across for one in taken.values()):
        b, taken, choices = begun(batch_of(samples, cpu, SMALLER))
    if not train and (samples < cpu.lanes or (_large(graph) and FOURIER not in taken.values())):
        few = begun(Batch(-(-samples // -(-samples // FEW)), 1))
        if _as_good(few[1], taken, wishes):
            b, taken, choices = few
    if b.few:
        small = net.ledger().totals["multiply_adds"] < SMALL
        b.tasks = 1 if small else b.tasks
    else:
        b.one_by_one = b.batch.groups >= GROUPS
        b.own = b.one_by_one and not any(one.across for one in taken.values())
    samples = b.batch.groups if b.few else samples
    whole = train or b.one_by_one or FORMULA in taken.values()
    slicing = None if whole else slicing_of(b, taken)
    with writing_once():
        _write(b, taken, scores, slicing)
    if train and update:
        _update(b)
    first, others = b.prologue, [*b.steps, *b.epilogue]
    if not b.own:
        first, others = _when_needed(b, b.buffers.keys() if train or samples >= MANY else _spared(b))
    steps = [*first, *others]
    stages = _stages(steps)
    preparations = 0 if train else len(first)
    for i, step in enumerate(steps):
        if isinstance(step, KernelStep):
            mine = frozenset(name for name, ref in step.arguments.items() if ref.buffer in b.own_buffers)
            steps[i] = replace(step, kernel=step.kernel.lying(mine))
    shared = {name: size for name, size in b.buffers.items() if name not in b.own_buffers}
    own = {name: size for name, size in b.buffers.items() if name in b.own_buffers}
    # a stage's steps run side by side on different groups, but one after the other on a thread's own memory
    lives, own_lives = lives_of(steps, shared, stages), lives_of(steps, own, range(len(steps)))
    prepared = {ref.buffer for step in steps[:preparations] for ref in step.writes.values()}
    for name in prepared & {ref.buffer for step in steps[preparations:] for ref in step.reads.values()}:
        lives[name] = replace(lives[name], last=stages[-1])  # it is there for the next run, too
    arena, own_arena = lay_out(lives), lay_out(own_lives)
    verify(steps, stages, lives, arena, own_lives, own_arena)
    return Plan(
        graph=graph,
        batch=b.batch,
        samples=samples,
        slicing=slicing,
        train=train,
        scores=scores,
        steps=tuple(steps),
        stages=tuple(stages),
        preparations=preparations,
        arena=arena,
        own_arena=own_arena,
        constants=b.constants,
        choices=tuple(choices),
    )


def _as_good(few: dict[int, Implementation], others: dict[int, Implementation], wishes: Wishes) -> bool:
    """Whether the implementations for few images leave no more to formulas, nor out what is forced."""
    formulas, forced = (
        [sum(test(one) for one in taken.values()) for taken in (few, others)]
        for test in (lambda one: one is FORMULA, wishes.force)
    )
    return formulas[0] <= formulas[1] and min(forced[1], 1) <= forced[0]


def _large(graph: Graph) -> bool:
    """Whether some value of a single image is so large that channels fill the lanes better."""
    return any(FLOAT * math.prod(node.shape) >= LARGE for node in graph.nodes)


def _choose(
    b: Builder, last: int, wishes: Wishes, scores: int | None
) -> tuple[dict[int, Implementation], list[Choice]]:
    """The implementation of every node up to the last, but for those that are done in passing: none unless
    `scores` are given, which are read from outside.
    """
    layers = {i: node.layer for i, node in enumerate(b.graph.nodes[: last + 1]) if node.layer is not None}
    found = {i: choose(b, i, wishes) for i in layers}
    if scores is not None:
        compiled = {i for i, (one, _) in found.items() if one is not FORMULA}
        b.fusions = fusions(b.graph, compiled, {scores}, train=b.train, few=b.few)
        b.slices = {} if b.few else slices(b.graph, compiled, {scores}, train=b.train)
    taken: dict[int, Implementation] = {}
    choices = []
    for i, (one, refusals) in found.items():
        path, word = b.node(i).path, layers[i].word
        if any(i in fusion.passed for fusion in b.fusions.values()):
            choices.append(Choice(path, word, "in the step before"))
        else:
            taken[i] = one
            choices.append(Choice(path, word, one.name, tuple(refusals)))
    return taken, choices


def _write(b: Builder, taken: dict[int, Implementation], scores: int, slicing: Slicing | None) -> None:
    """All steps: images in, forward, scores out, and for training backward."""
    whole = b.batch
    if slicing:
        b.batch = replace(whole, groups=slicing.images // whole.images)
    if 0 not in b.bound:
        _images_in(b)
    for i in sorted(taken):
        taken[i].forward(b, i)
        if slicing and b.fused.get(i, i) == slicing.last:
            repeat(b, slicing, whole)
    _scores_out(b, scores)
    if b.train:
        _write_backward(b, taken)


def _write_backward(b: Builder, taken: dict[int, Implementation]) -> None:
    """The way back from the last layer to the first."""
    image = b.place(0).ref
    again = not b.own and b.buffers[image.buffer] >= LARGE  # rather than kept all the way
    for i in sorted(taken, reverse=True):
        b.reached = i
        reads = any(b.place(j).ref == image for j in b.node(i).inputs)
        if again and reads and isinstance(b.node(i).layer, PRODUCTS):
            b.move(0)
            _images_in(b)
        taken[i].backward(b, i)


def _images_in(b: Builder) -> None:
    """From where the caller has them to where the plan does."""
    image, images = b.place(0), Ref(IMAGES)
    if b.few:
        kernel = elementwise.copy("copy", b.cpu, b.batch, _dense(image.volume), image.volume)
        b.call("images", kernel, {"x": images}, {"y": image.ref})
        return
    numbers = _numbers(image)
    blocks = b.blocks(numbers // b.cpu.lanes)
    kernel = layout.into_lanes("into_lanes", b.cpu, b.batch, numbers, blocks, b.own)
    b.call("images into lanes", kernel, {"x": images, "count": Ref(COUNT)}, {"y": image.ref})


def _scores_out(b: Builder, scores: int) -> None:
    out, found = b.place(scores), Ref("@scores")
    if b.few:
        kernel = elementwise.copy("copy", b.cpu, b.batch, out.volume, _dense(out.volume))
        b.call("scores", kernel, {"x": out.ref}, {"y": found})
        return
    kernel = layout.out_of_lanes("out_of_lanes", b.cpu, b.batch, _numbers(out), own=b.own)
    b.call("scores out of lanes", kernel, {"x": out.ref, "count": Ref(COUNT)}, {"y": found})


def _spared(b: Builder) -> Set[str]:
    """What few images have made in every run rather than kept: what is quickly made, if all copies of filters
    would else take much memory beside the weights.
    """
    copies = sum(b.buffers[ref.buffer] for step in b.prologue for ref in step.writes.values())
    return b.quickly_made if copies > COPIES * b.weights.flat.nbytes else set()


def _when_needed(b: Builder, late: Set[str]) -> tuple[list[Step], list[Step]]:
    """All steps, where large things that are made of the weights, of those that may be late, are made just
    before they are read: they are then still in cache, and few exist at once. Small ones come first, so that
    they do not part stages, as do all where groups go through the whole network in a thread's own memory. Few
    images have hardly a stage of several steps.
    """
    least = LARGE // 4 if b.few else LARGE
    first: list[Step] = []
    steps = [*b.steps, *b.epilogue]
    for step in reversed(b.prologue):
        made = {ref.buffer for ref in step.writes.values()}
        early = any(made & {ref.buffer for ref in other.reads.values()} for other in first)
        if early or not made <= late or sum(b.buffers[name] for name in made) < least:
            first.insert(0, step)
        else:
            reads = (made & {ref.buffer for ref in other.reads.values()} for other in steps)
            steps.insert(next(i for i, those in enumerate(reads) if those), step)
    return first, steps


def _dense(volume: Volume) -> Volume:
    """The same without empty lanes."""
    return replace(volume, pitch=volume.channels)


def _numbers(place: Place) -> int:
    """Of one image."""
    return place.volume.positions * place.volume.channels


def _update(b: Builder) -> None:
    """The optimiser's pass over all weights, the last stage."""
    kernel = sgd("sgd", b.cpu, b.weights.flat.size, b.tasks)
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
