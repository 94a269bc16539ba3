"""What the README and pages of docs print is true: their Python runs, the table is what
`show` prints, the lines parse."""

import re
from pathlib import Path

import pytest

import kitnet
from kitnet.cli import run
from kitnet.layers import LAYERS

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCES = FENCE.findall((ROOT / "README.md").read_text())
PYTHON = [
    (f"{page}-{i}", code)
    for page in ("README.md", "docs/python.md", "docs/looking.md", "docs/export.md", "docs/precision.md")
    for i, (kind, code) in enumerate(FENCE.findall((ROOT / page).read_text()))
    if kind == "python"
]


@pytest.mark.parametrize("code", [code for _, code in PYTHON], ids=[name for name, _ in PYTHON])
def test_python_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where it saves models
    known = set(LAYERS)
    try:
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    finally:
        for word in set(LAYERS) - known:
            del LAYERS[word]


def test_show_prints_what_the_readme_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    (printed,) = (code for _, code in FENCES if code.startswith("$ kitnet show"))
    command, *lines = printed.splitlines()
    assert run(command.removeprefix("$ kitnet ").split()) == 0
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines.pop() == "..."
    assert shown[: len(lines)] == lines


def test_language_examples_parse() -> None:
    (examples,) = (code for _, code in FENCES if "padding: valid (usual)" in code)
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
