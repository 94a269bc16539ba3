"""Pooling in both layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.lower.window import window_of
from kitnet.engine.step import Ref
from kitnet.kernels import pool, sum_pool
from kitnet.kernels.emit import Kernel
from kitnet.layers import L2Pool, Layer

_SUMS: dict[str, tuple[sum_pool.Kind, str]] = {
    "sumpool": ("sum", "sums"),
    "meanpool": ("mean", "sums"),
    "squarepool": ("square", "sums of squares"),
    "normpool": ("l2", "roots of sums of squares"),
}


def _max(b: Builder, i: int) -> Ref | None:
    """The indices of the largest values, where there is a way back."""
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = pool.max_pool(
        "max_pool",
        b.cpu,
        b.batch,
        window_of(b, i),
        x.volume,
        y.volume,
        switches=b.back,
        blocks=b.blocks(b.volume(i).rows),
        rectified=b.back and b.take_over_relu(node.inputs[0]),
    )
    writes, indices = {"y": y.ref}, None
    if b.back:
        volume = replace(y.volume if b.few else y.volume.dense, type=pool.switch_type(window_of(b, i)))
        writes["switches"] = indices = b.room_for(f"{node.path}.indices", volume)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, writes)
    return indices


def _max_backward(b: Builder, i: int, indices: Ref) -> None:
    _backward(b, i, pool.max_pool_gradient, "max_pool_gradient", {"switches": indices})


def _is_euclidean(layer: Layer) -> bool:
    """Whether it is no norm, or that of p = 2, which alone has kernels."""
    return not isinstance(layer, L2Pool) or layer.p == 2


def _kind(b: Builder, i: int) -> sum_pool.Kind:
    padded = getattr(b.node(i).layer, "count_pad", False)
    return "padded_mean" if padded else _SUMS[b.node(i).word][0]


def _sum(b: Builder, i: int) -> None:
    node, x, y, kind = b.node(i), b.place(b.node(i).inputs[0]), b.place(i), _kind(b, i)
    blocks, window = b.blocks(b.volume(i).rows), window_of(b, i)
    kernel = sum_pool.sum_pool(f"{kind}_pool", b.cpu, b.batch, window, x.volume, y.volume, blocks, kind=kind)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _sum_backward(b: Builder, i: int, kept: None) -> None:
    node, kind = b.node(i), _kind(b, i)
    assert node.layer is not None
    given = {"x": node.inputs[0], "y": i}
    places = {name: b.place(j) for name, j in given.items() if name in node.layer.keeps}
    volumes = {name: place.volume for name, place in places.items()}
    write = partial(sum_pool.sum_pool_gradient, kind=kind, x=volumes.get("x"), y=volumes.get("y"))
    _backward(b, i, write, f"{kind}_pool_gradient", {name: place.ref for name, place in places.items()})


def _backward(b: Builder, i: int, write: Callable[..., Kernel], name: str, kept: Mapping[str, Ref]) -> None:
    """The step that `write` gives a kernel for; it reads dy and what forward kept."""
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    blocks = b.blocks(b.volume(i).rows)
    kernel = write(name, b.cpu, b.batch, window_of(b, i), dy.volume, dx.volume, accumulate, blocks)
    b.call(f"{node.path} backward", kernel, {**kept, "dy": dy.ref}, {"dx": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = (
    *in_both_layouts(
        Implementation("maxpool", "largest values and their indices", ("maxpool",), _max, _max_backward)
    ),
    *(
        one
        for word, (_, sentence) in _SUMS.items()
        for one in in_both_layouts(
            Implementation(word, sentence, (word,), _sum, _sum_backward, only=_is_euclidean)
        )
    ),
)
