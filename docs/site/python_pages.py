"""The reference of the Python side: the public names of each folder with what their docstrings say."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

# Folders that a program of one's own imports from, in the order in which one meets them.
FOLDERS = (
    *("kitnet", "data", "layers", "net", "optim", "train", "zoo", "functional", "engine", "look"),
    *("lab", "surgery", "interop", "testing", "files", "sklearn"),
)
CODE = re.compile(r"(`+[^`]+`+)")
COLUMNS = re.compile(r"\S {3,}\S")  # a table of words and what they mean
SPECIAL = re.compile(r"([\\*_\[\]<>|$])")


def folder(name: str) -> str:
    """All that the folder gives, as Markdown."""
    return "\n\n".join(_folder(name)) + "\n"


def module(folder: str) -> ModuleType:
    return import_module("kitnet" if folder == "kitnet" else f"kitnet.{folder}")


def names(folder: str) -> list[str]:
    """The public names that the folder itself gives: of `kitnet` those that are no folders."""
    found = module(folder)
    if folder == "kitnet":
        return sorted([*found.NAMES, *found.LATER, "load"])
    own = [name for name, value in vars(found).items() if getattr(value, "__module__", "") == found.__name__]
    every = getattr(found, "__all__", [name for name in own if not name.startswith("_")])
    return sorted(name for name in every if not inspect.ismodule(getattr(found, name)))


def _folder(folder: str) -> Iterator[str]:
    found = module(folder)
    yield prose(inspect.getdoc(found) or "")
    for name in names(folder):
        yield from _name(name, getattr(found, name), found.__name__)


def _name(name: str, value: Any, home: str) -> Iterator[str]:
    yield f"## {_escaped(name)}"
    if not callable(value):
        yield f"`{home}.{name}`: {_kind(value)}"
        return
    yield _call(f"{name}{_signature(value)}")
    yield prose(inspect.getdoc(value) or "")
    if inspect.isclass(value):
        for method in _methods(value):
            yield _call(f"{name}.{method}{_signature(getattr(value, method))}")
            yield prose(inspect.getdoc(getattr(value, method)) or "")


def _methods(kind: type) -> list[str]:
    """Public methods that are written in kitnet and say something of their own."""
    return [
        name
        for name, value in vars(kind).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, classmethod | staticmethod | property))
        and inspect.getdoc(value)
        and _says_more(kind, name)
    ]


def _says_more(kind: type, name: str) -> bool:
    said = inspect.getdoc(vars(kind)[name])
    return all(said != inspect.getdoc(getattr(above, name, None)) for above in kind.__mro__[1:])


def _kind(value: Any) -> str:
    plural = f" of {len(value)}" if isinstance(value, dict | tuple | list | frozenset) else ""
    return f"{type(value).__name__}{plural}"


def _signature(value: Any) -> str:
    if isinstance(value, property):
        return ""
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"
    text = re.sub(r"<(?:function |class |object |)([^ >]+)[^>]*>", r"\1", text).replace("(self, ", "(")
    text = text.replace("(self)", "()").replace("'", "")
    if inspect.isclass(value):
        text = text.removesuffix(" -> None")
    return text if len(text) < 90 else _broken(text)


def _broken(text: str) -> str:
    """A long signature with a line for each argument."""
    depth, lines, line = 0, [], ""
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        line += letter
        if depth == 1 and letter in "(,":
            lines.append(line.strip())
            line = ""
    return "\n    ".join([*lines, line.strip()])


def _call(text: str) -> str:
    return f"```python\n{text}\n```"


def _fence(text: str) -> str:
    return f"```{'python' if _is_python(text) else 'text'}\n{text}\n```"


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def prose(text: str) -> str:
    """A docstring as Markdown: what is indented in it is code, and words in backticks are as they are."""
    parts = re.split(r"\n\s*\n", text)
    return "\n\n".join(part for block in parts for part in _blocks(block.strip("\n"))) or "\u200b"


def _blocks(text: str) -> Iterator[str]:
    """Runs of lines that are indented, as code, and those that are not, as text."""
    run: list[str] = []
    indented = False
    for line in [*text.splitlines(), None]:
        now = line is not None and (line.startswith("    ") or bool(COLUMNS.search(line)))
        if run and (line is None or now != indented):
            yield _fence(textwrap.dedent("\n".join(run))) if indented else _escaped("\n".join(run))
            run = []
        if line is not None:
            run.append(line)
            indented = now


def _escaped(text: str) -> str:
    return "".join(part if part.startswith("`") else SPECIAL.sub(r"\\\1", part) for part in CODE.split(text))
