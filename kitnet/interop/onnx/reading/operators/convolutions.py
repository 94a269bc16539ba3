"""Convolutions: windows, filters and strides as kitnet's layers have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, channels_last, stored_as
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import Convolution, TransposedConvolution


@dataclass(frozen=True)
class Slides:
    """How windows slide, an entry an axis; `auto` is ONNX's auto_pad where that decides the padding."""

    window: Shape
    stride: Shape
    dilation: Shape
    pads: tuple[tuple[int, int], ...]
    auto: str

    def padding(self, sizes: Shape) -> tuple[tuple[int, int], ...]:
        """Places before and behind each axis."""
        if self.auto not in ("SAME_UPPER", "SAME_LOWER"):
            return self.pads
        found = []
        for n, k, s, d in zip(sizes, self.window, self.stride, self.dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            less = total // 2
            found.append((less, total - less) if self.auto == "SAME_UPPER" else (total - less, less))
        return tuple(found)

    def left(self, sizes: Shape) -> bool:
        """Whether the stride leaves places."""
        axes = zip(sizes, self.window, self.stride, self.dilation, self.padding(sizes), strict=True)
        return any((n + sum(p) - d * (k - 1) - 1) % s for n, k, s, d, p in axes)


def slides_of(call: Call, window: Shape) -> Slides:
    """Raises UnsupportedError for what is no way to slide."""
    rank = len(window)
    stride, dilation = call.wholes("strides") or (1,) * rank, call.wholes("dilations") or (1,) * rank
    pads, auto = call.wholes("pads") or (0,) * (2 * rank), call.text("auto_pad", "NOTSET")
    if not len(stride) == len(dilation) == rank == len(pads) // 2 or len(pads) % 2:
        raise UnsupportedError(f"its strides, dilations and pads do not fit a window of {rank} axes")
    if min((*window, *stride, *dilation)) < 1 or min(pads) < 0:
        raise UnsupportedError("windows, strides and dilations are 1 or more, and pads 0 or more")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"auto_pad {auto} is not known")
    if auto == "VALID":
        pads = (0,) * (2 * rank)
    return Slides(window, stride, dilation, tuple(zip(pads[:rank], pads[rank:], strict=True)), auto)


def one(numbers: Sequence[Any]) -> Any:
    """One number where all axes have the same."""
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def one_pad(pads: Sequence[tuple[int, int]]) -> Any:
    if not any(map(any, pads)):
        return "valid"
    return one([before for before, _ in pads]) if all(b == a for b, a in pads) else tuple(pads)


def as_image(call: Call, index: int) -> Value:
    """A value with channels last, as the tensor it is."""
    *sizes, depth = call.building.graph.nodes[index].shape
    return stored_as(index, (depth, *sizes), channels_last(1 + len(sizes)))


@reads("Conv")
def conv(call: Call) -> Value:
    w, bias = call.weight(1, "filters"), _bias(call)
    x = call.image(0)
    sizes = x.shape[1:]
    window = call.wholes("kernel_shape") or w.shape[2:]
    if w.ndim != len(x.shape) + 1 or window != w.shape[2:]:
        raise UnsupportedError(f"filters of {w.shape} do not fit images of {len(sizes)} axes")
    groups, slides = call.whole("group", 1), slides_of(call, window)
    if w.shape[1] * groups != x.shape[0]:
        raise UnsupportedError(f"filters of {w.shape} in {groups} groups do not fit {x.shape[0]} channels")
    layer = Convolution(
        one(window),
        w.shape[0],
        one(slides.stride),
        one_pad(slides.padding(sizes)),
        one(slides.dilation),
        groups,
        bias=bias is not None,
        on_misfit="floor" if slides.left(sizes) else "error",
    )
    weights = {"weight": np.moveaxis(w, (0, 1), (-1, -2))}
    return as_image(call, call.add(layer, x, weights=weights | ({} if bias is None else {"bias": bias})))


def _bias(call: Call) -> Array | None:
    return call.weight(2, "bias") if call.has(2) else None


@reads("ConvTranspose")
def conv_transpose(call: Call) -> Value:
    w, bias = call.weight(1, "filters"), _bias(call)
    x = call.image(0)
    sizes = x.shape[1:]
    window = call.wholes("kernel_shape") or w.shape[2:]
    if w.ndim != len(x.shape) + 1 or window != w.shape[2:] or w.shape[0] != x.shape[0]:
        raise UnsupportedError(f"filters of {w.shape} do not fit images of {x.shape[0]} channels")
    slides, groups = slides_of(call, window), call.whole("group", 1)
    more = call.wholes("output_padding") or (0,) * len(sizes)
    pads, asked = slides.pads, call.wholes("output_shape")
    whole = [
        s * (n - 1) + o + d * (k - 1) + 1
        for n, s, o, d, k in zip(sizes, slides.stride, more, slides.dilation, window, strict=True)
    ]
    if asked is None and slides.auto in ("SAME_UPPER", "SAME_LOWER"):
        asked = tuple(n * s for n, s in zip(sizes, slides.stride, strict=True))
    if asked is not None:
        cut = [total - n for total, n in zip(whole, asked[-len(sizes) :], strict=True)]
        more = tuple(o + max(-c, 0) for o, c in zip(more, cut, strict=True))
        halves = [(max(c, 0) // 2, max(c, 0) - max(c, 0) // 2) for c in cut]
        pads = tuple(halves if slides.auto == "SAME_UPPER" else [(b, a) for a, b in halves])
    layer = TransposedConvolution(
        one(window),
        w.shape[1] * groups,
        one(slides.stride),
        one_pad(pads),
        one(more),
        one(slides.dilation),
        groups,
        bias=bias is not None,
    )
    # of each group its own filters: (g, C/g, K/g, *window) -> (*window, K/g, g * C/g)
    weights = {"weight": np.moveaxis(w, (1, 0), (-2, -1))}
    return as_image(call, call.add(layer, x, weights=weights | ({} if bias is None else {"bias": bias})))
