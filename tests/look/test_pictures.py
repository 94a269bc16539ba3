"""What a run leaves to look at, with matplotlib and without."""

import csv
import io
import warnings

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import KitnetError
from kitnet.data import Dataset
from kitnet.look import Curve, Examined, Record, draw, examine, first_filters, worst, write_classes
from kitnet.train import Judgement
from kitnet.train.folder import PICTURES


def test_all_pictures_of_a_run(ran, tmp_path):
    run = examine(Record.read(ran))
    draw(run)
    for name in PICTURES:
        with Image.open(ran / name) as image:
            assert image.format == "PNG" and min(image.size) >= 100
            assert len(np.unique(np.asarray(image))) > 10
        (ran / name).unlink()


def test_the_table_of_classes(ran):
    run = examine(Record.read(ran))
    write_classes(run)
    rows = list(csv.DictReader((ran / "classes.csv").read_text().splitlines()))
    assert [row["class"] for row in rows] == list("0123456789")
    assert sum(int(row["support"]) for row in rows) == 40
    right = sum(float(row["recall"]) * int(row["support"]) for row in rows)
    assert right / 40 == pytest.approx(run.judgement.accuracy)


def test_figures_hold_the_numbers(ran):
    from kitnet.look import plots

    run = examine(Record.read(ran))
    loss = Curve("a", 0, True, [1.0, 2.0], [3.0, None])
    left, right = plots.draw_curves([loss], [Curve("a", 0, False, [1.0], [0.25])]).axes
    assert left.lines[0].get_xydata()[0].tolist() == [1, 3] and np.isnan(left.lines[0].get_ydata()[1])
    assert right.lines[0].get_ydata().tolist() == [25]
    (plot,) = plots.draw_confusion(run.judgement).axes
    labels, predicted = run.judgement.labels, run.judgement.predicted
    assert plot.get_ylabel() == "class" and plot.get_xlabel() == "taken for"
    for text in plot.texts:
        column, row = text.get_position()
        assert int(text.get_text()) == ((labels == row) & (predicted == column)).sum()
    assert len(plot.texts) == 100
    np.testing.assert_allclose(plot.images[0].get_array().sum(1), 1)
    mistakes = worst(run.judgement)
    shown = plots.draw_mistakes(mistakes).axes
    assert np.array_equal(shown[1].images[0].get_array(), mistakes[1].image[..., 0])
    first = mistakes[1]
    assert shown[1].get_title() == f"{first.label}\nas {first.predicted}, {first.confidence:.0%}"
    filters = first_filters(run.model.net)
    sheet = plots.draw_filters(filters).axes[0].images[0].get_array()
    assert np.array_equal(sheet[:3, :3], filters.images[0, ..., 0])


def test_names_that_matplotlib_would_read_otherwise(judgement):
    from kitnet.look import plots

    source = judgement.source
    names = ("$\\frac{1$", "_hidden", "文字" * 20)
    odd = Judgement(
        Dataset("odd", source.images, source.labels, names),
        *(getattr(judgement, name) for name in ("labels", "predicted", "confidence", "losses")),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (
            plots.draw_confusion(odd),
            plots.draw_mistakes(worst(odd)),
            plots.draw_curves([Curve("_a$", 0, False, [1.0], [1.0])], []),
        ):
            with Image.open(io.BytesIO(plots.png(figure))) as image:
                assert image.width > 100


def test_what_is_not_there_is_not_drawn(write_run, judgement):
    record = Record.read(write_run("net-1"))
    right = Judgement(
        judgement.source, judgement.labels, judgement.labels, judgement.confidence, judgement.losses
    )
    for name in PICTURES:
        (record.path / name).write_text("of an earlier end")
    draw(Examined(record, None, right))
    assert [name for name in PICTURES if (record.path / name).exists()] == ["confusion.png"]
    draw(Examined(record, reason="no data"))
    assert [name for name in PICTURES if (record.path / name).exists()] == []
    write_classes(Examined(record, reason="no data"))
    assert not (record.path / "classes.csv").exists()


def test_without_matplotlib(ran, monkeypatch):
    monkeypatch.setattr("kitnet.look.pictures.can_draw", lambda: False)
    with pytest.raises(KitnetError) as caught:
        draw(examine(Record.read(ran)))
    assert str(caught.value) == "pictures need matplotlib: pip install 'kitnet[plots]'"
