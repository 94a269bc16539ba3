"""What the commands print: lines and tables for people, JSON for programs, mistakes for both."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

INTERRUPTED = 130  # exit status of a program that Ctrl-C ended
MISTAKEN = 2  # exit status after a mistake of the user
FAILED = 1  # exit status where what was checked is not so
GAP = "  "  # between the columns of a table

out = Console(highlight=False)


def terminal_width() -> int | None:
    """Columns of the terminal, or as many as COLUMNS says; None in a file or a pipe, whose lines may have any
    length.
    """
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def fits(text: str) -> bool:
    width = terminal_width()
    return width is None or cell_len(text) <= width


def say(text: str, bold: int = 0) -> None:
    """One line, never broken, so that a command or a path in it can be copied; `bold` characters are bold."""
    line = Text(text)
    line.stylize("bold", 0, bold)
    out.print(line, soft_wrap=True)


def say_wrapped(text: str, bold: int = 0) -> None:
    """Prose or a network's line, broken between words where the terminal ends."""
    width = terminal_width()
    if width is not None:
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        text = textwrap.fill(
            text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    say(text, bold)


class Column(NamedTuple):
    """A column of a table; the highest `spare` is left out first where the terminal is too narrow."""

    name: str
    right: bool = False
    spare: int = 0


def print_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    notes: Sequence[Sequence[str]] = (),
    total: bool = False,
) -> None:
    """A header, rows of cells, and under each row its notes; a last row of totals is bold."""
    widths = [max(map(cell_len, cells)) for cells in zip([c.name for c in columns], *rows, strict=True)]
    shown = _columns_that_fit(columns, widths)

    def line(cells: Sequence[str]) -> str:
        padded = []
        for i in shown:
            blanks = " " * (widths[i] - cell_len(cells[i]))
            padded.append(blanks + cells[i] if columns[i].right else cells[i] + blanks)
        return GAP.join(padded).rstrip()

    header = line([column.name for column in columns])
    say(header, len(header))
    for i, row in enumerate(rows):
        text = line(row)
        say(text, len(text) if total and row is rows[-1] else 0)
        for note in notes[i] if notes else ():
            say_wrapped(f"    {note}")
    left_out = [column.name for i, column in enumerate(columns) if i not in shown]
    if left_out:
        say(f"(the terminal is too narrow for: {', '.join(left_out)})")


def _columns_that_fit(columns: Sequence[Column], widths: Sequence[int]) -> list[int]:
    shown, most = list(range(len(columns))), terminal_width()
    while most is not None and sum(widths[i] for i in shown) + len(GAP) * (len(shown) - 1) > most:
        spare = max(shown, key=lambda i: columns[i].spare)
        if not columns[spare].spare:
            break
        shown.remove(spare)
    return shown


def print_json(document: object) -> None:
    print(json.dumps(document, indent=2))


def complain(text: str) -> int:
    """A mistake of the user, on standard error; gives the exit status."""
    print(f"kitnet: {text}", file=sys.stderr)
    return MISTAKEN


def show_compiling(ready: int, kernels: int) -> None:
    """A line that is written over, for people only."""
    if sys.stderr.isatty():
        end = "\r\x1b[K" if ready == kernels else ""
        print(f"\rcompiling kernels {ready}/{kernels}", end=end, file=sys.stderr, flush=True)
