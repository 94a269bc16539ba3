"""Rows of cells as text: how networks, weights and histories print."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "  # between columns
MOST_ROWS = 60  # that are printed; of more the first and the last ones


def table(header: Sequence[str], rows: Sequence[Sequence[str]], most: int = MOST_ROWS, left: int = 1) -> str:
    """A header over columns: those of the first `left` ones begin at the left, others end at the right."""
    left_out = len(rows) - most
    if left_out > 0:
        half = most // 2
        dots = [f"... {left_out:,} more", *[""] * (len(header) - 1)]
        rows = [*rows[: most - half], dots, *rows[len(rows) - half :]]
    widths = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return GAP.join(padded).rstrip()

    return "\n".join(map(line, (header, *rows)))
