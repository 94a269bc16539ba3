"""What a worked example writes: operands, sums with every factor, results."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Context, Convolution
from kitnet.layers.terms import At, Pass

WIDTH = 78  # columns of a blackboard


@dataclass(frozen=True)
class Example:
    """A worked example: its row of the catalogue, its lines, and the numbers that came out, by names."""

    row: int
    title: str
    lines: tuple[str, ...]
    results: dict[str, Array]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def to_json(self) -> dict[str, Any]:
        results = {name: array.tolist() for name, array in self.results.items()}
        return {"row": self.row, "title": self.title, "lines": list(self.lines), "results": results}


class Board:
    """A blackboard: lines are written on it one below the other, and results kept by their names."""

    def __init__(self, row: int, title: str) -> None:
        self._row, self._title = row, title
        self.lines: list[str] = [f"Row {row}: {title}"]
        self.results: dict[str, Array] = {}

    def write(self, *lines: str) -> None:
        """Lines below an empty one; long ones go on in further lines."""
        self.lines.append("")
        for line in lines:
            self.add(line)

    def add(self, line: str) -> None:
        """A line below the last one."""
        indent = " " * (len(line) - len(line.lstrip()))
        more = f"{indent}  " if indent else ""
        self.lines += textwrap.wrap(line, WIDTH, subsequent_indent=more, break_on_hyphens=False)

    def array(self, name: str, values: Array) -> None:
        """`name = ` with the numbers of a vector, or the rows of a matrix below each other."""
        self.lines += array_lines(name, values)

    def result(self, name: str, values: Any) -> None:
        """The same for what came out, which is kept."""
        self.results[name] = np.asarray(values)
        self.array(name, self.results[name])

    def sum(self, name: str, factors: Iterable[tuple[float, float]], result: float, more: str = "") -> None:
        """`name = 1*2 + 3*(-1) = -1`; `more` is a further summand."""
        products = [f"{factor(a)}*{factor(b)}" for a, b in factors]
        written = " + ".join([*products, *([more] if more else [])])
        self.add(f"  {name} = {written} = {say(result)}" if written else f"  {name} = {say(result)}")

    def done(self) -> Example:
        return Example(self._row, self._title, tuple(self.lines), self.results)


def say(value: float) -> str:
    """A number as one writes it: 3 and not 3.0; six digits of others."""
    return f"{float(value) + 0.0:.6g}"


def factor(value: float) -> str:
    """A factor, in parentheses where it is below 0."""
    return f"({say(value)})" if value < 0 else say(value)


def array_lines(name: str, values: Array) -> list[str]:
    rows = np.atleast_2d(values)
    texts = [[say(value) for value in row] for row in rows]
    width = max(len(text) for row in texts for text in row) if len(rows) > 1 else 0
    lines = [" ".join(text.rjust(width) for text in row) for row in texts]
    before = f"  {name} = "
    return [f"{before if i == 0 else ' ' * len(before)}{line}" for i, line in enumerate(lines)]


class Sliding:
    """One filter on one map, by the layer: `y` (*output), and the factors of each of its numbers."""

    def __init__(
        self, x: Array, w: Array, *, flip: bool = False, bias: float | None = None, **options: Any
    ) -> None:
        self.layer = Convolution(w.shape, 1, bias=bias is not None, flip=flip, **options)
        arrays = {"weight": np.float64(1) * w[..., None, None]}
        if bias is not None:
            arrays["bias"] = np.array([bias], float)
        self._run = Pass(self.layer, arrays, {}, Context(), (np.float64(1) * x[None, ..., None],))

    @property
    def y(self) -> Array:
        return self._run.made.y[0, ..., 0]

    def factors(self, *position: int) -> list[tuple[float, float]]:
        """(x, w) of each product of the number at this position; places in padding have none."""
        terms = self._run.terms(At("y", (0, *position, 0))).terms
        return [(t.factors[0].value, t.factors[1].value) for t in terms if len(t.factors) == 2]
