"""Citations by name and year, such as Simard et al. 2003, as links into docs/bibliography.md."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
PAGE = PurePosixPath("docs/bibliography.md")
CODE = r"^(?P<fence>```|:::).*?^(?P=fence)|`[^`\n]+`"
KEPT = re.compile(rf"{CODE}|\[[^\]]*\]\([^)]*\)|^#.*?$|<!--.*?-->", re.MULTILINE | re.DOTALL)
OTHERS = r"(?:,?\s(?:&|and|[A-Z][\w-]+|et\sal\.))*?"  # authors behind the first one


@cache
def entries() -> dict[str, tuple[re.Pattern[str], str]]:
    """The titles of the bibliography, how a text says them, and their anchors. The first author and the year
    decide: of `### Simard, Steinkraus & Platt 2003` also Simard et al. 2003 and Simard et al. (2003)."""
    titles = re.findall(r"^### (.+)$", (ROOT / PAGE).read_text("utf-8"), re.MULTILINE)
    return {
        title: (_said(title), re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")) for title in titles
    }


def _said(title: str) -> re.Pattern[str]:
    author, year = re.match(r"\w+", title)[0], re.search(r" (\d{4})$", title)
    if year is None:
        return re.compile(r"\s".join(map(re.escape, title.split())))
    return re.compile(rf"(?<![\w-]){author}{OTHERS},?\s\(?{year[1]}(?!\w)")


def linked(page: str, text: str) -> str:
    """A page's text with its citations as links, but for those in code, headings and other links."""
    if page == str(PAGE.with_suffix("")):
        return text
    way = os.path.relpath(PAGE, PurePosixPath(page).parent)
    for said, anchor in entries().values():
        parts, end = [], 0
        for kept in KEPT.finditer(text):
            parts += [_linked(said, text[end : kept.start()], f"{way}#{anchor}"), kept[0]]
            end = kept.end()
        text = "".join([*parts, _linked(said, text[end:], f"{way}#{anchor}")])
    return text


def _linked(said: re.Pattern[str], text: str, target: str) -> str:
    return said.sub(lambda found: f"[{found[0]}]({target})", text)
