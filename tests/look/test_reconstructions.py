"""What is shown of a network that gives its input."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet.look import Record, draw, examine, report
from kitnet.look.reconstructions import COLUMNS, DRAWN, SHOWN, enlarged, pairs
from kitnet.train import Settings, train
from kitnet.train.folder import OF_INPUT

VAE = (
    "8x8x1 -> conv4-8/2 pad=1 -> relu -> conv4-8 => code -> gaussiandraw -> transposed4-8 -> relu "
    "-> transposed4-1/2 pad=1 => image"
)
PLAIN = "8x8x1 -> conv4-8/2 pad=1 -> relu -> transposed4-1/2 pad=1"


def ran(line, easy, runs):
    settings = Settings(model=line, data=easy, epochs=1, engine="formula", lr=0.001, runs=str(runs))
    return examine(Record.read(list(train(settings))[-1].folder))


def test_pictures_and_what_becomes_of_them(easy, tmp_path):
    run = ran(VAE, easy, tmp_path)
    found = run.reconstructions
    assert run.reason == "" and run.judgement is None
    assert found.score.loss == pytest.approx(run.record.summary["test_loss"], rel=1e-4)
    n = min(SHOWN, len(found.source))
    chosen = np.unique(np.linspace(0, len(found.source) - 1, n).round().astype(int))
    np.testing.assert_array_equal(found.images, found.source.read(chosen)[0])
    np.testing.assert_array_equal(found.made, run.model.predict(found.images))
    np.testing.assert_array_equal(found.drawn, run.model.draw(DRAWN))


def test_a_sheet_of_pairs():
    images = np.arange(1, COLUMNS + 3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    sheet = pairs(images, images + 100)[..., 0]
    assert sheet.shape == (4 * 3 - 1, COLUMNS * 3 - 1)
    assert sheet[::3, ::3].tolist() == [
        [*range(1, 13)],
        [*range(101, 113)],
        [13, 14, *[255] * 10],
        [113, 114, *[255] * 10],
    ]
    assert enlarged(sheet[..., None], 2).shape == (11 * 32, 35 * 32, 1)


def test_the_page(easy, tmp_path):
    page = report([ran(VAE, easy, tmp_path), ran(PLAIN, easy, tmp_path)])
    assert page.count("<h3>Reconstructions</h3>") == 2 and page.count("<h3>Drawn</h3>") == 1
    assert page.count("test evidence lower bound, nats an image") == 1
    assert page.count('aria-label="loss over epochs"') == 1 and "accuracy" not in page
    assert "could not be judged" not in page


def test_the_files(easy, tmp_path):
    pytest.importorskip("matplotlib")
    for line, drawn in ((VAE, set(OF_INPUT)), (PLAIN, {"reconstructions.png"})):
        run = ran(line, easy, tmp_path)
        draw(run)
        left = {path.name for path in run.record.path.iterdir()}
        assert left >= {"curves.png", "filters.png"} | drawn
        assert not left & ({"confusion.png", "mistakes.png", *OF_INPUT} - drawn)
