"""The builder of plans: values and steps, and the gradients of values on the way back.

Here and in the reference executor, and nowhere else, the gradients of a value's consumers are added up: the
first consumer that is met on the way back writes the gradient, the others add to it. A gradient that is
another one as well, or a slice of it, shares its memory; a step that changes it takes a copy if the other is
still to be read. In lanes beyond the batch every gradient is 0.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from kitnet.engine.fuse import NOTHING_FUSED, Fused
from kitnet.engine.setting import Setting, sizes_of
from kitnet.engine.step import Place, Ref
from kitnet.engine.values import Values
from kitnet.kernels import elementwise


class Builder(Values):
    """What layers write their steps through. `wants` says which gradients are read at all."""

    def __init__(self, setting: Setting, fused: Fused = NOTHING_FUSED) -> None:
        super().__init__(setting, fused)
        self.reached = len(self.graph.nodes)  # the node whose way back is being written
        self._gradients: dict[int, Place] = {}
        self._sharing: dict[str, set[int]] = defaultdict(set)  # roots whose gradients lie in a buffer
        self._uses: dict[str, list[str]] = defaultdict(list)  # of parameters, that have given a gradient
        self._users: dict[str, int] = defaultdict(int)
        for node in self.graph.nodes:
            self._users[node.owner] += node.layer is not None
        self._wanted = self._wants()

    def _wants(self) -> list[bool]:
        """A value's gradient is read from outside, or by the layer that makes it, for parameters or operands
        whose gradient is wanted.
        """
        wanted: list[bool] = []
        for i, node in enumerate(self.graph.nodes):
            own = self.learns(i) and bool(self.weights.of(node.owner))
            asked = node.path in self.request.gradients
            wanted.append(asked or (node.layer is not None and (own or any(wanted[j] for j in node.inputs))))
        return wanted

    def learns(self, i: int) -> bool:
        """Whether anything reads the gradient of the parameters of node i."""
        return self.request.weights and self.node(i).owner not in self.request.frozen

    def wants(self, i: int) -> bool:
        """Whether anything reads the gradient of value i."""
        return self.back and self._wanted[i]

    # Gradients of values

    def dy(self, i: int) -> Place | None:
        """The gradient of value i, None where no consumer gave one."""
        place = self._gradients.get(self.root(i))
        return None if place is None else self._shaped(place, i)

    def dx(self, i: int) -> tuple[Place, bool]:
        """Where a consumer of value i puts its gradient, and whether it has to add it to what is there."""
        root = self.root(i)
        begun = root in self._gradients
        if not begun:
            self._set(root, self._new_gradient(root))
        elif self._shared(root) or not self._suits(self._gradients[root], i):
            old, new = self._gradients[root], self._new_gradient(root)
            blocks = self.blocks(old.volume.positions)
            kernel = elementwise.copy("copy", self.cpu, old.batch, old.volume, new.volume, blocks=blocks)
            label = f"{self.node(root).path} gradient apart"
            self.call(label, kernel, {"x": old.ref}, {"y": new.ref}, batch=old.batch)
            self._set(root, new)
        return self._shaped(self._gradients[root], i), begun

    def dx_over(self, i: int, dy: int) -> tuple[Place, bool]:
        """As `dx`, for a kernel that may write where it has just read the gradient of value `dy`: there, if
        nothing else reads that and value i has no gradient yet.
        """
        root = self.root(dy)
        if not self._shared(root) and self.share(i, self._gradients[root]):
            return self._shaped(self._gradients[root], i), False
        return self.dx(i)

    def share(self, i: int, place: Place) -> bool:
        """Let a gradient that is there already be the one of value i, too; False where value i has one."""
        root = self.root(i)
        if root in self._gradients or not self._suits(place, root):
            return False
        self._set(root, self._shaped(place, root))
        return True

    def changed_dy(self, i: int) -> Place:
        """Where the way back through an activation leads: from now on this is the gradient of value i. It is
        the old place unless something else still reads that.
        """
        root = self.root(i)
        if self._shared(root):
            self._set(root, self._new_gradient(root))
        return self._shaped(self._gradients[root], i)

    def _set(self, root: int, place: Place) -> None:
        if root in self._gradients:
            self._sharing[self._gradients[root].ref.buffer].discard(root)
        self._gradients[root] = place
        self._sharing[place.ref.buffer].add(root)

    def _shared(self, root: int) -> bool:
        """Whether the way back still has to read this value's gradient as another one's."""
        own = self._gradients[root]
        return any(
            other != root
            and self.heads.get(other, other) <= self.reached
            and self._overlap(own, self._gradients[other])
            for other in self._sharing[own.ref.buffer]
        )

    def _overlap(self, one: Place, two: Place) -> bool:
        """Places of one shape in one buffer are slices of its channels."""
        first, second = (
            place.ref.offset // (place.volume.type.bytes * place.batch.images) for place in (one, two)
        )
        apart = first >= second + two.volume.channels or second >= first + one.volume.channels
        return one.ref.buffer == two.ref.buffer and not (one.volume.sizes == two.volume.sizes and apart)

    def _suits(self, place: Place, i: int) -> bool:
        """Whether value i can lie so: a slice cannot be read in another shape, and channels that fill their
        lanes otherwise cannot either.
        """
        volume, other = place.volume, self.volume(i)
        if volume.sizes == sizes_of(self.node(i).shape):
            return True
        dense = volume.pitch == volume.channels and other.pitch == other.channels
        return dense and place.batch == self.batches[self.setting.lanes[i]]

    def _shaped(self, place: Place, i: int) -> Place:
        volume = self.volume(i)
        return replace(place, volume=place.volume if place.volume.sizes == volume.sizes else volume)

    def _new_gradient(self, root: int) -> Place:
        """A place of its own; where the caller reads it, if the value lies as the caller has it."""
        path, dense = self.node(root).path, root in self.setting.dense
        if dense and path in self.request.gradients and root not in self._gradients:
            return Place(Ref(f"@d {path}"), self.volume(root), self.batches["channels"])
        name = f"d {path}"
        while name in self.buffers:
            name += " apart"
        return self.spare(name, root)

    # Gradients of parameters

    def weight_gradient(self, i: int, name: str) -> Ref:
        """Where node i puts the gradient of a parameter. Several nodes that share it have a place each, and
        their gradients are added up at the end.
        """
        node = self.node(i)
        path = f"{node.owner}.{name}"
        if not self.learns(i):  # its layer makes it in passing
            return self.room(f"d {path}, not read", self.weights.params[path].size)
        if self._users[node.owner] == 1:
            return Ref(f"@dw {path}")
        self._uses[path].append(node.path)
        size = self.weights.params[path].size
        share = self.room(f"shares of {path}", self._users[node.owner] * size)
        return share.plus((len(self._uses[path]) - 1) * size)

    def add_shared_gradients(self) -> None:
        """The steps that add up the gradients of shared parameters, in the order of the way back."""
        for path, uses in self._uses.items():
            self.add_up(
                path, len(uses), self.weights.params[path].size, Ref(f"shares of {path}"), Ref(f"@dw {path}")
            )

    def pass_on(self, path: str, dy: Place, j: int, part: bool = False) -> None:
        """The gradient dy as value j's: in the same memory if it is the first one, unless it is a `part` of
        the channels in the lanes, which kernels would take for all of them.
        """
        apart = part and dy.batch.images == 1
        if self.wants(j) and (apart or not self.share(j, dy)):
            self.copy(f"{path} backward to {self.node(j).path}", dy, *self.dx(j))

    def copy(self, label: str, source: Place, target: Place, accumulate: bool = False) -> None:
        """A step that copies a value, or adds it to what is there."""
        kernel = elementwise.copy(
            "copy",
            self.cpu,
            self.batch,
            source.volume,
            target.volume,
            accumulate=accumulate,
            blocks=self.blocks(source.volume.positions),
        )
        self.call(label, kernel, {"x": source.ref}, {"y": target.ref}, adds=accumulate)
