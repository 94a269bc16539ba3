"""The page of the catalogue is what its marks make, and every row has a test or a page that tells it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from catalogue_page import DOCS, PAGE, Row, marked, page, parts

import kitnet
from kitnet.cli import app, run

ROWS = {number: row for rows in parts().values() for number, row in rows.items()}
SHOWN = {*range(1, 116), *range(130, 140), 143}  # rows with something to compute or to tell
COMMANDS = sorted({row.command for row in ROWS.values() if row.command})
ALONE = ("show", "layers", "claims", "check", "diff", "lab --example")  # need no run, no data and little time


def test_the_page_is_made_of_the_marks() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python tests/catalogue_page.py"


def test_every_row_has_its_line_once() -> None:
    assert [number for rows in parts().values() for number in rows] == list(range(1, 144))
    assert all(row.says for row in ROWS.values())


def test_what_can_be_computed_has_a_test_or_is_told() -> None:
    assert [number for number in sorted(SHOWN) if not marked()[number] and not ROWS[number].told] == []


def test_a_row_that_shows_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(marked()) <= set(ROWS)
    monkeypatch.setattr("catalogue_page.parts", lambda: {"Convolution": {144: Row("nothing")}})
    with pytest.raises(
        ValueError, match=r"^row 144 \(nothing\) has neither a command nor a test nor a page$"
    ):
        page()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_commands(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "python":
        assert (DOCS.parent / words[0]).is_file()
    else:
        assert program == "kitnet"
        app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.startswith(tuple(f"kitnet {a}" for a in ALONE))]
)
def test_commands_that_need_nothing_run(command: str) -> None:
    assert run(shlex.split(command)[1:]) in (0, 1), command  # 1: a check that warns


def test_links_lead_somewhere() -> None:
    package = Path(kitnet.__file__).parent
    headings = {
        path.name: {
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
            for line in path.read_text("utf-8").splitlines()
            if line.startswith("#")
        }
        for path in DOCS.glob("*.md")
    }
    for row in ROWS.values():
        assert all((package / path).is_file() for path in row.code)
        name, _, heading = row.told.partition("#")
        assert (DOCS / name).exists() and (not heading or heading in headings[name])
