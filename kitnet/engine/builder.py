"""The builder of plans: layers write their steps through it, it gives every value and gradient a place.

Here and in the reference executor, and nowhere else, the gradients of a value's consumers are added up: the
first consumer that is met on the way back writes the gradient, the others add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.step import FLOAT, FormulaStep, KernelStep, Place, Ref, Step
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

    With `own`, values and gradients exist once a thread, for the group that it is at, and not once a group.
    """

    graph: Graph
    weights: Weights
    cpu: Cpu
    batch: Batch
    train: bool
    tasks: int = 8
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
        self._gradients: dict[int, Ref] = {}
        # A value that is never stored -> the activation that its producer does.
        self.fused: dict[int, int] = {}
        self._wanted = self._wants()

    # Values

    def node(self, i: int) -> Node:
        return self.graph.nodes[i]

    def place(self, i: int) -> Place:
        """Where value i lies; made when first asked for."""
        root = self._roots.get(i, i)
        if root not in self._places:
            self._places[root] = self._new(self.node(root).path, root)
        return Place(self._places[root], volume_of(self.node(i).shape, self.own))

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
        return Place(self._new(name, like), volume_of(self.node(like).shape, self.own))

    def fused_word(self, i: int) -> str | None:
        """The activation that node i does in passing."""
        layer = self.node(self.fused[i]).layer if i in self.fused else None
        return None if layer is None else layer.word

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
        return self.room_for(name, volume_of(self.node(i).shape, self.own))

    # Gradients

    def wants(self, i: int) -> bool:
        """Whether anybody reads the gradient of value i."""
        return self._wanted[i]

    def dy(self, i: int) -> Place | None:
        """The gradient of value i, None where no consumer gave one."""
        ref = self._gradients.get(self._roots.get(i, i))
        return None if ref is None else Place(ref, volume_of(self.node(i).shape, self.own))

    def dx(self, i: int) -> tuple[Place, bool]:
        """Where a consumer of value i puts its gradient, and whether it has to add it to what is there."""
        root = self._roots.get(i, i)
        begun = root in self._gradients
        if not begun:
            self._gradients[root] = self._new(f"d {self.node(root).path}", root)
        return Place(self._gradients[root], volume_of(self.node(i).shape, self.own)), begun

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

    def all_steps(self) -> list[Step]:
        return [*self.prologue, *self.steps, *self.epilogue]

    def blocks(self, parts: int) -> int:
        """Into how many blocks a group's work is cut, when it has so many parts: enough for `tasks` in all,
        but not at all where groups go through the network one by one.
        """
        return 1 if self.own else max(1, min(parts, -(-self.tasks // self.batch.groups)))

    def chunks(self) -> int:
        """Into how many ranges of groups a sum over the batch is cut, each with partial sums of its own: all
        groups where they go through the network one by one or make tasks enough; parts of a sum, the other
        way to make tasks, would each read everything.
        """
        return self.batch.groups if self.own or 2 * self.batch.groups >= self.tasks else 1
