"""The builder of plans: layers write their steps through it, it gives every value and gradient a place.

Here and in the reference executor, and nowhere else, the gradients of a value's consumers are added up: the
first consumer that is met on the way back writes the gradient, the others add to it. A gradient that is
another one as well, or a slice of it, shares its memory; whoever changes it takes a copy if the other is
still to be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.activation import activation_of
from kitnet.engine.rewrite import Fusion
from kitnet.engine.step import FLOAT, FormulaStep, KernelStep, Place, Ref, Step
from kitnet.kernels import elementwise
from kitnet.kernels.activation import RELU, Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.net.graph import Graph, Node
from kitnet.net.weights import Weights


def sizes_of(shape: Shape) -> Triple:
    """The depth, height and width of a volume of any rank: (28, 28, 6) has 1, 28, 28."""
    depth, height, width = (1, 1, 1, *shape[:-1])[-3:]
    return depth, height, width


def volume_of(shape: Shape, own: bool = False) -> Volume:
    channels = shape[-1] if shape else 1
    return Volume(sizes_of(shape), channels, channels, own)


@dataclass
class Builder:
    """Collects the steps of one plan. `tasks` is how many pieces a kernel's work should have at least.

    With `one_by_one` groups go through the network, or through as much of it as needs no other group, one by
    one: their work is not cut up. With `own` as well, values and gradients exist once a thread, for the group
    that it is at, and not once a group.
    """

    graph: Graph
    weights: Weights
    cpu: Cpu
    batch: Batch
    train: bool
    tasks: int = 8
    one_by_one: bool = False
    own: bool = False
    prologue: list[Step] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    epilogue: list[Step] = field(default_factory=list)
    buffers: dict[str, int] = field(default_factory=dict)  # bytes
    own_buffers: set[str] = field(default_factory=set)
    constants: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._roots: dict[int, int] = {}  # a value that is another one in a different shape
        self._places: dict[int, Ref] = {}
        self._gradients: dict[int, Place] = {}
        self.bound: set[int] = set()  # values in somebody else's memory
        self.quickly_made: set[str] = set()  # of weights, so that one image can have them made in every run
        self.fusions: dict[int, Fusion] = {}  # by the node whose step does more than its own layer
        # By the value that lies in another one: which, and at what channel it begins there.
        self.slices: dict[int, tuple[int, int]] = {}
        self.taken_over: set[int] = set()  # nodes whose ReLU in passing is the business of a reader
        self.reached = len(self.graph.nodes)  # the node whose way back is being written
        self._wanted = self._wants()

    # Values

    def node(self, i: int) -> Node:
        return self.graph.nodes[i]

    @property
    def few(self) -> bool:
        """Whether images are too few for the vector lanes, so that channels lie there."""
        return self.batch.images == 1

    def bind(self, i: int, ref: Ref) -> None:
        """Value i lies in somebody else's memory, as people hold it."""
        self._places[i] = ref
        self.bound.add(i)

    def volume(self, i: int) -> Volume:
        """How value i lies in memory; channels in the lanes fill whole vectors in the plan's own."""
        volume = volume_of(self.node(i).shape, self.own)
        if not self.few or i in self.bound:
            return volume
        return replace(volume, pitch=-(-volume.channels // self.cpu.lanes) * self.cpu.lanes)

    def place(self, i: int) -> Place:
        """Where value i lies; made when first asked for."""
        root = self._roots.get(i, i)
        if root in self.slices:
            whole, first = self.slices[root]
            return self.part(self.place(whole), first, self.volume(i).channels)
        if root not in self._places:
            self._places[root] = self._new(self.node(root).path, root)
        return Place(self._places[root], self.volume(i))

    def move(self, i: int) -> None:
        """From now on value i lies elsewhere, where it has to be made again; its old place is not kept."""
        self._places[i] = self._new(f"{self.node(i).path} again", i)

    def place_over(self, i: int, others: Sequence[int]) -> Place:
        """As `place`, for a kernel that may write where it has just read one of `others`: there, if nobody
        else reads that one.
        """
        root = self._roots.get(i, i)
        free = not self.train and root not in self._places and root not in self.slices
        for other in others if free else ():
            old = self._roots.get(other, other)
            readers = sum(self._roots.get(j, j) == old for node in self.graph.nodes for j in node.inputs)
            like = self.volume(i) == self.volume(old)
            if like and readers == 1 and old not in self.slices and old not in self.bound:
                self._places[root] = self.place(old).ref
                break
        return self.place(i)

    def part(self, whole: Place, first: int, channels: int) -> Place:
        """Some channels of a value."""
        return Place(whole.ref.plus(first * self.batch.images), replace(whole.volume, channels=channels))

    def alias(self, i: int, of: int) -> None:
        """Value i is value `of`, perhaps in another shape; it needs no memory and no step, nor does its
        gradient.
        """
        self._roots[i] = self._roots.get(of, of)

    def room(self, name: str, elements: int, bytes: int = FLOAT) -> Ref:
        """A buffer of so many elements of so many bytes each."""
        self.buffers[name] = bytes * elements
        return Ref(name)

    def spare(self, name: str, like: int) -> Place:
        """A place like that of a value, for what a kernel writes but nobody reads."""
        return Place(self._new(name, like), self.volume(like))

    @property
    def fused(self) -> dict[int, int]:
        """By the node whose step does more than its own layer: the value that it stores."""
        return {i: fusion.last for i, fusion in self.fusions.items()}

    def fused_activation(self, i: int) -> Activation | None:
        """The activation that node i does in passing."""
        activation = self.fusions[i].activation if i in self.fusions else None
        return None if activation is None else activation_of(self.node(activation).layer)

    def activation_back(self, i: int) -> Activation | None:
        """The activation that node i did in passing, if its own way back has to lead through it."""
        return None if i in self.taken_over else self.fused_activation(i)

    def take_over_relu(self, i: int) -> bool:
        """For the only reader of value i: whether a ReLU in passing made it, through which that reader then
        goes back, too.
        """
        heads = [
            head for head, last in self.fused.items() if last == i and self.fused_activation(head) == RELU
        ]
        if not heads or sum(node.inputs.count(i) for node in self.graph.nodes) > 1:
            return False
        self.taken_over |= set(heads)
        return True

    def addend(self, i: int) -> int | None:
        """The value that node i adds in passing, before the activation."""
        return self.fusions[i].addend if i in self.fusions else None

    def over(self, i: int) -> bool:
        """Whether node i writes its sum over that value."""
        return i in self.fusions and self.fusions[i].over

    def result(self, i: int) -> Place:
        """Where the step of node i puts what it stores."""
        last, addend = self.fused.get(i, i), self.addend(i)
        if addend is not None and self.over(i):
            self._places[self._roots.get(last, last)] = self.place(addend).ref
        return self.place(last)

    def norm(self, i: int) -> int | None:
        """The norm with running statistics that node i does in passing."""
        return self.fusions[i].norm if i in self.fusions else None

    def constant(self, name: str, array: Array) -> Ref:
        """Numbers that are known when the plan is made."""
        self.constants[f"@{name}"] = array
        return Ref(f"@{name}")

    def room_for(self, name: str, volume: Volume, bytes: int = FLOAT) -> Ref:
        """A buffer for a volume of elements of so many bytes, of all groups or the thread's own."""
        groups = 1 if volume.own else self.batch.groups
        if volume.own:
            self.own_buffers.add(name)
        return self.room(name, groups * volume.positions * volume.pitch * self.batch.images, bytes)

    def _new(self, name: str, i: int) -> Ref:
        return self.room_for(name, self.volume(i))

    # Gradients

    def wants(self, i: int) -> bool:
        """Whether anybody reads the gradient of value i."""
        return self._wanted[i]

    def dy(self, i: int) -> Place | None:
        """The gradient of value i, None where no consumer gave one."""
        place = self._gradients.get(self._roots.get(i, i))
        return None if place is None else self._shaped(place, i)

    def dx(self, i: int) -> tuple[Place, bool]:
        """Where a consumer of value i puts its gradient, and whether it has to add it to what is there."""
        root = self._roots.get(i, i)
        begun = root in self._gradients
        if not begun:
            self._gradients[root] = self._new_gradient(root)
        elif self._shared(root) or not self._suits(self._gradients[root], i):
            old, new = self._gradients[root], self._new_gradient(root)
            blocks = self.blocks(old.volume.positions)
            kernel = elementwise.copy("copy", self.cpu, self.batch, old.volume, new.volume, blocks=blocks)
            self.call(f"{self.node(root).path} gradient apart", kernel, {"x": old.ref}, {"y": new.ref})
            self._gradients[root] = new
        return self._shaped(self._gradients[root], i), begun

    def dx_over(self, i: int, dy: int) -> tuple[Place, bool]:
        """As `dx`, for a kernel that may write where it has just read the gradient of value `dy`: there, if
        nobody else reads that and value i has no gradient yet.
        """
        root = self._roots.get(dy, dy)
        if not self._shared(root) and self.share(i, self._gradients[root]):
            return self._shaped(self._gradients[root], i), False
        return self.dx(i)

    def share(self, i: int, place: Place) -> bool:
        """Let a gradient that is there already be the one of value i, too; False where value i has one."""
        root = self._roots.get(i, i)
        if root in self._gradients or not self._suits(place, root):
            return False
        self._gradients[root] = self._shaped(place, root)
        return True

    def changed_dy(self, i: int) -> Place:
        """Where the way back through an activation leads: from now on this is the gradient of value i. It is
        the old place unless somebody else still reads that.
        """
        root = self._roots.get(i, i)
        if self._shared(root):
            self._gradients[root] = self._new_gradient(root)
        return self._shaped(self._gradients[root], i)

    def _shared(self, root: int) -> bool:
        """Whether the way back still has to read this value's gradient as another one's."""
        heads = {fusion.last: i for i, fusion in self.fusions.items()}
        own = self._gradients[root]
        return any(
            other != root and heads.get(other, other) <= self.reached and self._overlap(own, place)
            for other, place in self._gradients.items()
        )

    def _overlap(self, one: Place, two: Place) -> bool:
        """Places of one shape in one buffer are slices of its channels."""
        first, second = (place.ref.offset // (FLOAT * self.batch.images) for place in (one, two))
        apart = first >= second + two.volume.channels or second >= first + one.volume.channels
        return one.ref.buffer == two.ref.buffer and not (one.volume.sizes == two.volume.sizes and apart)

    def _suits(self, place: Place, i: int) -> bool:
        """Whether value i can lie so: a slice cannot be read in another shape."""
        volume = place.volume
        return volume.pitch == volume.channels or volume.sizes == sizes_of(self.node(i).shape)

    def _shaped(self, place: Place, i: int) -> Place:
        volume = self.volume(i)
        return replace(place, volume=place.volume if place.volume.sizes == volume.sizes else volume)

    def _new_gradient(self, root: int) -> Place:
        name = f"d {self.node(root).path}"
        while name in self.buffers:
            name += " apart"
        return Place(self._new(name, root), self.volume(root))

    def _wants(self) -> list[bool]:
        wanted: list[bool] = []
        for node in self.graph.nodes:
            own = bool(self.weights.of(node.path))
            wanted.append(node.layer is not None and (own or any(wanted[i] for i in node.inputs)))
        return wanted

    # Weights and state

    def weight(self, path: str) -> Ref:
        return Ref("@weights", FLOAT * self.weights.offsets[path])

    def weight_gradient(self, path: str) -> Ref:
        return Ref("@gradient", FLOAT * self.weights.offsets[path])

    def state(self, path: str) -> Ref:
        """An array of a layer's state; it stays where the network has it."""
        return Ref(f"@state {path}")

    # Steps

    def call(
        self,
        label: str,
        kernel: Kernel,
        reads: Mapping[str, Ref],
        writes: Mapping[str, Ref],
        adds: bool = False,
        across: bool = False,
    ) -> None:
        """A compiled step on values. With a task a group it keeps to its group, unless a task goes `across`
        groups; `adds` says that it also reads what it writes.
        """
        grouped = kernel.tasks == self.batch.groups and not across
        self.steps.append(KernelStep(label, kernel, dict(reads), dict(writes), grouped, adds))

    def at_start(
        self, label: str, kernel: Kernel, reads: Mapping[str, Ref], writes: Mapping[str, Ref]
    ) -> None:
        """A compiled step before all others, on weights."""
        self.prologue.append(KernelStep(label, kernel, dict(reads), dict(writes), grouped=False))

    def at_end(self, label: str, kernel: Kernel, reads: Mapping[str, Ref], writes: Mapping[str, Ref]) -> None:
        """A compiled step behind all others, on gradients of weights, in the order of the calls."""
        self.epilogue.append(KernelStep(label, kernel, dict(reads), dict(writes), grouped=False))

    def formula(self, step: FormulaStep) -> None:
        """A step that Python does."""
        self.steps.append(step)

    def blocks(self, parts: int) -> int:
        """Into how many blocks a group's work is cut, when it has so many parts: enough for `tasks` in all,
        but not at all where groups go through the network one by one.
        """
        return 1 if self.one_by_one else max(1, min(parts, -(-self.tasks // self.batch.groups)))

    def chunks(self) -> int:
        """Into how many ranges of groups a sum over the batch is cut, each with partial sums of its own: all
        groups where they go through the network one by one or make tasks enough; parts of a sum, the other
        way to make tasks, would each read everything.
        """
        return self.batch.groups if self.own or 2 * self.batch.groups >= self.tasks else 1
