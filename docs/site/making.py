"""What the pages of the site are given when it is built: what a line `<!-- made: NAME -->` asks for, links to
folders, and citations as links into the bibliography."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import citations
import command_pages
import python_pages
import speed_plots
from catalogue_page import PAGE, page
from pygments.lexers.shell import BashLexer

ROOT = Path(__file__).resolve().parents[2]
LESSONS = {"en": "Tutorial", "zh": "教程"}
MADE = re.compile(r"^<!-- made: ([\w.-]+) -->$", re.MULTILINE)
LINK = re.compile(r"\[([^]\n]+)\]\(([^)#:\s]+)\)")


def made(name: str) -> str:
    """What a line asks for, as Markdown. Raises KeyError for a name that nobody makes."""
    makers: dict[str, Callable[[], str]] = {
        "commands": command_pages.commands,
        **{f"lessons.{language}": partial(lessons, language) for language in LESSONS},
        **{f"python.{folder}": partial(python_pages.folder, folder) for folder in python_pages.FOLDERS},
        **{f"speed.{name}": partial(speed_plots.shown, plot) for name, plot in speed_plots.PLOTS.items()},
    }
    return makers[name]()


def lessons(language: str) -> str:
    """A table of contents of the chapters that are there in this language."""
    if not list(ROOT.glob(f"kitnet/lessons/*/{language}.md")):
        return ""
    pages = f"../kitnet/lessons/*/{language}"
    if language == "en":
        pages += "\n../kitnet/lessons/README"
    return f"```{{toctree}}\n:caption: {LESSONS[language]}\n:glob:\n:maxdepth: 1\n\n{pages}\n```"


def read(app: Any, name: str, source: list[str]) -> None:
    """Sphinx's `source-read`: a page as it is in the tree becomes one of the site."""
    text = MADE.sub(lambda asked: made(asked[1]), source[0])
    where = PurePosixPath(name).parent
    source[0] = citations.linked(name, LINK.sub(lambda link: _to_file(link, where), text))


def _to_file(link: re.Match[str], where: PurePosixPath) -> str:
    """A link to a folder, which a site does not show, leads to its page; without one the words stay."""
    text, target = link.groups()
    folder = Path(os.path.normpath(ROOT / where / target))
    if not folder.is_dir():
        return link[0]
    for file in ("index.md", "README.md", "__init__.py"):
        if (folder / file).is_file():
            return f"[{text}]({target.rstrip('/')}/{file})"
    return text


def check_catalogue(app: Any) -> None:
    """Raises ValueError where a row of the catalogue shows nothing, and where its page is not newly made."""
    if PAGE.read_text("utf-8") != page():
        raise ValueError("docs/catalogue.md is older than its rows; run: python tests/catalogue_page.py")


def setup(app: Any) -> dict[str, Any]:
    app.connect("builder-inited", check_catalogue)
    app.add_lexer("curl", BashLexer)
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
