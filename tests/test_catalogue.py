"""The page of the catalogue is what its marks make, and every row has a test or a page that tells it."""

from __future__ import annotations

import re

from catalogue_page import DOCS, PAGE, marked, page, parts

ROWS = {number: row for rows in parts().values() for number, row in rows.items()}
SHOWN = {*range(1, 116), *range(130, 140), 143}  # rows with something to compute or to tell


def test_the_page_is_made_of_the_marks() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python tests/catalogue_page.py"


def test_every_row_has_its_line_once() -> None:
    assert [number for rows in parts().values() for number in rows] == list(range(1, 144))
    assert all(row.says for row in ROWS.values())


def test_every_row_has_a_test_or_is_told() -> None:
    tests = marked()
    assert set(tests) <= set(ROWS)
    assert [number for number in sorted(SHOWN) if not tests[number] and not ROWS[number].told] == []
    for number in set(ROWS) - SHOWN:
        assert tests[number] or ROWS[number].told or ROWS[number].later


def test_links_lead_somewhere() -> None:
    package = DOCS.parent / "kitnet"
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
        if row.told:
            name, _, heading = row.told.partition("#")
            assert heading in headings[name]
