"""Writes docs/catalogue.md: every row of the catalogue with its tests and its code.

    python tests/catalogue_page.py

What a row says stands in docs/catalogue.toml, which tests show it in their marks `@row(14)`.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
PAGE = DOCS / "catalogue.md"
HEAD = ("| row | what it says | command | tests | code |", "|---:|---|---|---|---|")


@dataclass(frozen=True)
class Row:
    """What a row says, a command that shows it, files of kitnet/ that it shows, a page that tells it."""

    says: str
    command: str = ""
    code: tuple[str, ...] = ()
    told: str = ""


def parts() -> dict[str, dict[int, Row]]:
    """The rows by the title of their part and their number."""
    given: list[dict[str, Any]] = tomllib.loads((DOCS / "catalogue.toml").read_text("utf-8"))["part"]
    return {
        part["title"]: {
            int(number): Row(**{**said, "code": tuple(said.get("code", ()))})
            for number, said in part["rows"].items()
        }
        for part in given
    }


@cache
def marked() -> dict[int, list[tuple[str, str]]]:
    """The tests of each row: a path in tests/ and a name."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text if "@row(" in text else "")):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for number in _rows(node):
                    found[number].append((path.relative_to(TESTS).as_posix(), node.name))
    return found


def _rows(node: ast.FunctionDef | ast.ClassDef) -> Iterator[int]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "row":
            for given in mark.args:
                match given:
                    case ast.Starred(ast.Call(ast.Name("range"), bounds)):
                        yield from range(*map(ast.literal_eval, bounds))
                    case _:
                        yield ast.literal_eval(given)


def page() -> str:
    """The whole page as Markdown. Raises ValueError for a row without a command, a test and a page."""
    tests = marked()
    lines = [
        "# The catalogue",
        "",
        "What teaching material on convolutional networks describes, row by row, with a command that shows",
        "it, the tests that compare kitnet with its numbers, and the code that they show. `python",
        "tests/catalogue_page.py` makes this page of the tests' marks and of",
        "[catalogue.toml](catalogue.toml).",
    ]
    for title, rows in parts().items():
        lines += ["", f"## {title}", "", *HEAD]
        for number, row in rows.items():
            if not (row.command or row.told or tests[number]):
                raise ValueError(f"row {number} ({row.says}) has neither a command nor a test nor a page")
            cells = (
                number,
                row.says,
                row.command and f"`{row.command}`",
                _shown(row, tests[number]),
                _code(row),
            )
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(row: Row, tests: list[tuple[str, str]]) -> str:
    links = [f"[{name}](../tests/{path})" for path, name in tests]
    if row.told:
        links.append(f"[told]({row.told})")
    return ", ".join(links)


def _code(row: Row) -> str:
    return ", ".join(f"[{path}](../kitnet/{path})" for path in row.code)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
