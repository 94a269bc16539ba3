"""What pages print is true: their Python runs, their commands are commands, how-to pages do what they say."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from cyclopts import CycloptsError
from pages import ROOT, Fence, fences, pages
from PIL import Image

import kitnet
from kitnet.cli import app, run

ALL = [fence for page in pages() for fence in fences(page)]
OTHERS = {"pip", "python3", ".venv/bin/pip", ".venv/bin/python", ".venv/bin/kitnet", ".venv/bin/ruff"} | {
    *(".venv/bin/mypy", ".ci/run", "cc", "./example", "podman", "srun", "mpiexec")
}
ELSEWHERE = {  # (page, kind) -> the test that runs or compares it
    ("docs/serve.md", "curl"): "cli/test_serve_page.py",
    ("docs/native.md", "c"): "interop/test_native_library.py",
    ("docs/architecture.md", ""): "engine/test_explain.py",
}
HOW_TO = sorted(page for page in pages() if page.startswith("docs/how-to/") and "/zh/" not in page)
# They take an address, or the address of a server that does not end by itself.
SERVERS = ("serve", "studio")


def of_kind(*kinds: str) -> list[Fence]:
    return [fence for fence in ALL if fence.kind in kinds]


# ------------------------------ every fence is something


@pytest.mark.parametrize("fence", of_kind("sh", "text"), ids=str)
def test_commands_are_commands(fence: Fence) -> None:
    for words in fence.commands():
        while words and "=" in words[0] and words[0].split("=")[0].isupper():  # KITNET_CPU=avx2 kitnet ...
            words.pop(0)
        if words[0] != "kitnet":
            assert words[0] in OTHERS, words
            continue
        own = [i for i, word in enumerate(words) if word == "--import"]  # taken out before cyclopts reads
        rest = [word for i, word in enumerate(words) if i not in own and i - 1 not in own]
        app.parse_args(rest[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("fence", of_kind("python"), ids=str)
def test_python_is_python(fence: Fence) -> None:
    ast.parse(fence.code)


@pytest.mark.parametrize("fence", of_kind(""), ids=str)
def test_what_has_no_language_is_known(fence: Fence) -> None:
    """A line of the language, what a command prints, or commands."""
    if (fence.page, "") in ELSEWHERE or fence.page.startswith("README"):
        return  # those of README: test_readme.py
    for line in filter(None, fence.code.splitlines()):
        if not line.startswith("kitnet"):
            kitnet.parse(line)
        elif not line.startswith("kitnet: "):
            (words,) = Fence("", 0, "sh", line).commands()
            app.parse_args(words[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("fence", of_kind("json"), ids=str)
def test_json_is_json(fence: Fence) -> None:
    json.loads(fence.code)


@pytest.mark.parametrize("fence", of_kind("dockerfile"), ids=str)
def test_a_file_that_is_shown_is_the_file(fence: Fence) -> None:
    before, _, name = fence.mark.partition("same as: ")
    shown = [line for line in (ROOT / name).read_text("utf-8").splitlines(True) if not line.startswith("#")]
    assert (before, "".join(shown).lstrip("\n")) == ("", fence.code)


def test_no_fence_is_left() -> None:
    known = {"sh", "text", "python", "", "json", "dockerfile", "{toctree}"}
    left = {(fence.page, fence.kind) for fence in ALL if fence.kind not in known}
    said = {page: kinds for page, kinds in ELSEWHERE.items() if page[1]}
    translated = {("docs/how-to/" + page.rpartition("/")[2], kind) for page, kind in left if "/zh/" in page}
    assert translated | {one for one in left if "/zh/" not in one[0]} == {
        *said,
        ("docs/how-to/serve.md", "curl"),
    }
    assert all((ROOT / "tests" / path).is_file() for path in ELSEWHERE.values())


# ------------------------------ pages in order


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures of three classes and of a digit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    draw = np.random.default_rng(0)
    rows = ["path,label"]
    for k, name in enumerate(("bird", "cat", "dog")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(40):
            picture = draw.integers(0, 90, (40, 48, 3)).astype(np.uint8)
            picture[10:30, 8 + 14 * k : 18 + 14 * k, k] = 250
            Image.fromarray(picture).save(f"pictures/{name}/{i}.png")
            rows.append(f"pictures/{name}/{i}.png,{name}")
    Path("pictures.csv").write_text("\n".join(rows), "utf-8")
    Image.open("pictures/cat/0.png").save("cat.png")
    digit = Image.fromarray(kitnet.data.load("digits").test.images[0, ..., 0])
    for name in ("digit.png", "seven.png"):
        digit.save(name)
    return tmp_path


def follow(fence: Fence, names: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a fence says, as a reader would; servers, installers and other programs are left out."""
    if fence.mark.startswith("file: "):
        Path(fence.mark.removeprefix("file: ")).write_text(fence.code, "utf-8")
    elif fence.kind == "python":
        exec(compile(fence.code, str(fence), "exec"), names)
    elif fence.kind == "sh":
        for words in fence.commands():
            with monkeypatch.context() as patch:
                while "=" in words[0]:
                    name, _, value = words.pop(0).partition("=")
                    patch.setitem(os.environ, name, value)
                if words[0] == "kitnet" and words[1] not in SERVERS:
                    assert run(words[1:]) == 0, words


@pytest.mark.slow
@pytest.mark.usefixtures("here", "own_layers")
@pytest.mark.parametrize("page", HOW_TO)
def test_how_to_pages_do_what_they_say(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.endswith("own-layer.md"):
        assert (
            run(["train", "8x8x1 -> fc10", "--epochs", "1", "--name", "other"]) == 0
        )  # runs/net-1 is the page's own
    names: dict[str, object] = {"__name__": "page"}
    for fence in fences(page):
        follow(fence, names, monkeypatch)
    for name in ("my_layers", "ask"):
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.usefixtures("here", "own_layers")
@pytest.mark.parametrize("page", ["docs/onnx.md", "docs/onnx-export.md", "docs/without-pools.md"])
def test_python_that_needs_a_file_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["train", "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10", "--epochs", "1"]) == 0
    for name in ("digits.onnx", "resnet18.onnx"):
        raw = ["--raw"] if name.startswith("resnet") else []
        assert run(["export", "runs/net-1", "--onnx", name, *raw]) == 0
    names: dict[str, object] = {"__name__": "page", "images": np.zeros((2, 1, 8, 8), np.float32)}
    for fence in fences(page):
        if fence.kind == "python":
            follow(fence, names, monkeypatch)


# ------------------------------ translations


def meaning(fence: Fence) -> object:
    """A fence without its comments, which a translation translates."""
    if fence.kind == "python" and not fence.mark:
        return ast.dump(ast.parse(fence.code))
    if fence.kind == "sh":
        return list(fence.commands())
    return (
        fence.code
        if fence.kind or fence.mark
        else [re.split(r"\s{2,}", line)[0] for line in fence.code.splitlines()]
    )


@pytest.mark.parametrize("page", [page for page in pages() if "/zh/" in page or page == "README.zh-CN.md"])
def test_translations_have_the_same_fences(page: str) -> None:
    original = page.replace("/zh/", "/").replace(".zh-CN", "")
    assert [meaning(fence) for fence in fences(page)] == [meaning(fence) for fence in fences(original)]


def test_every_how_to_page_is_there_in_chinese() -> None:
    assert [page.replace("/zh/", "/") for page in pages() if "/zh/" in page] == HOW_TO


def test_unknown_flags_are_refused() -> None:
    """So that the tests above can fail."""
    with pytest.raises(CycloptsError, match="--epoks"):
        app.parse_args(["train", "--epoks", "3"], exit_on_error=False, print_error=False)
