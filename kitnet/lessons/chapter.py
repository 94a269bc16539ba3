"""A chapter of the book: its texts, the cells that stand in them, and what these print."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kitnet.base.error import KitnetError, shorten
from kitnet.lessons.exercise import Exercise

LANGUAGES = {"en": "English", "zh": "中文"}
MARK = re.compile(r"^# %% *(\S+)\n", re.MULTILINE)  # before each cell of cells.py
BLOCK = re.compile(r"^<!-- cell: *(\S+) -->\n(.*?)^<!-- end -->\n", re.MULTILINE | re.DOTALL)  # in a text


@dataclass(frozen=True)
class Prose:
    """Markdown."""

    text: str


@dataclass(frozen=True)
class Code:
    """A cell, by its name in cells.py."""

    name: str
    code: str


class Run:
    """The cells of a chapter, called in the order of the text, with the names that those before have made."""

    def __init__(self, cells: dict[str, Callable[[dict[str, Any]], None]]) -> None:
        self._cells, self._names = cells, {"__name__": "lesson"}

    def __call__(self, name: str) -> str:
        """What the cell prints."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            self._cells[name](self._names)
        return printed.getvalue()


@dataclass(frozen=True)
class Chapter:
    """The chapter in this folder, whose name begins with its number."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name.partition("-")[0])

    def text(self, language: str) -> str:
        """The whole text as Markdown, with cells and what they printed when it was written."""
        return self.place(language).read_text("utf-8")

    def place(self, language: str) -> Path:
        return self.folder / f"{language}.md"

    def title(self, language: str) -> str:
        return self.text(language).partition("\n")[0].lstrip("# ")

    @cached_property
    def cells(self) -> dict[str, str]:
        """The code of each cell by its name, in the order of cells.py."""
        _, *marked = MARK.split((self.folder / "cells.py").read_text("utf-8"))
        return {name: code.strip("\n") for name, code in zip(marked[::2], marked[1::2], strict=True)}

    def parts(self, language: str) -> Iterator[Prose | Code]:
        """The text as a reader meets it."""
        prose, *marked = BLOCK.split(self.text(language))
        yield Prose(prose)
        for name, prose in zip(marked[::3], marked[2::3], strict=True):
            yield Code(name, self.cells[name])
            yield Prose(prose)

    def run(self) -> Run:
        """The cells anew. They are files of kitnet itself, run as an import would run them."""
        return Run({name: self._compiled(name, code) for name, code in self.cells.items()})

    def _compiled(self, name: str, code: str) -> Callable[[dict[str, Any]], None]:
        whole = compile(code, f"{self.folder.name}/cells.py, {name}", "exec")
        return lambda names: exec(whole, names)

    def written(self, language: str) -> str:
        """The text with what its cells are and print now."""
        run = self.run()

        def block(found: re.Match[str]) -> str:
            name = found[1]
            if name not in self.cells:
                raise KitnetError(f"{self.place(language)}: cells.py has no cell {name}")
            printed = run(name)
            shown = f"```text\n{printed}```\n" if printed else ""
            return f"<!-- cell: {name} -->\n```python\n{self.cells[name]}\n```\n{shown}<!-- end -->\n"

        return BLOCK.sub(block, self.text(language))

    def exercises(self) -> tuple[Exercise, ...]:
        """Those of exercises.py, in the order of the text."""
        place = self.folder / "exercises.py"
        names: dict[str, Any] = {"__name__": "exercises"}
        exec(compile(place.read_text("utf-8"), f"{self.folder.name}/exercises.py", "exec"), names)
        return tuple(names["EXERCISES"])


def chapters() -> list[Chapter]:
    return [Chapter(path) for path in sorted(Path(__file__).parent.glob("[0-9]*-*"))]


def chapter(number: int) -> Chapter:
    """Raises KitnetError where there is none."""
    for one in chapters():
        if one.number == number:
            return one
    known = ", ".join(str(one.number) for one in chapters())
    raise KitnetError(f"there is no chapter {shorten(number)}; there are {known}")
