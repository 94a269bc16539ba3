"""Rows of cells as text, and as HTML for notebooks: how networks, weights and histories print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kitnet.base import html

GAP = "  "  # between columns
MOST_ROWS = 60  # that are printed; of more the first and the last ones


@dataclass(frozen=True)
class Table:
    """A header over columns: those of the first `left` ones begin at the left, others end at the right. Of
    more than `most` rows the first and the last ones are shown."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    most: int = MOST_ROWS
    left: int = 1

    @property
    def shown(self) -> Sequence[Sequence[str]]:
        """The rows, or the first and the last ones with dots between them."""
        rows, left_out = self.rows, len(self.rows) - self.most
        if left_out <= 0:
            return rows
        half = self.most // 2
        dots = [f"... {left_out:,} more", *[""] * (len(self.header) - 1)]
        return [*rows[: self.most - half], dots, *rows[len(rows) - half :]]

    def __str__(self) -> str:
        rows = self.shown
        widths = [max(map(len, cells)) for cells in zip(self.header, *rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            padded = [
                cell.ljust(width) if i < self.left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            return GAP.join(padded).rstrip()

        return "\n".join(map(line, (self.header, *rows)))

    def html(self) -> str:
        """The same rows as an element of a page."""
        return html.table(self.header, self.shown, self.left)
