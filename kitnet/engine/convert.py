"""From one layout to another: where a stretch of a network has its own, conversions stand at its ends.

A value has three forms: `images` in the lanes, `channels` in the lanes with whole vectors at every position,
and `dense`, as a caller has it: one sample behind the other, channels innermost, no empty lanes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.builder import Builder
from kitnet.engine.step import Place, Ref
from kitnet.kernels import elementwise, layout
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class Convert(Layer):
    """y = x in another layout. It stands in the graphs of plans alone and has no word."""

    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,))

    @classmethod
    def cases(cls) -> Iterator[Case]:
        return iter(())


def convert(b: Builder, label: str, x: Place, y: Place, gradient: bool = False) -> None:
    """The steps y = x. Lanes beyond the batch repeat the last image of a value, and are 0 in a gradient."""
    if x.batch.images == y.batch.images == 1:
        _copy(b, label, x, y)
    elif y.batch.images > 1:
        _into_lanes(b, label, _dense(b, label, x, copied=True), y, gradient)
    else:
        x, target = _unsliced(b, label, x), _dense(b, label, y)
        kernel = layout.out_of_lanes("out_of_lanes", b.cpu, x.batch, _numbers(x), _blocks(b, x), x.volume.own)
        b.call(label, kernel, {"x": x.ref, "count": _count}, {"y": target.ref}, batch=x.batch)
        if target != y:
            _copy(b, label, target, y)


_count = Ref("@count images")


def _into_lanes(b: Builder, label: str, x: Place, y: Place, gradient: bool) -> None:
    kernel = layout.into_lanes(
        "into_lanes", b.cpu, y.batch, _numbers(y), _blocks(b, y), y.volume.own, gradient
    )
    b.call(label, kernel, {"x": x.ref, "count": _count}, {"y": y.ref}, batch=y.batch)


def _dense(b: Builder, label: str, place: Place, copied: bool = False) -> Place:
    """The place itself, or one without empty lanes beside it; `copied` there."""
    if place.volume.pitch == place.volume.channels:
        return place
    volume = replace(place.volume, pitch=place.volume.channels)
    ref = b.room(f"{label} dense", place.batch.groups * volume.positions * volume.channels)
    dense = Place(ref, volume, place.batch)
    if copied:
        _copy(b, label, place, dense)
    return dense


def _unsliced(b: Builder, label: str, place: Place) -> Place:
    """The place itself, or, for some of a value's channels, a copy of them alone."""
    if place.volume.pitch == place.volume.channels:
        return place
    volume = replace(place.volume, pitch=place.volume.channels)
    alone = replace(place, ref=b.room_for(f"{label} alone", volume, lanes="images"), volume=volume)
    _copy(b, label, place, alone)
    return alone


def _copy(b: Builder, label: str, x: Place, y: Place) -> None:
    blocks = b.blocks_of(x.batch, x.volume.positions)
    kernel = elementwise.copy("copy", b.cpu, x.batch, x.volume, y.volume, blocks=blocks)
    b.call(label, kernel, {"x": x.ref}, {"y": y.ref}, batch=x.batch)


def _numbers(place: Place) -> int:
    """Of one image."""
    return place.volume.positions * place.volume.channels


def _blocks(b: Builder, place: Place) -> int:
    return b.blocks_of(place.batch, _numbers(place) // b.cpu.lanes)


def convert_back(b: Builder, i: int) -> None:
    """The gradient of a converted value, added to that of the value itself."""
    dy, (j,) = b.dy(i), b.node(i).inputs
    if dy is None or not b.wants(j):
        return
    label = f"{b.node(i).path} backward"
    b.at = j  # the target's layout
    dx, begun = b.dx(j)
    if not begun:
        convert(b, label, dy, dx, gradient=True)
        return
    apart = replace(dx, ref=b.new(f"{label} apart", b.root(j)), volume=b.volume(j))
    convert(b, label, dy, apart, gradient=True)
    b.copy(label, apart, dx, accumulate=True)
