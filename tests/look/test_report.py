"""The page about runs: what it says is what the files say, and nothing in it comes from elsewhere or runs."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from kitnet.data import Dataset
from kitnet.look import Examined, Record, examine, matrix, report, worst
from kitnet.look.report import differing, names_of
from kitnet.train import Judgement

EVIL = '<script>alert("1")</script>\x1b[31m&'


class Page(HTMLParser):
    """Elements, attributes, tables as rows of texts, and the text of all."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.tables, self.texts, self.in_cell = [], [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.texts.append(data)
        if self.in_cell:
            self.tables[-1][-1][-1] += data

    def table(self, *header):
        (found,) = [table for table in self.tables if tuple(table[0][: len(header)]) == header]
        return found


@pytest.fixture(scope="session")
def page(ran):
    run = examine(Record.read(ran))
    return run, report([run]), Page(report([run]))


def test_the_matrix_of_counts(page):
    run, _, found = page
    header, *rows = found.table("class ↓ taken for →")
    assert header[1:] == [row[0] for row in rows] == list("0123456789")
    counts = [[int(cell) for cell in row[1:]] for row in rows]
    assert counts == matrix(run.judgement.labels, run.judgement.predicted, 10).tolist()
    assert sum(map(sum, counts)) == 40
    shares = [float(v.removeprefix("--share:")) for tag, name, v in found.attributes if name == "style"]
    sums = np.sum(counts, 1, keepdims=True)
    assert shares == pytest.approx((0.6 * np.array(counts) / sums).ravel().tolist(), abs=1e-3)


def test_the_classes(page):
    run, _, found = page
    _, *rows = found.table("class", "precision", "recall", "support")
    assert len(rows) == 10
    labels, predicted = run.judgement.labels, run.judgement.predicted
    for k, (name, precision, recall, support) in enumerate(rows):
        right = ((labels == k) & (predicted == k)).sum()
        assert (name, int(support)) == (str(k), (labels == k).sum())
        assert recall == f"{right / (labels == k).sum():.2%}"
        assert precision == ("" if not (predicted == k).any() else f"{right / (predicted == k).sum():.2%}")


def test_results_and_settings(page):
    run, text, found = page
    results = dict(row for row in found.tables[0][1:])
    summary = run.record.summary
    assert results["epochs"] == "3" and results["test accuracy"] == f"{summary['test_accuracy']:.2%}"
    assert results["training loss"] == f"{summary['train_loss']:.4f}"
    assert ["--batch", "50"] in found.tables[1] and "Settings that differ" not in text


def test_pictures_of_mistakes_are_the_pictures(page):
    run, _, found = page
    images = [value for tag, name, value in found.attributes if (tag, name) == ("img", "src")]
    mistakes = worst(run.judgement)
    assert len(images) == len(mistakes) + 1 > 3  # and the filters
    for source, each in zip(images, mistakes, strict=False):
        assert source.startswith("data:image/png;base64,")
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
            assert np.array_equal(np.asarray(image), each.image[..., 0])


def test_nothing_is_fetched_and_nothing_runs(page):
    _, text, found = page
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(found.tags)
    assert (
        "meta",
        "content",
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    ) in found.attributes
    for tag, name, value in found.attributes:
        assert not name.startswith("on") and name not in ("href", "srcset", "action"), tag
        assert name != "src" or value.startswith("data:image/png;base64,")
    assert (
        "url(" not in text
        and "@import" not in text
        and "http" not in re.sub(r"base64,\S+", "", text).replace("http-equiv", "")
    )


def test_names_of_strangers_are_texts(write_run, judgement):
    source = judgement.source
    evil = Dataset(EVIL, source.images, source.labels, (EVIL, "b", "c" * 500))
    folder = write_run(
        "net-1", "epoch,train_loss\n1,2\n", json.dumps({"network": EVIL, "epochs": EVIL}), loss=EVIL
    )
    judged = Judgement(
        evil, *(getattr(judgement, n) for n in ("labels", "predicted", "confidence", "losses"))
    )
    text = report([Examined(Record.read(folder), None, judged, reason=EVIL)])
    found = Page(text)
    assert "script" not in found.tags and "\x1b" not in text
    assert "".join(found.texts).count('<script>alert("1")</script>\\x1b[31m&') > 5
    assert "c" * 81 not in text


def test_runs_are_compared(write_run):
    rows = "epoch,train_loss,val_loss,val_accuracy\n1,2,2,0.5\n"
    one = Record.read(write_run("a/net-1", rows, '{"val_accuracy": 0.5}', lr=0.1, batch=8))
    two = Record.read(write_run("b/net-1", rows, lr=0.05, batch=8, optimizer="adam"))
    assert differing([one, two]) == {"optimizer": [None, "adam"], "lr": [0.1, 0.05]}
    assert names_of([one, two]) == [str(one.path), str(two.path)]
    found = Page(report([Examined(one, reason="x"), Examined(two, reason="y")]))
    assert ["--lr", "0.1", "0.05"] in found.tables[1] and ["--optimizer", "", "adam"] in found.tables[1]
    assert found.tables[0][1:] == [["validation accuracy", "50.00%", ""]]
    text = " ".join(found.texts)
    assert f"{two.path} has not ended: 1 epoch is done." in text and "could not be judged: y." in text
    assert "Settings that are the same" in text and ["--batch", "8"] in found.tables[2]


def test_the_same_run_twice_differs_in_nothing(write_run):
    record = Record.read(write_run("net-1"))
    text = report([Examined(record), Examined(record)])
    assert "None: the runs were told the same." in text and "<h2>Curves" not in text


def test_data_that_are_gone(write_run, ran):
    folder = write_run("net-1", data="/nowhere/data")
    found = examine(Record.read(folder))
    assert found.judgement is None
    assert (
        found.reason
        == f"{folder}: holds no best.safetensors; give a run folder that has one, or a model file"
    )


def test_many_classes_have_no_matrix(judgement):
    names = tuple(f"class{i}" for i in range(30))
    source = Dataset("many", judgement.source.images, judgement.labels, names)
    judged = Judgement(
        source, *(getattr(judgement, n) for n in ("labels", "predicted", "confidence", "losses"))
    )
    from kitnet.look.report import _classes

    text = "".join(_classes(judged))
    assert "30 classes" in text and "Confusion matrix" not in text
    assert Page(text).tables[1] == [
        ["class", "taken for", "images"],
        *[["class0", "class1", "2"], ["class2", "class1", "2"], ["class1", "class2", "1"]],
    ]
