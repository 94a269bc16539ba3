"""The length of many numbers at once: of a gradient that may be clipped, of a matrix made orthogonal."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.step import Ref
from kitnet.kernels import update


def length_of(b: Builder, what: str, x: Ref, size: int) -> Ref:
    """The root of the sum of their squares, finite only where each number is."""
    partial, length = b.room(f"{what} squared", 2 * b.parts), b.room(f"length of {what}", 1)
    kernel = update.squares("squares", b.cpu, size, b.parts)
    b.at_end(f"{what} squared", kernel, {"x": x}, {"partial": partial})
    kernel = update.length("length", b.cpu, b.parts)
    b.at_end(f"length of {what}", kernel, {"partial": partial}, {"y": length})
    return length
