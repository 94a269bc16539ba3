"""Tables of text: alignment, and what is left out of long ones."""

from __future__ import annotations

from kitnet.base.table import Table


def test_columns() -> None:
    assert str(Table(("path", "n"), [["conv1", "1"], ["a", "1,000"]])) == (
        "path       n\nconv1      1\na      1,000"
    )
    assert (
        str(Table(("a", "b", "c"), [["long", "longer", "1"]], left=2)) == "a     b       c\nlong  longer  1"
    )
    assert str(Table(("a", "b"), [])) == "a  b"


def test_a_long_table_has_its_first_and_last_rows() -> None:
    rows = [[f"r{i}", str(i)] for i in range(10)]
    lines = str(Table(("row", "n"), rows, 4)).splitlines()
    assert [line.split()[0] for line in lines] == ["row", "r0", "r1", "...", "r8", "r9"]
    assert "6 more" in lines[3]
    assert len(str(Table(("row", "n"), rows, 10)).splitlines()) == 11


def test_a_table_of_a_notebook_has_the_same_rows_escaped() -> None:
    rows = [["<b>", "1"], ["a", "2"], ["b", "3"]]
    assert Table(("row", "n"), rows, 2).html() == (
        '<div class="wide"><table><tr><th>row</th><th class="right">n</th></tr>'
        '<tr><td>&lt;b&gt;</td><td class="right">1</td></tr>'
        '<tr><td>... 1 more</td><td class="right"></td></tr>'
        '<tr><td>b</td><td class="right">3</td></tr></table></div>'
    )
