"""Bugs in how the book is shown and its exercises are judged."""

from mutant import Mutant

CHAPTERS = "lessons/test_chapters.py::"

BOOK = [
    Mutant("Value.wrong", "-self.decimals", "1 - self.decimals", CHAPTERS + "test_decimals"),
    Mutant(
        "Function.wrong",
        "found.shape != expected.shape",
        "False",
        CHAPTERS + "test_functions_are_tried",
    ),
    Mutant(
        "cli.lesson:check",
        "right and (i not in given or told == SAID[lang]['right'])",
        "i not in given or told == SAID[lang]['right']",
        "cli/test_lesson_command.py::test_answers",
    ),
    Mutant(
        "line_ends",
        "used + columns > width",
        "used + columns >= width",
        "cli/test_markdown_text.py::test_lines_end",
    ),
    Mutant(
        "_may_part",
        "after in CLOSING",
        "False",
        "cli/test_markdown_text.py::test_lines_end",
    ),
]
