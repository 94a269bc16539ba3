"""`--precision`: the formulas can any, the compiled engine none without matrix tiles, and it says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kitnet.cli import run
from kitnet.kernels.amx import why_no_tiles
from kitnet.kernels.cpu import detect
from kitnet.train import Settings, train

REASON = why_no_tiles(detect())
WITHOUT = pytest.mark.skipif(REASON is None, reason="this processor has AMX tiles")
ENDS = "use fp32, or the engine formula\n"


@pytest.fixture(scope="module")
def trained(easy: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    runs = tmp_path_factory.mktemp("runs")
    line = "8x8x1 -> conv3-4 -> relu -> fc10"
    told = Settings(line, easy, epochs=1, runs=str(runs), engine="formula", precision="bf16")
    (*_, finished) = train(told)
    return str(finished.folder)


def test_a_training_by_the_formulas_keeps_its_precision(trained: str) -> None:
    assert 'precision = "bf16"' in (Path(trained) / "args.toml").read_text()


@WITHOUT
@pytest.mark.parametrize(
    "command", [["train", "8x8x1 -> fc10", "--data"], ["lr-find", "8x8x1 -> fc10", "--data"]]
)
def test_a_compiled_training_is_refused(
    command: list[str], easy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, easy, "--precision", "bf16"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "kitnet: precision bf16: its kernels go forward only, so that nothing is trained in it; " + ENDS
    )


@WITHOUT
def test_compiled_scores_are_refused(
    trained: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "picture.png")
    for command in (["evaluate", trained], ["predict", trained, str(tmp_path / "picture.png")]):
        assert run([*command, "--precision", "bf16x3"]) == 2
        assert capsys.readouterr().err == f"kitnet: precision bf16x3: {REASON}; {ENDS}"


@WITHOUT
def test_auto_says_what_it_chooses(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", trained, "--precision", "auto"]) == 0
    assert capsys.readouterr().err == f"kitnet: precision auto is fp32, not bf16x3: {REASON}\n"
    assert run(["evaluate", trained, "--precision", "auto", "--engine", "formula"]) == 0
    told = capsys.readouterr().err
    assert told == "kitnet: precision auto is fp32: the formulas have none that is quicker\n"


def test_scores_by_the_formulas(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    losses = {}
    for name in ("fp32", "bf16", "bf16x3"):
        assert run(["evaluate", trained, "--engine", "formula", "--precision", name, "--json"]) == 0
        losses[name] = json.loads(capsys.readouterr().out)["test_loss"]
    assert losses["bf16"] != losses["fp32"] == pytest.approx(losses["bf16"], rel=0.02)
    assert losses["bf16x3"] == pytest.approx(losses["fp32"], rel=1e-4)


def test_an_unknown_precision(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", trained, "--precision", "fp16"]) == 2
    assert capsys.readouterr().err == (
        "kitnet: unknown precision 'fp16' (did you mean 'bf16'?); known: fp32, bf16, bf16x3, bf16x6\n"
    )
