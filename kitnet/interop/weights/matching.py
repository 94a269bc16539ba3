"""Arrays of a file into the arrays of a network, by name; what matched, what did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError, cut, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.interop.weights.slots import Slot
from kitnet.net import Net
from kitnet.surgery.edit import Draft

FEW = 8  # names that a line tells
BATCHES = "num_batches_tracked"  # how many batches the running statistics are of; kitnet's have a decay


@dataclass(frozen=True)
class Match:
    """What became of a file's arrays. `others` have another shape: path, name, the file's, the expected."""

    library: str
    matched: tuple[Slot, ...]
    missing: tuple[Slot, ...] = ()
    others: tuple[tuple[Slot, Shape], ...] = ()
    left: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.missing and not self.others

    def lines(self) -> list[str]:
        """For a reader: what matched, was left, had another shape."""
        whole = len(self.matched) + len(self.missing) + len(self.others)
        found = [f"{len(self.matched)} of {whole} arrays matched by the names of {self.library}"]
        found += self.told
        for slot, shape in self.others[:FEW]:
            found.append(f"another shape: {slot.name} is {_size(shape)}, expected {_size(slot.shape)}")
        found += _more(len(self.others))
        if self.missing:
            found.append(f"missing in the file: {_few([slot.name for slot in self.missing])}")
        batches = [name for name in self.left if name.endswith(BATCHES)]
        left = [name for name in self.left if name not in {*batches}]
        if batches:
            found.append(f"left in the file: {len(batches)} of {BATCHES}, which nothing here reads")
        if left:
            found.append(f"left in the file: {_few(left)}")
        return found

    def refusal(self) -> KitnetError:
        """Why the arrays are not a network's."""
        what = []
        if self.others:
            slot, shape = self.others[0]
            more = f" (and {len(self.others) - 1} more)" if len(self.others) > 1 else ""
            what.append(f"{slot.name} is {_size(shape)}, expected {_size(slot.shape)}{more}")
        if self.missing:
            what.append(f"it has no {_few([slot.name for slot in self.missing], 3)}")
        return KitnetError(
            f"{' and '.join(what)}; choose another --model, say --classes, or take what fits with --partial"
        )


def _size(shape: Shape) -> str:
    return say(shape) if shape else "one number"


def _few(names: Sequence[str], few: int = FEW) -> str:
    more = f" and {len(names) - few} more" if len(names) > few else ""
    return f"{', '.join(cut(name) for name in names[:few])}{more}"


def _more(number: int) -> list[str]:
    return [f"and {number - FEW} more of another shape"] if number > FEW else []


def without_heads(net: Net, found: Iterable[str]) -> tuple[Net, list[str]]:
    """The network without the auxiliary heads of which none of the nodes was `found`, and what to tell."""
    graph = net.graph
    (main, *others), there = graph.outputs, {*found}
    needed, kept, gone = {*graph.leading_to(graph.main)}, [main], list[str]()
    for name in others:
        own = {*graph.leading_to(graph.outputs[name])} - needed
        is_there = any(graph.nodes[i].path in there for i in own)
        (kept if is_there else gone).append(name)
    if not gone:
        return net, []
    draft = Draft(graph)
    for i in graph.leading_to(*(graph.outputs[name] for name in kept)):
        draft.keep(i)
    other = draft.edit({name: graph.outputs[name] for name in kept}).net
    return other, [f"the file has nothing of the network's {', '.join(gone)}, which was left out"]


def match(slots: Iterable[Slot], arrays: Mapping[str, Array], library: str, told: tuple[str, ...]) -> Match:
    """Which slots the file fills. Nothing is copied yet."""
    matched, missing, others, used = [], [], [], Counter[str]()
    for slot in slots:
        array = arrays.get(slot.name)
        used[slot.name] += 1
        if array is None:
            missing.append(slot)
        elif not slot.takes(array.shape):
            others.append((slot, array.shape))
        else:
            matched.append(slot)
    left = tuple(name for name in arrays if name not in used)
    return Match(library, tuple(matched), tuple(missing), tuple(others), left, told)


def fill(net: Net, found: Match, arrays: Mapping[str, Array], partial: bool = False) -> Net:
    """The network with what matched; with `partial` the rest stays as it is drawn. Raises KitnetError where
    something is missing or no finite number."""
    if not found.matched or not (found.is_whole or partial):
        raise found.refusal()
    weights, state = dict(net.weights), {path: dict(held) for path, held in net.state.items()}
    for slot in found.matched:
        array = slot.turn(arrays[slot.name])
        if array.dtype.kind not in "fiu":
            raise KitnetError(f"{shorten(slot.name)} is of {array.dtype}, expected numbers")
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise KitnetError(f"{shorten(slot.name)} has numbers that are not finite; take another file")
        node, _, name = slot.path.rpartition(".")
        if slot.path in weights:
            weights[slot.path] = array
        else:
            state[node][name] = array
            if name == "var" and (array < 0).any():
                raise KitnetError(f"{shorten(slot.name)} has a variance below 0; take another file")
    return net.adopt(weights, state)
