"""A grid of terms as text: what was read, the weights and the products side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from kitnet.layers import Term
from kitnet.look.grids import Grid

DIGITS = 4  # of a number
Cells = Sequence[Sequence[Term | None]]


def grid_lines(grid: Grid) -> list[str]:
    """A block for each factor and one for the products, with rows and columns at the edges as they are
    counted in the array."""
    cells = grid.cells
    blocks = [_factor(grid, cells, i) for i in range(len(grid.factors))]
    products = [[term and term.value for term in row] for row in cells]
    times = {term.times for term in grid.terms.values()} - {1}
    told = f", each times {times.pop():g}" if len(times) == 1 else ""
    blocks.append(_block(f"products{told}, sum {grid.sum:.6g}", grid.rows, grid.columns, products))
    signs = ["  *  "] * (len(blocks) - 2) + ["  =  "]
    middle = len(blocks[0]) // 2 + 1
    lines = []
    for i, parts in enumerate(zip_longest(*blocks, fillvalue="")):
        gaps = signs if i == middle else [" " * len(sign) for sign in signs]
        line = "".join(part + gap for part, gap in zip_longest(parts, gaps, fillvalue=""))
        lines.append(f"  {line}".rstrip())
    return lines


def _factor(grid: Grid, cells: Cells, i: int) -> list[str]:
    """The numbers of a factor; the first two indices count rows and columns, the others stand in its name."""
    numbers = [[term and term.factors[i] for term in row] for row in cells]
    first = next(one for row in numbers for one in row if one)
    rows = [next(one.index[0] for one in row if one) for row in numbers]
    columns = [next(one.index[1] for one in column if one) for column in zip(*numbers, strict=True)]
    name = f"{grid.factors[i]}[{','.join([':', ':', *map(str, first.index[2:])])}]"
    return _block(name, rows, columns, [[one and one.value for one in row] for row in numbers])


def _block(
    name: str, rows: Sequence[int], columns: Sequence[int], values: Sequence[Sequence[float | None]]
) -> list[str]:
    """Lines of one length."""
    texts = [["" if value is None else f"{value + 0.0:.{DIGITS}g}" for value in row] for row in values]
    wide = max(len(text) for text in [*map(str, columns), *(text for row in texts for text in row)])
    edge = max(len(str(row)) for row in rows)
    lines = [name, " " * edge + "".join(f"  {column:>{wide}}" for column in columns)]
    for row, some in zip(rows, texts, strict=True):
        lines.append(f"{row:>{edge}}" + "".join(f"  {text:>{wide}}" for text in some))
    length = max(map(len, lines))
    return [line.ljust(length) for line in lines]
