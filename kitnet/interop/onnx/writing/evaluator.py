"""onnx's reference evaluator, with two of its operators put right: LRN, which reads as many maps as there are
samples, and ConvTranspose with groups, which mixes them up (both in onnx 1.23)."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_conv_transpose import ConvTranspose as OfOneGroup

from kitnet.base.spec import Array


class LRN(OpRun):
    """y = x / (bias + alpha / size * sum of x^2 over `size` maps)^beta."""

    op_domain = ""

    def _run(self, x: Array, alpha: float, beta: float, bias: float, size: int) -> tuple[Array]:
        total, before = np.zeros_like(x), (size - 1) // 2
        around = np.pad(x * x, ((0, 0), (before, size - 1 - before), (0, 0), (0, 0)))
        for i in range(size):
            total += around[:, i : i + x.shape[1]]
        return ((x / (bias + alpha / size * total) ** beta).astype(x.dtype),)


class ConvTranspose(OpRun):
    """Each group by itself."""

    op_domain = ""

    def _run(self, x: Array, w: Array, b: Array | None = None, group: int = 1, **given: Any) -> tuple[Array]:
        parts = zip(np.split(x, group, 1), np.split(w, group), strict=True)
        of_one: Any = OfOneGroup._run
        y = np.concatenate([of_one(self, *part, group=1, **given)[0] for part in parts], 1)
        return (y if b is None else y + b.reshape(-1, *(1,) * (x.ndim - 2)),)


def evaluator(model: Any) -> Any:
    """The evaluator of a ModelProto."""
    return ReferenceEvaluator(model, new_ops=[LRN, ConvTranspose])
