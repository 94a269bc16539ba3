"""`kitnet lr-find`: a table of losses by rate, and a rate to train with."""

import json
import shutil

import pytest

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"


def test_what_is_found(say, easy, here):
    said = say("lr-find", LINE, "--data", easy, "--batch", "16", "--steps", "40")
    assert (said.status, said.err) == (0, "")
    head, *rows, reason, advice = said.out.splitlines()
    assert head.split() == ["rate", "loss", "smoothed"]
    assert rows[0].startswith("1.00e-05") and len(rows) <= 24
    assert all(set(row.split()[3]) <= set("#>") for row in rows)
    rate = reason.split(":")[0].removeprefix("proposed rate ")
    assert ("steeply" in reason or "blows up" in reason) and 1e-5 < float(rate) < 10
    assert advice == f"try: kitnet train '{LINE}' --data {easy} --lr {rate}"
    assert list(here.iterdir()) == []


def test_the_advice_names_the_folder_of_the_data(say, easy, tmp_path):
    folder = tmp_path / "my data"
    shutil.copytree(easy, folder / "mnist")
    words = ("--data", "mnist", "--data-dir", folder, "--steps", "40", "--engine", "formula")
    said = say("lr-find", LINE, "--batch", "16", *words)
    assert said.status == 0, said.err
    assert f"' --data mnist --data-dir '{folder}' --lr " in said.out.splitlines()[-1]


def test_another_input_and_what_a_line_leaves_open(say, easy):
    """The same flags as those of `kitnet train`, which the advice repeats."""
    words = ("--input", "16x16x1", "--set", "N=1", "classes=10", "--validation", "0.2", "--megapixels", "1")
    line = "INPUT -> [conv3-4 same -> tanh]*N -> maxpool2 -> FC"
    said = say("lr-find", line, "--data", easy, *words, "--steps", "40", "--batch", "16")
    assert said.status == 0, said.err
    assert said.out.splitlines()[-1].startswith(
        f"try: kitnet train '{line}' --data {easy} --validation 0.2 --megapixels 1 --input 16x16x1 "
        "--set N=1 classes=10 --lr "
    )


def test_the_table_fits_the_terminal(say, easy, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    said = say("lr-find", LINE, "--data", easy, "--batch", "16", "--steps", "20", "--engine", "formula")
    assert all(len(line) <= 30 for line in said.out.splitlines() if not line.startswith("try: "))


def test_json(say_json, easy):
    found = say_json("lr-find", "8x8x1 -> fc10", "--data", easy, "--steps", "20", "--last", "1e30")
    assert set(found) == {"rates", "losses", "smoothed", "steepest", "blown_up", "proposed", "reason"}
    assert len(found["rates"]) == len(found["losses"]) <= 20
    json.dumps(found, allow_nan=False)


def test_no_rate(say, easy):
    said = say(
        "lr-find", "8x8x1 -> conv3-4 -> relu -> fc10", "--data", easy, "--init", "zeros", "--last", "1e-3"
    )
    assert said.status == 0
    assert said.out.splitlines()[-1] == (
        "no rate to propose: the loss falls at no rate; look at the data, the init of the weights or the "
        "network"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--steps", "2"), "steps 2 is not possible; use 20 or more"),
        (("--first", "1", "--last", "1"), "rates from 1 to 1 do not rise; use such as 1e-05 to 10"),
        (
            ("--init", "hee"),
            "unknown init 'hee' (did you mean 'he'?); known: zeros, lecun1998, lecun, glorot, he, "
            "orthogonal, gaussian, dirac",
        ),
    ],
)
def test_mistakes(refused, easy, words, text):
    assert refused("lr-find", LINE, "--data", easy, *words) == text
