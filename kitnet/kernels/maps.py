"""Where maps become others of the same positions: maxout and channel shuffle, in either layout.

With images in the lanes a map is vectors, and maps are moved as such. With channels in the lanes a position's
channels are moved one by one; lanes beyond them are filled with 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.maximum import largest, number_type
from kitnet.kernels.spec import Batch, Volume, samples_of
from kitnet.kernels.types import F32, I32, Type
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import over, share


class _Maps:
    """A kernel that goes over positions, and moves maps there."""

    def __init__(
        self,
        name: str,
        cpu: Cpu,
        batch: Batch,
        blocks: int,
        volumes: Mapping[str, Volume],
        types: Mapping[str, Type],
    ) -> None:
        """An argument for each of the volumes, which have equal positions; some are of other types than they
        say."""
        self.batch, self.volumes = batch, volumes
        first, *_ = volumes.values()
        self.few = first.lanes == "channels"
        arguments = {key: types.get(key, volume.type) for key, volume in volumes.items()}
        if self.few:
            self.kernel = Kernel(name, cpu, samples_of(batch, *volumes.values()) * blocks, **arguments)
        else:
            self.kernel = over(name, cpu, batch, blocks, **arguments)
        self._pointers = dict(zip(volumes, self.kernel.pointers, strict=True))
        self._rows: dict[str, Index] = {}

    @contextmanager
    def each_position(self, written: str, accumulate: bool) -> Iterator[None]:
        """Positions are cut into blocks. Behind the body empty lanes of a volume that is written are
        filled."""
        k, batch = self.kernel, self.batch
        volume = self.volumes[written]
        group, first, last = share(k, batch, volume.positions)
        with k.loop(first, last) as position:
            for name, each in self.volumes.items():
                start = group * each.group_stride(batch)
                self._rows[name] = start + position * (each.pitch * batch.images)
            yield
            if self.few and volume.fills(k.lanes) and not accumulate:
                with k.loop(volume.channels, volume.pitch) as c:
                    k.store(k.constant(0.0, F32, 1), *self._place(written, c, 0))

    @contextmanager
    def each_vector(self) -> Iterator[Index]:
        """The images of a map."""
        with self.kernel.loop(0, self.batch.images, self.kernel.lanes) as v:
            yield v

    def _place(self, name: str, channel: Index, v: Index) -> tuple[Pointer, Index]:
        return self._pointers[name], self._rows[name] + channel * self.batch.images + v

    def get(self, name: str, channel: Index, v: Index) -> Value:
        pointer, at = self._place(name, channel, v)
        return self.kernel.scalar(pointer, at) if self.few else self.kernel.vector(pointer, at)

    def put(self, value: Value, name: str, channel: Index, v: Index, accumulate: bool = False) -> None:
        value = self.get(name, channel, v) + value if accumulate else value
        self.kernel.store(value, *self._place(name, channel, v))


def maxout(
    name: str,
    cpu: Cpu,
    batch: Batch,
    pieces: int,
    x: Volume,
    y: Volume,
    winners: bool = True,
    blocks: int = 1,
) -> Kernel:
    """x -> y[c] = the largest of x[pieces c], x[pieces c + 1], ..., and, with `winners`, a dense volume of
    y's shape: which of them won. Positions are cut into blocks.
    """
    volumes = {"x": x, "y": y, **({"winners": y.dense} if winners else {})}
    maps = _Maps(name, cpu, batch, blocks, volumes, {"winners": number_type(pieces)})
    k = maps.kernel
    with maps.each_position("y", False), k.loop(y.channels) as c, maps.each_vector() as v:
        top, winner = largest(k, [maps.get("x", c * pieces + j, v) for j in range(pieces)])
        maps.put(top, "y", c, v)
        if winners:
            maps.put(winner.to(number_type(pieces)), "winners", c, v)
    return k


def maxout_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    pieces: int,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """winners, dy -> dx: dy goes to the piece that won. Positions are cut into blocks."""
    volumes = {"winners": dy.dense, "dy": dy, "dx": dx}
    maps = _Maps(name, cpu, batch, blocks, volumes, {"winners": number_type(pieces)})
    k = maps.kernel
    with maps.each_position("dx", accumulate), k.loop(dy.channels) as c, maps.each_vector() as v:
        d, winner = maps.get("dy", c, v), maps.get("winners", c, v).to(I32)
        for j in range(pieces):
            maps.put(k.select(winner.equals(j), d, 0.0), "dx", c * pieces + j, v, accumulate)
    return k


def shuffle(
    name: str,
    cpu: Cpu,
    batch: Batch,
    groups: int,
    x: Volume,
    y: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x -> y[groups i + j] = x[n j + i], n = channels / groups. Positions are cut into blocks."""
    maps = _Maps(name, cpu, batch, blocks, {"x": x, "y": y}, {})
    k, each = maps.kernel, x.channels // groups
    with (
        maps.each_position("y", accumulate),
        k.loop(groups) as j,
        k.loop(each) as i,
        maps.each_vector() as v,
    ):
        maps.put(maps.get("x", each * j + i, v), "y", groups * i + j, v, accumulate)
    return k
