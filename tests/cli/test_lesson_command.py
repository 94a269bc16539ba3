"""`kitnet lesson`: the list, a chapter in a pipe and at a terminal, and answers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from kitnet.cli import lesson, run
from kitnet.lessons import LANGUAGES, chapter, chapters


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    for language in LANGUAGES:
        assert run(["lesson", "--lang", language]) == 0
        *titles, last = capsys.readouterr().out.splitlines()
        assert titles == [one.title(language) for one in chapters()]
        assert "kitnet lesson 1" in last


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_chapter_in_a_pipe(capsys: pytest.CaptureFixture[str], language: str) -> None:
    assert run(["lesson", "1", "--lang", language]) == 0
    printed = capsys.readouterr().out
    for code in chapter(1).cells.values():
        assert all(line.strip() in printed for line in code.splitlines())
    assert "<!--" not in printed and "```" not in printed
    assert printed.count("[5, 9, 2] . [1, 0, -1] =  3") == 1  # what was written in the text is not shown


class Terminal(io.StringIO):
    """An input where Enter is pressed so many times, and then closed."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("pressed", "asked"), [(0, 1), (2, 3), (99, 12)])
def test_a_chapter_at_a_terminal_waits_before_each_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pressed: int, asked: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n" * pressed))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(["lesson", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(lesson.SAID["en"]["enter"]) == asked
    assert "343 / 360" in printed
    assert run(["lesson", "1", "--all"]) == 0
    assert lesson.SAID["en"]["enter"] not in capsys.readouterr().out


def test_answers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["lesson", "check", "1", "1=217"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1  right", "2  no answer", "3  no answer", "4  no answer", "5  no answer",
    ]  # fmt: skip
    file = tmp_path / "answers.py"
    file.write_text("answer1 = 3\ndef answer4(x, w):\n    return [0]\n", "utf-8")
    assert run(["lesson", "check", "1", str(file), "2=11 -13 13 -12", "--lang", "zh"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "1  还不对",
        "2  正确",
        "3  没有作答",
        "4  还不对: f([3, 1, 4, 1, 5, 9, 2], [1, 0, -1]) = [0]",
        "5  没有作答",
    ]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["99"], "there is no chapter 99; there are {known}"),
        (
            ["check", "1"],
            "no answers are given; write kitnet lesson check 1 1=28, or give a file with answer1, "
            "answer2, ...",
        ),
        (["check", "1", "9=3"], "chapter 1 has no exercise 9; there are 1 to 5"),
        (
            ["check", "1", "28"],
            "'28' is no answer; write 1=28 for exercise 1, or give a file such as answers.py",
        ),
        (
            ["check", "1", "1=many"],
            "answer 1: 'many' is no number; give one, such as 28, or several: '3 0 1'",
        ),
        (["check", "1", "gone.py"], "gone.py: there is no such file"),
        (
            ["check", "1", "empty.py"],
            "empty.py: it defines no answer; call what you found answer1, answer2, ...",
        ),
        (["check", "1", "broken.py"], "broken.py, line 2: ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes(
    words: list[str],
    text: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.py").write_text("x = 1\n", "utf-8")
    Path("broken.py").write_text("answer1 = 1\nanswer1 = 1 / 0\n", "utf-8")
    known = ", ".join(str(one.number) for one in chapters())
    assert run(["lesson", *words]) == 2
    assert capsys.readouterr().err == f"kitnet: {text.format(known=known)}\n"
