"""The book says what kitnet computes: code, output and every number of the prose."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from answers import ANSWERS

from kitnet.base.error import KitnetError
from kitnet.lessons import LANGUAGES, Chapter, Code, Function, Prose, Value, chapters
from kitnet.lessons.__main__ import main as write
from kitnet.lessons.chapter import BLOCK

CHAPTERS = chapters()
each_chapter = pytest.mark.parametrize("one", CHAPTERS, ids=lambda one: one.folder.name)
NUMBER = re.compile(r"(?<![A-Za-z_.\d])\d[\d,]*(?:\.\d+)?")
YEAR = re.compile(r"(1[89]|20)\d\d")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def languages(one: Chapter) -> list[str]:
    return [language for language in LANGUAGES if one.place(language).exists()]


@cache
def written(one: Chapter) -> str:
    """The English text as its cells write it now."""
    return one.written("en")


def blocks(text: str) -> str:
    return "".join(found[0] for found in BLOCK.finditer(text))


def numbers(text: str) -> set[str]:
    """Those of a text from 10 on or with decimals; without signs, commas and last zeros."""
    found = {number.replace(",", "") for number in NUMBER.findall(text)}
    found = {number.rstrip("0").rstrip(".") if "." in number else number for number in found}
    return {number for number in found if len(number) > 1}


def claims(one: Chapter, language: str) -> set[str]:
    """The numbers of the prose that something must have computed."""
    prose = "\n".join(part.text for part in one.parts(language) if isinstance(part, Prose))
    found = numbers(LINK.sub("]", prose).partition("\n")[2])
    return {number for number in found if not YEAR.fullmatch(number)}


@each_chapter
def test_texts_say_what_the_cells_print(one: Chapter) -> None:
    text = one.text("en")
    assert text == written(one), f"python -m kitnet.lessons {one.number}"
    for language in languages(one):
        assert blocks(one.text(language)) == blocks(text)


@each_chapter
def test_numbers_of_the_prose_are_computed(one: Chapter) -> None:
    computed = numbers(blocks(written(one)) + (one.folder / "exercises.py").read_text("utf-8"))
    for language in languages(one):
        assert claims(one, language) - computed == set()


@each_chapter
def test_every_cell_stands_once_and_in_order(one: Chapter) -> None:
    for language in languages(one):
        parts = [part.name for part in one.parts(language) if isinstance(part, Code)]
        assert parts == list(one.cells)
        assert one.text(language).count("<!--") == 2 * len(parts)


@each_chapter
def test_titles_and_links(one: Chapter) -> None:
    folders = {chapter.folder for chapter in CHAPTERS}
    for language in languages(one):
        text = one.text(language)
        assert one.title(language).startswith(f"{one.number}. ")
        for link in LINK.findall(text):
            place = (one.folder / link).resolve()
            assert "://" in link or place.exists() or place.parent not in folders, link


@each_chapter
def test_right_answers_are_right_and_wrong_ones_wrong(one: Chapter) -> None:
    exercises, given = one.exercises(), ANSWERS[one.folder.name]
    for exercise, (right, wrong) in zip(exercises, given, strict=True):
        assert exercise.wrong(right) is None, exercise.wrong(right)
        assert exercise.wrong(wrong) is not None


@each_chapter
def test_every_exercise_stands_in_every_text(one: Chapter) -> None:
    for language in languages(one):
        end = one.text(language).rpartition("<!-- end -->")[2].rpartition("\n## ")[2]
        assert re.findall(r"^(\d+)\. ", end, re.MULTILINE) == [
            str(i) for i, _ in enumerate(one.exercises(), 1)
        ]


def test_chapters_are_counted_from_one() -> None:
    assert [one.number for one in CHAPTERS] == list(range(1, len(CHAPTERS) + 1))
    assert {one.folder.name for one in CHAPTERS} == set(ANSWERS)


@pytest.fixture
def small(tmp_path: Path) -> Chapter:
    """A chapter of two cells."""
    folder = tmp_path / "07-small"
    folder.mkdir()
    (folder / "cells.py").write_text("# %% one\nx = 41 + 1\n\n# %% two\nprint(x)\n", "utf-8")
    return Chapter(folder)


def test_a_text_is_written(small: Chapter) -> None:
    before = (
        "# 7. Small\n\n<!-- cell: one -->\n<!-- end -->\nIt is 42.\n<!-- cell: two -->\nold\n<!-- end -->\n"
    )
    small.place("en").write_text(before, "utf-8")
    assert small.written("en") == (
        "# 7. Small\n\n<!-- cell: one -->\n```python\nx = 41 + 1\n```\n<!-- end -->\nIt is 42.\n"
        "<!-- cell: two -->\n```python\nprint(x)\n```\n```text\n42\n```\n<!-- end -->\n"
    )
    parts = [*small.parts("en")]
    assert [part.name for part in parts if isinstance(part, Code)] == ["one", "two"]
    assert claims(small, "en") == {"42"}


def test_a_cell_that_is_not_there(small: Chapter) -> None:
    small.place("en").write_text("# 7. Small\n\n<!-- cell: three -->\n<!-- end -->\n", "utf-8")
    with pytest.raises(KitnetError, match=r"en\.md: cells\.py has no cell three$"):
        small.written("en")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`x[3]` is 12, 1,234, 0.250 and 7.00.", {"12", "1234", "0.25"}),
        ("In 1998: 10^12, x2, -17, F(4x4), 5x5, 28x28.", {"1998", "10", "12", "17", "28"}),
        ("第 2 章有95.3 %。", {"95.3"}),
    ],
)
def test_numbers_are_seen(text: str, found: set[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("3 0 1", None), ("3,0,1", None), ("[3, 0, 1]", None), ("3x0x1", None), ([3, 0, 1], None),
        ((3, 0, 1), None), ("3 0", ""), ("3 0 2", ""), ("3 0 1.6", ""), (3, ""),
    ],
)  # fmt: skip
def test_values_are_compared(answer: object, wrong: str | None) -> None:
    assert Value(lambda: [3, 0, 1]).wrong(answer) == wrong


def test_decimals() -> None:
    third = Value(lambda: 1 / 3, decimals=2)
    assert [third.wrong(text) for text in ("0.33", "0.3333", "0.34", "0.3")] == [None, None, "", ""]


@pytest.mark.parametrize("answer", ["many", "", "1 nan", None, [[1], [2, 3]], {"a": 1}])
def test_what_is_no_number(answer: object) -> None:
    with pytest.raises(KitnetError, match=r"is no number; give one, such as 28, or several: '3 0 1'$"):
        Value(lambda: 1).wrong(answer)


def test_functions_are_tried() -> None:
    twice = Function(lambda x: 2 * x, lambda: [(1,), (3.5,)])
    assert twice.wrong(lambda x: x + x) is None
    assert twice.wrong(lambda x: x + 1) == "f(3.5) = 4.5"
    assert twice.wrong(lambda x: [2 * x]) == "f(1) = [2]"
    assert twice.wrong(lambda x: None) == "f(1) = None"
    assert twice.wrong(lambda x: x / 0) == "f(1): ZeroDivisionError: division by zero"
    assert twice.wrong(2) == "int != function"


def test_texts_are_written_by_number(small: Chapter, monkeypatch: pytest.MonkeyPatch) -> None:
    before = "# 7. Small\n\n<!-- cell: one -->\n<!-- end -->\n"
    for language in LANGUAGES:
        small.place(language).write_text(before, "utf-8")
    monkeypatch.setattr("kitnet.lessons.__main__.chapter", {7: small}.__getitem__)
    write(["7"])
    for language in LANGUAGES:
        assert small.text(language) == small.written(language) != before
