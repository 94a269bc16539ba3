"""A file fits in the head: none above 400 lines, no function above 60, but for exceptions with a reason."""

from __future__ import annotations

import ast
from pathlib import Path

import kitnet

PACKAGE = Path(kitnet.__file__).parent
MOST_OF_A_FILE, MOST_OF_A_FUNCTION = 400, 60
FILES: dict[str, str] = {}  # by path in kitnet, with the reason
FUNCTIONS: dict[str, str] = {}  # by path and name


def sources() -> dict[str, str]:
    return {str(path.relative_to(PACKAGE)): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}


def long_functions(source: str, most: int = MOST_OF_A_FUNCTION) -> set[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return {node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > most}


def test_files() -> None:
    long = {path for path, text in sources().items() if len(text.splitlines()) > MOST_OF_A_FILE}
    assert long == set(FILES)


def test_functions() -> None:
    long = {f"{path}: {name}" for path, text in sources().items() for name in long_functions(text)}
    assert long == set(FUNCTIONS)


def test_a_long_function_is_seen() -> None:
    body = "".join(f"    x = {i}\n" for i in range(60))
    assert long_functions(f"def short():\n{body[:-11]}") == set()
    assert long_functions(f"class C:\n  async def long():\n{body}") == {"long"}
