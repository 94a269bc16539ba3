"""What the README, in each language, and pages of docs print is true: their Python runs, the table is what
`show` prints, the lines parse."""

import re
from pathlib import Path

import pytest
from pages import Fence, fences

import kitnet
from kitnet.cli import run
from kitnet.layers import LAYERS

READMES = ("README.md", "README.zh-CN.md")
# The Python of README.zh-CN.md is that of README.md, by test_pages.py.
PYTHON = [
    fence
    for page in ("README.md", "docs/python.md", "docs/looking.md", "docs/export.md", "docs/precision.md")
    for fence in fences(page)
    if fence.kind == "python"
]


@pytest.mark.parametrize("fence", PYTHON, ids=str)
def test_python_runs(fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where it saves models
    known = set(LAYERS)
    try:
        exec(compile(fence.code, fence.page, "exec"), {"__name__": "readme"})
    finally:
        for word in set(LAYERS) - known:
            del LAYERS[word]


@pytest.mark.parametrize("page", READMES)
def test_show_prints_what_the_readme_says(
    page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    (printed,) = (fence.code for fence in fences(page) if fence.code.startswith("$ kitnet show"))
    command, *lines = printed.splitlines()
    assert run(command.removeprefix("$ kitnet ").split()) == 0
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines.pop() == "..."
    assert shown[: len(lines)] == lines


@pytest.mark.parametrize("page", READMES)
def test_language_examples_parse(page: str) -> None:
    (examples,) = (fence.code for fence in fences(page) if "C3:conv5-16 table=lenet5  " in fence.code)
    heads = [re.split(r"\s{3,}", line)[0] for line in examples.splitlines()]
    assert len(heads) == 12
    bodies = {
        "conv3-64/2 floor": "12x12x8 -> ",
        "[conv3-64 same -> relu]*3": "12x12x8 -> ",
        "[conv3-64 -> relu -> maxpool2?]*2": "14x14x8 -> ",
        "residual[conv3-64 same -> relu -> conv3-64 same]": "9x9x64 -> ",
        "C3:conv5-16 table=lenet5": "9x9x6 -> ",
    }
    for head in heads:
        if head.startswith("32x9 -> conv3-8"):
            for line in head.split(" and "):
                kitnet.parse(line)
        else:
            kitnet.parse(head if head[0].isdigit() else bodies.get(head, "9x9x8 -> ") + head)
