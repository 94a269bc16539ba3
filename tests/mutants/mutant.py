"""One-line bugs, anchored by names and syntax trees: reformatted or moved lines keep their bugs."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "kitnet"


class Mutant(NamedTuple):
    """With `wrong` in the place of `right`, which stands once in the definition `where`, tests/`test` fails.

    `where` is `function`, `Class`, `Class.method`, or the name that an assignment of a module or class binds.
    A module stands before it (`kernels.norm:forward`) only where kitnet defines several of this name.
    `right` and `wrong` are Python: an expression, a keyword argument (`across=True`) or a statement. A text
    may be a piece of a longer one. `index` counts from 0, where `right` stands several times.
    """

    where: str
    right: str
    wrong: str
    test: str
    index: int | None = None


class AnchorError(Exception):
    """A mutant's `right` stands nowhere, or in several places."""


class Definition(NamedTuple):
    file: str  # in kitnet/
    tree: ast.stmt


def plant(mutant: Mutant) -> tuple[str, str]:
    """The file in kitnet/ and its text with the bug."""
    file, node = anchor(mutant)
    source = (PACKAGE / file).read_bytes()
    begins = [0, *accumulate(map(len, source.splitlines(keepends=True)))]
    first = begins[node.lineno - 1] + node.col_offset
    last = begins[node.end_lineno - 1] + node.end_col_offset
    wrong = mutant.wrong
    if _is_text(node):
        wrong = repr(node.value.replace(ast.literal_eval(mutant.right), ast.literal_eval(wrong)))
    elif isinstance(node, ast.expr):
        wrong = f"({wrong})"
    return file, (source[:first] + wrong.encode() + source[last:]).decode()


def anchor(mutant: Mutant) -> tuple[str, ast.AST]:
    """The file in kitnet/ and the node that the bug replaces."""
    module, _, name = mutant.where.rpartition(":")
    file = module.replace(".", "/") + ".py"
    named = [each for each in definitions(PACKAGE)[name] if not module or each.file == file]
    if not named:
        raise AnchorError(f"kitnet defines no {mutant.where}")
    holding = [(each, nodes) for each in named if (nodes := occurrences(each.tree, mutant.right))]
    if len(holding) > 1:
        files = ", ".join(each.file for each, _ in holding)
        raise AnchorError(f"{mutant.right!r} stands in several {mutant.where} ({files}): name the module")
    found, nodes = holding[0] if holding else (named[0], [])
    fits = len(nodes) == 1 if mutant.index is None else max(mutant.index, 1) < len(nodes)
    if not fits:
        raise AnchorError(f"{mutant.right!r} stands {len(nodes)} times in {mutant.where} ({found.file})")
    return found.file, nodes[mutant.index or 0]


@cache
def definitions(package: Path) -> dict[str, list[Definition]]:
    """Functions, classes, methods and assigned names of a package by their qualified names."""
    found = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for name, tree in _named(ast.parse(path.read_bytes()).body):
            found[name].append(Definition(path.relative_to(package).as_posix(), tree))
    return found


def _named(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, ast.stmt]]:
    for tree in body:
        match tree:
            case ast.FunctionDef(name):
                yield within + name, tree
            case ast.ClassDef(name):
                yield within + name, tree
                yield from _named(tree.body, f"{within}{name}.")
            case ast.Assign(targets):
                names = (each for target in targets for each in ast.walk(target))
                yield from ((within + each.id, tree) for each in names if isinstance(each, ast.Name))
            case ast.AnnAssign(ast.Name(name)):
                yield within + name, tree


def occurrences(definition: ast.stmt, text: str) -> list[ast.AST]:
    """The nodes whose syntax is that of the text, as they stand from top to bottom."""
    (sought,) = ast.parse(text).body
    if isinstance(sought, ast.Expr):
        sought = sought.value
    found = [node for node in ast.walk(definition) if _alike(node, sought)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _alike(node: ast.AST, sought: ast.AST) -> bool:
    if _is_text(node) and _is_text(sought):
        return node.value.count(sought.value) == 1
    if isinstance(node, ast.keyword) and isinstance(sought, ast.Assign):
        (target,) = sought.targets
        return isinstance(target, ast.Name) and node.arg == target.id and same(node.value, sought.value)
    return same(node, sought)


def same(one: object, other: object) -> bool:
    """Whether two trees are equal, wherever they stand; the first difference ends it."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, ast.AST):
        return all(
            same(getattr(one, name, None), getattr(other, name, None))
            for name in one._fields
            if name not in ("ctx", "type_comment", "kind")  # of which texts say nothing
        )
    return one == other


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
