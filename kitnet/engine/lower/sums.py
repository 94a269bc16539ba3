"""Partial sums over the batch, added up behind all other steps in a fixed order."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.step import Ref
from kitnet.kernels import update


def sum_up(b: Builder, label: str, chunks: int, size: int, partial: Ref, whole: Ref) -> None:
    """whole (size) = the sum of partial (chunks, size)."""
    tasks = max(1, min(b.tasks, size // 1024))
    kernel = update.reduce("reduce", b.cpu, chunks, size, tasks)
    b.at_end(f"{label} sum", kernel, {"partial": partial}, {"y": whole})
