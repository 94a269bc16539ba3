"""The table of what other pages have names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "studio.md"


def lines(text):
    """The lines of the tables: what others have, what kitnet has, and the tests that show it."""
    part = text.partition("## Beside others")[2]
    cells = (line.strip("|").split("|") for line in part.splitlines() if line.startswith("|"))
    rows = [[cell.strip() for cell in row] for row in cells]
    return [row for row in rows if row[-1] != "test" and not set("".join(row)) <= {"-"}]


def missing(name):
    """Whether no test has this name."""
    path, _, function = name.partition("::")
    if not (TESTS / path).is_file():
        return True
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return bool(function) and function not in {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }


def test_every_line_has_a_test_or_says_not_yet():
    rows = lines(PAGE.read_text("utf-8"))
    assert len(rows) > 30
    for other, own, tests in rows:
        named = re.findall(r"`([^`]+)`", tests)
        assert named or own.startswith("not yet"), other
        assert not [name for name in named if missing(name)], other


@pytest.mark.parametrize(
    "name", ["studio/test_browser.py::test_nothing", "studio/test_none.py", "studio/test_page.py::words2"]
)
def test_a_test_that_does_not_exist_is_seen(name):
    assert missing(name) and not missing("studio/test_page.py::words")
