"""Texts and tables as HTML. Everything is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from kitnet.base.error import printable


def text(content: object) -> str:
    """Any text as HTML, without control characters."""
    return escape(printable(str(content).encode(errors="backslashreplace").decode()))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Texts; the first `left` columns are words, the others numbers."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = ("" if i < left else ' class="right"' for i in range(len(cells)))
        inner = (f"<{tag}{kind}>{text(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{''.join(inner)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f'<div class="wide"><table>{line("th", header)}{body}</table></div>'
