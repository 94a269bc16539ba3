"""Floor 9: the book: chapters whose every number is computed by the kitnet that is installed.

A chapter is a folder, `01-window`: `cells.py` has its code, `en.md` and `zh.md` its text in two languages,
`exercises.py` what a reader finds out alone. README.md says how one is written.

chapter(1).title("zh")
for part in chapter(1).parts("en"): ...     # prose, and the names of cells between
run = chapter(1).run(); run("window")       # what the cell prints
"""

from kitnet.lessons.chapter import LANGUAGES, Chapter, Code, Prose, Run, chapter, chapters
from kitnet.lessons.exercise import Exercise, Function, Value

__all__ = [
    "LANGUAGES",
    "Chapter",
    "Code",
    "Exercise",
    "Function",
    "Prose",
    "Run",
    "Value",
    "chapter",
    "chapters",
]
