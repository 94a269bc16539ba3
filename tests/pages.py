"""The pages of the tree and their fences, which tests run or check."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]+) -->\n)?```(?P<kind>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Fence:
    """What stands between ``` on a page; `mark` is what a comment in the line before it says."""

    page: str
    number: int
    kind: str
    code: str
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"

    def commands(self) -> Iterator[list[str]]:
        """The lines of a shell as words, without comments."""
        for line in self.code.splitlines():
            for part in re.split(r"\s&&\s", line):
                if words := shlex.split(part, comments=True):
                    yield words


def pages() -> list[str]:
    """README in each language, CONTRIBUTING, and all of docs/."""
    found = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@cache
def fences(page: str) -> tuple[Fence, ...]:
    text = (ROOT / page).read_text("utf-8")
    return tuple(
        Fence(page, number, found["kind"], found["code"], found["mark"] or "")
        for number, found in enumerate(FENCE.finditer(text))
    )
