"""Tables of text: alignment, and what is left out of long ones."""

from __future__ import annotations

from kitnet.base.table import table


def test_columns() -> None:
    assert table(("path", "n"), [["conv1", "1"], ["a", "1,000"]]) == (
        "path       n\nconv1      1\na      1,000"
    )
    assert table(("a", "b", "c"), [["long", "longer", "1"]], left=2) == "a     b       c\nlong  longer  1"
    assert table(("a", "b"), []) == "a  b"


def test_a_long_table_has_its_first_and_last_rows() -> None:
    rows = [[f"r{i}", str(i)] for i in range(10)]
    lines = table(("row", "n"), rows, 4).splitlines()
    assert [line.split()[0] for line in lines] == ["row", "r0", "r1", "...", "r8", "r9"]
    assert "6 more" in lines[3]
    assert len(table(("row", "n"), rows, 10).splitlines()) == 11
