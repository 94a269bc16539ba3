"""The steps that make the directions of filters orthogonal, as `optim/muon.py` says, before the update."""

from __future__ import annotations

import math

from kitnet.base.spec import Matrix
from kitnet.engine.builder import Builder
from kitnet.engine.length import length_of
from kitnet.engine.step import Ref
from kitnet.kernels import products
from kitnet.optim.muon import CUBIC, EPS, LINEAR, QUINTIC, stretch


def filters_of(b: Builder, start: int, size: int) -> dict[str, Matrix]:
    """The filters that change, of those among so many numbers of the weights from `start` on."""
    return {
        path: matrix
        for path, matrix in b.weights.filters().items()
        if path.rpartition(".")[0] not in b.request.frozen and start <= matrix.start < start + size
    }


def renorm(b: Builder, start: int, size: int, trouble: Ref) -> None:
    """Filters among so many numbers of the weights get their length, where there is no `trouble`."""
    for path, matrix in filters_of(b, start, size).items():
        w = Ref("@weights").plus(matrix.start)
        numbers = matrix.rows * matrix.columns
        length = length_of(b, f"{path} itself", w, numbers)
        kernel = products.renormed("renormed", b.cpu, numbers, math.sqrt(matrix.columns), EPS, tasks=b.tasks)
        b.at_end(f"{path} renormed", kernel, {"length": length, "trouble": trouble}, {"x": w})


def orthogonalise(b: Builder, heading: Ref, start: int, size: int, steps: int) -> Ref:
    """The headings of so many weights from `start` on, where those of filters have become orthogonal, in
    their place."""
    for path, matrix in filters_of(b, start, size).items():
        _one(b, path, matrix, heading.plus(matrix.start - start), steps)
    return heading


def _one(b: Builder, path: str, matrix: Matrix, u: Ref, steps: int) -> None:
    size, wide = matrix.rows * matrix.columns, matrix.columns > matrix.rows
    rows, columns = max(matrix.rows, matrix.columns), min(matrix.rows, matrix.columns)
    x, other, a, c = (
        b.room(f"{path} {name}", n)
        for name, n in (("x", size), ("next x", size), ("x'x", columns**2), ("polynomial", columns**2))
    )
    length = length_of(b, path, u, size)
    divide = products.scaled("scaled", b.cpu, size, None, eps=EPS, tasks=b.tasks)
    b.at_end(f"{path} of length 1", divide, {"x": u, "length": length}, {"y": other if wide else x})
    if wide:
        turn = products.turned("turned", b.cpu, matrix.rows, matrix.columns, tasks=b.tasks)
        b.at_end(f"{path} turned", turn, {"x": other}, {"y": x})
    gram = products.product("gram", b.cpu, columns, columns, rows, turned=True, symmetric=True, tasks=b.tasks)
    square = products.product(
        "polynomial",
        b.cpu,
        columns,
        columns,
        columns,
        factor=QUINTIC,
        share=CUBIC,
        symmetric=True,
        tasks=b.tasks,
    )
    mirror = products.mirrored("mirrored", b.cpu, columns, tasks=b.tasks)
    step = products.product("orthogonal", b.cpu, rows, columns, columns, share=LINEAR, tasks=b.tasks)
    for _ in range(steps):
        b.at_end(f"{path} x'x", gram, {"left": x, "right": x, "addend": x}, {"y": a})
        b.at_end(f"{path} x'x mirrored", mirror, {"x": a}, {"y": a})
        b.at_end(f"{path} polynomial", square, {"left": a, "right": a, "addend": a}, {"y": c})
        b.at_end(f"{path} polynomial mirrored", mirror, {"x": c}, {"y": c})
        b.at_end(f"{path} orthogonal", step, {"left": x, "right": c, "addend": x}, {"y": other})
        x, other = other, x
    if wide:
        turn = products.turned("turned", b.cpu, matrix.columns, matrix.rows, tasks=b.tasks)
        b.at_end(f"{path} turned back", turn, {"x": x}, {"y": other})
        x = other
    stretched = products.scaled("scaled", b.cpu, size, stretch(matrix), tasks=b.tasks)
    b.at_end(f"{path} stretched", stretched, {"x": x, "length": length}, {"y": u})
