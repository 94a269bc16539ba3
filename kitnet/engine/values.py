"""The values of a plan that is being built: where each lies, and the steps that make it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kitnet.base.origin import origin
from kitnet.base.spec import Array
from kitnet.engine.activation import activation_of
from kitnet.engine.fuse import NOTHING_FUSED, Fused
from kitnet.engine.meeting import Meeting, exchange_step
from kitnet.engine.setting import Lanes, Setting, volume_of
from kitnet.engine.step import HostStep, KernelStep, Memory, Place, Ref, Step
from kitnet.kernels import update
from kitnet.kernels.activation import RELU, Activation
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, whole_vectors
from kitnet.kernels.types import F32, Type
from kitnet.net.graph import Node
from kitnet.net.times import FORWARD


class Values:
    """Collects the steps of one plan and gives every value a place; `builder.py` adds the way back.

    While a node is written, `at` says which one, and `batch` and `few` are those of its layout.
    """

    def __init__(self, setting: Setting, fused: Fused = NOTHING_FUSED) -> None:
        self.setting, self.graph, self.cpu = setting, setting.graph, setting.cpu
        self.weights, self.request, self.parts, self.tasks = (
            setting.weights, setting.request, setting.parts, setting.tasks,
        )  # fmt: skip
        self.train, self.back, self.own = self.request.train, self.request.back, setting.own
        self.fusions, self.slices = fused.fusions, fused.slices
        self.fused = {i: fusion.last for i, fusion in self.fusions.items()}  # what a node's step stores
        self.heads = {last: i for i, last in self.fused.items()}
        self.batches = dict(setting.batches)
        self.at, self.way = 0, FORWARD  # of the steps that are being written
        self.prologue: list[Step] = []
        self.steps: list[Step] = []
        self.epilogue: list[Step] = []
        self.buffers: dict[str, int] = {}  # bytes
        self.own_buffers: set[str] = set()
        self.constants: dict[str, Array] = {}
        self.quickly_made: set[str] = set()  # of weights, so that one image can have them made in every run
        self.bound: dict[int, Ref] = {}  # values in memory outside the plan
        self.roots: dict[int, int] = {}  # a value that is another one in a different shape
        self.readers = Counter(j for node in self.graph.nodes for j in node.inputs)
        self.taken_over: set[int] = set()  # nodes whose ReLU in passing is the business of a reader
        self._places: dict[int, Ref] = {}
        self._once: dict[Hashable, Any] = {}
        self._meeting: list[Meeting] = []  # of all ranks, before the epilogue

    # Values

    def node(self, i: int) -> Node:
        return self.graph.nodes[i]

    @property
    def lanes(self) -> Lanes:
        """What lies in the lanes at the node that is being written."""
        return self.setting.lanes[self.at]

    @property
    def batch(self) -> Batch:
        return self.batches[self.lanes]

    @property
    def few(self) -> bool:
        """Whether channels lie in the lanes."""
        return self.lanes == "channels"

    def root(self, i: int) -> int:
        return self.roots.get(i, i)

    def bind(self, i: int, ref: Ref) -> None:
        """Value i lies outside the plan's memory."""
        self._places[i] = ref
        self.bound[i] = ref

    def volume(self, i: int) -> Volume:
        """How value i lies in memory; channels in the lanes fill whole vectors in the plan's own."""
        lanes = self.setting.lanes[i]
        volume = volume_of(self.node(i).shape, self.own and i not in self.bound, lanes)
        if lanes == "images" or i in self.setting.dense:
            return volume
        return replace(volume, pitch=whole_vectors(volume.channels, self.cpu.lanes))

    def place(self, i: int) -> Place:
        """Where value i lies; made when first asked for."""
        root = self.root(i)
        if root in self.slices:
            whole, first = self.slices[root]
            return self.part(self.place(whole), first, self.volume(i).channels)
        if root not in self._places:
            self._places[root] = self.new(self.node(root).path, root)
        return Place(self._places[root], self.volume(i), self.batches[self.setting.lanes[i]])

    def move(self, i: int) -> None:
        """From now on value i lies elsewhere, where it has to be made again; its old place is not kept."""
        self._places[i] = self.new(f"{self.node(i).path} again", i)

    def put_at(self, i: int, ref: Ref) -> None:
        """Value i lies there, where another value was that nothing reads any more."""
        self._places[self.root(i)] = ref

    def place_over(self, i: int, others: Sequence[int]) -> Place:
        """As `place`, for a kernel that may write where it has just read one of `others`: there, if nothing
        else reads that one.
        """
        root = self.root(i)
        free = not self.back and root not in self._places and root not in self.slices
        for other in others if free else ():
            old = self.root(other)
            alone = self.readers[old] == 1 and old == other and other not in self.roots.values()
            kept = old in self.slices or old in self.bound or self.node(old).path in self.request.kept
            if alone and not kept and self.volume(i) == self.volume(old):
                self._places[root] = self.place(old).ref
                break
        return self.place(i)

    def part(self, whole: Place, first: int, channels: int) -> Place:
        """Some channels of a value."""
        ref = whole.ref.plus(first * whole.batch.images, whole.volume.type)
        return replace(whole, ref=ref, volume=replace(whole.volume, channels=channels))

    def alias(self, i: int, of: int) -> None:
        """Value i is value `of`, perhaps in another shape; it needs no memory and no step, nor does its
        gradient.
        """
        self.roots[i] = self.root(of)

    # Memory

    def room(self, name: str, elements: int, type: Type = F32) -> Ref:
        """A buffer of so many elements."""
        self.buffers[name] = type.bytes * elements
        return Ref(name)

    def room_for(self, name: str, volume: Volume, lanes: Lanes | None = None) -> Ref:
        """A buffer for a volume, of all groups or the thread's own."""
        batch = self.batches[lanes or self.lanes]
        groups = 1 if volume.own else batch.groups
        if volume.own:
            self.own_buffers.add(name)
        return self.room(name, groups * volume.positions * volume.pitch * batch.images, volume.type)

    def new(self, name: str, i: int) -> Ref:
        """A buffer for a value like i."""
        return self.room_for(name, self.volume(i), lanes=self.setting.lanes[i])

    def spare(self, name: str, like: int) -> Place:
        """A place like that of a value, for what a kernel writes but nothing reads."""
        return replace(self.place(like), ref=self.new(name, like), volume=self.volume(like))

    def constant(self, name: str, array: Array) -> Ref:
        """Numbers that are known when the plan is made."""
        self.constants[f"@{name}"] = array
        return Ref(f"@{name}")

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returned when first called with this key: something that several steps read."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    # What a node does in passing

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
        head = self.heads.get(i)
        kept = self.readers[i] > 1 or self.node(i).path in self.request.kept
        if head is None or self.fused_activation(head) != RELU or kept:
            return False
        self.taken_over.add(head)
        return True

    def addend(self, i: int) -> int | None:
        """The value that node i adds in passing, before the activation."""
        return self.fusions[i].addend if i in self.fusions else None

    def over(self, i: int) -> bool:
        """Whether node i writes its sum over that value."""
        return i in self.fusions and self.fusions[i].over

    def norm(self, i: int) -> int | None:
        """The norm with running statistics that node i does in passing."""
        return self.fusions[i].norm if i in self.fusions else None

    def result(self, i: int) -> Place:
        """Where the step of node i puts what it stores."""
        last, addend = self.fused.get(i, i), self.addend(i)
        if addend is not None and self.over(i):
            self.put_at(last, self.place(addend).ref)
        return self.place(last)

    # Parameters and state

    def weight(self, i: int, name: str) -> Ref:
        """A parameter of node i, or of the node whose parameters it shares."""
        return Ref(f"@weight {self.node(i).owner}.{name}")

    def state(self, i: int, name: str) -> Ref:
        """An array of a layer's state; it stays where the network has it."""
        return Ref(f"@state {self.node(i).path}.{name}")

    @property
    def count(self) -> Ref:
        """How many images there are, from the first of each group on."""
        return Ref(f"@count {self.lanes}")

    # Steps

    def call(
        self,
        label: str,
        kernel: Kernel,
        reads: Mapping[str, Ref],
        writes: Mapping[str, Ref],
        adds: bool = False,
        across: bool = False,
        batch: Batch | None = None,
    ) -> None:
        """A compiled step on values. With a task a group it keeps to its group, unless a task goes `across`
        groups; `adds` says that it also reads what it writes; `batch` is that of the values, where they lie
        otherwise than the node's.
        """
        grouped = kernel.tasks == (batch or self.batch).groups and not across
        self.steps.append(
            KernelStep(label, kernel, dict(reads), dict(writes), grouped, adds, origin(), self.way)
        )

    def host(
        self,
        label: str,
        run: Callable[[Any], None],
        reads: Mapping[str, Ref],
        writes: Mapping[str, Ref],
        across: bool,
        adds: bool = False,
    ) -> None:
        """A step that Python does, for each group of images or, `across` them, for all at once."""
        tasks = 1 if across else self.batch.groups
        self.steps.append(
            HostStep(label, run, dict(reads), dict(writes), tasks, not across, adds, origin(), self.way)
        )

    def at_start(
        self, label: str, kernel: Kernel, reads: Mapping[str, Ref], writes: Mapping[str, Ref]
    ) -> None:
        """A compiled step before all others, on weights."""
        step = KernelStep(
            label, kernel, dict(reads), dict(writes), grouped=False, origin=origin(), way=self.way
        )
        self.prologue.append(step)

    def at_end(self, label: str, kernel: Kernel, reads: Mapping[str, Ref], writes: Mapping[str, Ref]) -> None:
        """A compiled step behind all others, on gradients of weights, in the order of the calls."""
        step = KernelStep(
            label, kernel, dict(reads), dict(writes), grouped=False, origin=origin(), way=self.way
        )
        self.epilogue.append(step)

    def sum_up(self, label: str, chunks: int, size: int, partial: Ref, whole: Ref) -> None:
        """whole (size) = the sum of partial (chunks, size) of all groups, behind all other steps and in a
        fixed order."""
        chunks, partial = self.meet_at_end(label, chunks, size, partial)
        self.add_up(label, chunks, size, partial, whole)

    def add_up(self, label: str, chunks: int, size: int, partial: Ref, whole: Ref) -> None:
        """whole (size) = the sum of partial (chunks, size), which is there."""
        kernel = update.reduce("reduce", self.cpu, chunks, size, max(1, min(self.tasks, size // 1024)))
        self.at_end(f"{label} sum", kernel, {"partial": partial}, {"y": whole})

    def blocks(self, pieces: int) -> int:
        """Into how many blocks a group's work is cut, when it has so many pieces: enough for `tasks` in all,
        but not at all where groups go through the network one by one.
        """
        return self.blocks_of(self.batch, pieces)

    def blocks_of(self, batch: Batch, pieces: int) -> int:
        """As `blocks`, for values of another layout than that of the node."""
        if self.setting.one_by_one:
            return 1
        return max(1, min(pieces, -(-self.tasks // batch.groups)))

    def sum_blocks(self, pieces: int) -> int:
        """As `blocks`, for kernels that leave a partial sum for each block: the order of a sum must not
        depend on the number of threads.
        """
        groups = self.groups_of_all
        return 1 if 2 * groups >= self.parts else max(1, min(pieces, -(-self.parts // groups)))

    @property
    def groups_of_all(self) -> int:
        """Groups of the whole batch, of which the plan may have a share."""
        whole = self.setting.whole
        if whole is None:
            return self.batch.groups
        return whole.groups * whole.images if self.few else whole.groups

    def apart(self, chunks: int) -> bool:
        """Whether so many partial sums are added up by a step of their own: several, or those of a rank."""
        return chunks > 1 or self.setting.meets

    def chunks(self) -> int:
        """Into how many ranges of groups a sum over the batch is cut, each with partial sums of its own: all
        groups where they make parts enough; else parts of the sum, the other way to make tasks, would each
        read everything. It does not depend on the number of threads either.
        """
        groups = self.batch.groups
        return groups if 2 * groups >= self.parts or self.setting.meets else 1

    # What ranks exchange

    def meet(self, label: str, chunks: int, size: int, partial: Ref) -> tuple[int, Ref]:
        """The partial sums (chunks, size) of all groups, in the order of the groups: how many, and where.
        Where a plan has a share of the batch a step of Python exchanges them with the other ranks."""
        if not self.setting.meets:
            return chunks, partial
        meeting = self._meeting_of(label, chunks, size, partial)
        self.steps.append(exchange_step(label, [meeting]))
        return meeting.of_all, meeting.every

    def meet_at_end(self, label: str, chunks: int, size: int, partial: Ref) -> tuple[int, Ref]:
        """The same for what is read behind all other steps: they are exchanged at once."""
        if not self.setting.meets:
            return chunks, partial
        self._meeting.append(self._meeting_of(label, chunks, size, partial))
        return self._meeting[-1].of_all, self._meeting[-1].every

    def _meeting_of(self, label: str, chunks: int, size: int, partial: Ref) -> Meeting:
        share, groups = self.setting.share, self.batch.groups
        assert share is not None
        every = self.room(f"{label} of all ranks", share.ranks * chunks * size)
        of_all = chunks // groups * self.groups_of_all
        return Meeting(partial, chunks, groups, self.batch.images, size, every, share.ranks, of_all)

    def meet_losses(self, losses: Mapping[Ref, int]) -> dict[Ref, int]:
        """So many losses at each place, of all ranks, exchanged behind all other steps."""
        share = self.setting.share
        if share is None:
            return dict(losses)
        found = {}
        for ref, size in losses.items():
            every = self.room(f"{ref.buffer.removeprefix('@')} of all ranks", share.ranks * size)
            self._meeting.append(Meeting(ref, 1, 0, 1, size, every, share.ranks, share.ranks))
            found[every] = share.ranks * size
        return found

    def exchange_at_end(self) -> None:
        """The step in which all that meets at the end does, before the steps that read it."""
        if self._meeting:
            self.epilogue.insert(0, exchange_step("all sums", self._meeting))

    def add_ranks(self, label: str, ref: Ref, size: int) -> None:
        """Numbers become the sum of those of all ranks, behind all other steps."""

        def run(memory: Memory) -> None:
            memory.exchange.add(memory.array(ref, (size,)))

        self.epilogue.append(HostStep(label, run, {"x": ref}, {"y": ref}, 1, False, True, origin()))
