"""Lines of a terminal end at blanks, and between Chinese characters."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.console import Console

from kitnet.cli.markdown_text import MarkdownText, line_ends


def lines(text: str, width: int) -> list[str]:
    ends = [0, *line_ends(text, width), len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "width", "found"),
    [
        ("one two three", 7, ["one two ", "three"]),
        ("one two", 80, ["one two"]),
        ("窗口滑动起来", 6, ["窗口滑", "动起来"]),
        ("窗口滑动起来", 7, ["窗口滑", "动起来"]),  # half a character is no place
        ("窗口滑，动起", 6, ["窗口", "滑，动", "起"]),  # a comma begins no line
        ("窗口（滑动）", 6, ["窗口", "（滑", "动）"]),
        ("用 kitnet 算", 6, ["用 ", "kitnet ", "算"]),
        ("第12345章", 6, ["第", "12345", "章"]),
        ("abcdefghij", 4, ["abcdefghij"]),
        ("", 4, [""]),
    ],
)
def test_lines_end(text: str, width: int, found: list[str]) -> None:
    assert lines(text, width) == found


@pytest.mark.parametrize("width", [20, 33, 70])
def test_nothing_is_lost_and_all_fits(width: int) -> None:
    text = "把窗口放在前三个数上，上下**对齐**，每个数乘以 `w` 的权重（共 3 个），再把三个乘积加起来。 " * 3
    printed = io.StringIO()
    Console(file=printed, width=width).print(MarkdownText(text + "\n\n1. 一行 227 个数\n\n" + "x" * 90))
    found = printed.getvalue().splitlines()
    assert max(map(cell_len, found)) <= width
    bare = "".join("".join(found).split())
    plain = "".join(text.replace("*", "").replace("`", "").split())
    assert bare.startswith(plain) and bare.endswith("227个数" + "x" * 90)
