"""A bias of its own for every position, and the gradients of biases that no other kernel finds in passing."""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import Place, Ref
from kitnet.kernels import bias


@dataclass(frozen=True)
class ImageSums:
    """dy summed over the images of each group: (groups, positions, channels)."""

    groups: int
    positions: int
    channels: int
    ref: Ref

    @property
    def of_positions(self) -> tuple[int, int, Ref]:
        """Chunks, their size and where they are, whose sum is the gradient of a bias for each position."""
        return self.groups, self.positions * self.channels, self.ref

    @property
    def of_filters(self) -> tuple[int, int, Ref]:
        """The same for a bias of each filter."""
        return self.groups * self.positions, self.channels, self.ref


def image_sums(b: Builder, i: int, dy: Place) -> ImageSums:
    path, volume, groups = b.node(i).path, dy.volume, b.batch.groups
    kernel = bias.image_sums("image_sums", b.cpu, b.batch, volume, b.blocks(volume.rows))
    sums = b.room(f"{path}.image sums", groups * volume.positions * volume.channels)
    b.call(f"{path} image sums", kernel, {"x": dy.ref}, {"sums": sums})
    return ImageSums(groups, volume.positions, volume.channels, sums)


def _forward(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.result(i)
    blocks = b.blocks(y.volume.rows)
    kernel = bias.add_bias("add_bias", b.cpu, b.batch, x.volume, y.volume, b.fused_activation(i), blocks)
    b.call(f"{node.path} forward", kernel, {"x": x.ref, "bias": b.weight(i, "bias")}, {"y": y.ref})


def _backward(b: Builder, i: int, kept: None) -> None:
    dy, path = through_fused_activation(b, i), b.node(i).path
    if dy is None:
        return
    if b.learns(i):
        b.sum_up(path, *image_sums(b, i, dy).of_positions, b.weight_gradient(i, "bias"))
    b.pass_on(path, dy, b.node(i).inputs[0])


IMPLEMENTATIONS = in_both_layouts(Implementation("bias", "one pass", ("bias",), _forward, _backward))
