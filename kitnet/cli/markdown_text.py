"""Markdown for a terminal, whose lines may also end between two Chinese characters."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, MarkdownElement, Paragraph

CLOSING = "，。、；：！？）》】”’…—,.;:!?)]"  # never begin a line
OPENING = "（《【“‘(["  # never end one


class BrokenParagraph(Paragraph):
    """A paragraph in lines that fit; rich itself breaks at blanks only, and Chinese has none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.text.divide(line_ends(self.text.plain, options.max_width)):
            line.rstrip()
            yield line  # a word longer than a line is folded by rich


class MarkdownText(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "paragraph_open": BrokenParagraph,
    }


def line_ends(text: str, width: int) -> list[int]:
    """Where lines of so many columns end: at a blank, or beside a wide character."""
    ends: list[int] = []
    used, last = 0, 0  # columns of this line, and the last place where it might end
    for i, character in enumerate(text):
        columns = cell_len(character)
        if used + columns > width and last > (ends[-1] if ends else 0) and character != " ":
            ends.append(last)
            used = cell_len(text[last:i])
        used += columns
        following = text[i + 1 : i + 2]
        if character == "\n":
            used = 0
        elif following and _may_part(character, following):
            last = i + 1
    return ends


def _may_part(before: str, after: str) -> bool:
    if after in CLOSING or before in OPENING or after == " ":
        return False
    return before == " " or max(cell_len(before), cell_len(after)) > 1
