"""What the commands print: lines and tables for people, JSON for programs, mistakes for both."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from kitnet.data.picture_cache import heard_by

SIGNALLED = 128  # exit statuses above it are those of programs that a signal ended
INTERRUPTED = 130  # exit status of a program that Ctrl-C ended
MISTAKEN = 2  # exit status after a mistake of the user
FAILED = 1  # exit status where what was checked is not so
PATIENCE = 2.0  # seconds that a command may be silent
OFTEN, SELDOM = 0.1, 10.0  # seconds between two numbers of what is done
GAP = "  "  # between the columns of a table

if os.environ.get("COLUMNS", "1").strip("0 ") == "":
    del os.environ["COLUMNS"]  # a width of 0, which says that it is not known; rich would print nothing
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
    """A column of a table; the highest `spare` is left out first where the terminal is too narrow. A `broken`
    one is the last, and goes on in further lines."""

    name: str
    right: bool = False
    spare: int = 0
    broken: bool = False


LEAST_BROKEN = 12  # columns of the terminal for a broken column
UNITS = ("KiB", "MiB", "GiB")


def print_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    notes: Sequence[Sequence[str]] = (),
    total: bool = False,
    most: int | None = None,
) -> None:
    """A header, rows of cells, and under each row its notes; a last row of totals is bold. `most`: columns
    where no terminal says how many there are."""
    widths = [max(map(cell_len, cells)) for cells in zip([c.name for c in columns], *rows, strict=True)]
    most = terminal_width() or most
    least = [
        max(len(c.name), min(w, LEAST_BROKEN)) if c.broken else w
        for c, w in zip(columns, widths, strict=True)
    ]
    shown = columns_that_fit(columns, least, most)
    if most is not None and columns[shown[-1]].broken:
        widths[shown[-1]] = max(least[shown[-1]], most - sum(widths[i] + len(GAP) for i in shown[:-1]))

    def line(cells: Sequence[str]) -> str:
        padded = []
        for i in shown:
            blanks = " " * (widths[i] - cell_len(cells[i]))
            padded.append(blanks + cells[i] if columns[i].right else cells[i] + blanks)
        return GAP.join(padded).rstrip()

    header = line([column.name for column in columns])
    say(header, len(header))
    for i, row in enumerate(rows):
        for text in map(line, _broken(columns, widths, row)):
            say(text, len(text) if total and row is rows[-1] else 0)
        for note in notes[i] if notes else ():
            say_wrapped(f"    {note}")
    left_out = [column.name for i, column in enumerate(columns) if i not in shown]
    if left_out:
        say_wrapped(f"(the terminal is too narrow for: {', '.join(left_out)})")


def _broken(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> list[list[str]]:
    """The lines of a row, one but for a broken column."""
    if not columns[-1].broken or cell_len(row[-1]) <= widths[-1]:
        return [list(row)]
    parts = textwrap.wrap(row[-1], widths[-1], break_long_words=False, break_on_hyphens=False)
    return [[*(row[:-1] if i == 0 else [""] * (len(row) - 1)), part] for i, part in enumerate(parts)]


def columns_that_fit(columns: Sequence[Column], widths: Sequence[int], most: int | None) -> list[int]:
    """Those that fit when the most spare are left out, and then the least spare of these that still do."""

    def fit(some: Sequence[int]) -> bool:
        return most is None or sum(widths[i] for i in some) + len(GAP) * (len(some) - 1) <= most

    shown = list(range(len(columns)))
    left_out = []
    while not fit(shown):
        spare = max(shown, key=lambda i: columns[i].spare)
        if not columns[spare].spare:
            break
        shown.remove(spare)
        left_out.append(spare)
    for i in sorted(left_out, key=lambda i: columns[i].spare):
        shown = sorted([*shown, i]) if fit([*shown, i]) else shown
    return shown


def say_bytes(size: int) -> str:
    """61,303,616 -> '58.5 MiB'; units are powers of 1024."""
    if size < 1024:
        return f"{size:,} bytes"
    power = min(len(UNITS), (size.bit_length() - 1) // 10)
    value, unit = size / 1024**power, UNITS[power - 1]
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f} {unit}"


def say_duration(seconds: float) -> str:
    """12 s, 3 min, 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def print_json(document: object) -> None:
    print(json.dumps(document, indent=2))


def complain(text: str) -> int:
    """A mistake of the user, on standard error; gives the exit status."""
    print(f"kitnet: {text}", file=sys.stderr)
    return MISTAKEN


def remark(text: str) -> None:
    """What a person should know though the work goes on, on standard error."""
    print(f"kitnet: {text}", file=sys.stderr)


def write_over(what: str) -> None:
    """A line on standard error that the next one takes the place of, for people at a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def show_compiling(ready: int, kernels: int) -> None:
    write_over(f"compiling kernels {ready}/{kernels}" if ready < kernels else "")


@contextmanager
def busy(doing: str) -> Iterator[Callable[[int, int], None]]:
    """What takes more than `PATIENCE` seconds says on standard error what is being done. What this gives, and
    decoding pictures, tells how many of them are done: at a terminal in one line, else each `SELDOM`
    seconds."""
    due = time.monotonic() + (PATIENCE if sys.stderr.isatty() else SELDOM)

    def tell() -> None:
        if sys.stderr.isatty():
            write_over(doing)
        else:
            print(doing, file=sys.stderr, flush=True)

    def count(done: int, every: int) -> None:
        nonlocal due
        now, text = time.monotonic(), f"{doing}: {done:,} of {every:,} images"
        if now < due:
            return
        if sys.stderr.isatty():
            due = now + OFTEN
            write_over(text)
        else:
            due = now + SELDOM
            print(text, file=sys.stderr, flush=True)

    timer = threading.Timer(PATIENCE, tell)
    timer.daemon = True  # Ctrl-C waits for none
    timer.start()
    try:
        with heard_by(count):
            yield count
    finally:
        timer.cancel()
        timer.join()
        write_over("")
