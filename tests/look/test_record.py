"""Run folders as they are read, and files in them that are none."""

import pytest

from kitnet.base.error import RunError
from kitnet.look import Record
from kitnet.look import record as module


def test_a_run_folder(ran):
    record = Record.read(ran)
    assert record.name == "net-1" and record.settings.epochs == 3
    assert record.epochs == [1, 2, 3] and len(record.column("train_loss")) == 3
    assert record.column("other") == [] and record.held_out in ("val", "test")
    assert record.summary["epochs"] == 3


def test_a_link_is_the_run_that_it_points_to(ran):
    record = Record.read(ran.parent / "latest")
    assert (record.path, record.name) == (ran, "net-1")


def test_a_run_before_its_first_epoch(write_run):
    record = Record.read(write_run("net-1"))
    assert (record.columns, record.epochs, record.summary, record.held_out) == ({}, [], {}, "")


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("epoch,train_accuracy,val_loss,val_accuracy\n1,0.5,1,0.7\n2,0.9,1,0.6\n", ("val", 0.7)),
        ("epoch,train_accuracy,val_loss,val_accuracy\n1,0.5,,\n2,0.4,,\n", ("train", 0.5)),
        ("epoch,train_loss,val_loss\n1,0.5,1\n", None),
        (None, None),
    ],
)
def test_the_best_accuracy(write_run, text, best):
    assert Record.read(write_run("net-1", text)).best == best


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("epoch,a\n1,x\n", "line 2: a is 'x'; expected a number below 1e+100"),
        ("epoch,a\n1,2\n2,nan\n", "line 3: a is 'nan'; expected a number below 1e+100"),
        ("epoch,a\n1,-1e200\n", "line 2: a is '-1e200'; expected a number below 1e+100"),
        ("epoch,a\n1,1e999\n", "line 2: a is '1e999'; expected a number below 1e+100"),
        ("epoch,\x1b[2J\n1,x\n", "line 2: \\x1b[2J is 'x'; expected a number below 1e+100"),
        ("epoch,a\n1\n", "line 2 has 1 values; expected 2"),
        ("a,b\n1,2\n", "its first line names no column epoch, or one twice; give a run of kitnet"),
        ("epoch,a,a\n1,2,3\n", "its first line names no column epoch, or one twice; give a run of kitnet"),
        ('epoch,"a\n', "not the results of a run (unexpected end of data)"),
    ],
)
def test_results_that_are_none(write_run, text, reason):
    folder = write_run("net-1", text)
    with pytest.raises(RunError) as caught:
        Record.read(folder)
    assert str(caught.value) == f"{folder}/results.csv: {reason}"


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_summaries_that_are_none(write_run, text):
    folder = write_run("net-1", "epoch\n1\n", text)
    with pytest.raises(RunError) as caught:
        Record.read(folder)
    assert str(caught.value) == f"{folder}/summary.json: not the summary of a run; give a run of kitnet"


def test_files_that_are_no_text_or_too_long(write_run, monkeypatch):
    folder = write_run("net-1", "epoch\n1\n")
    (folder / "results.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(RunError) as caught:
        Record.read(folder)
    assert str(caught.value) == (
        f"{folder}/results.csv: not UTF-8, as kitnet writes it; give a run of kitnet"
    )
    (folder / "results.csv").write_text("epoch\n" + "1\n" * 60)
    monkeypatch.setattr(module, "LARGEST", 100)
    with pytest.raises(RunError) as caught:
        Record.read(folder)
    assert str(caught.value) == f"{folder}/results.csv: larger than 100 bytes; give a run of kitnet"


def test_a_notebook_shows_the_epochs(write_run):
    results = "epoch,train_loss,val_loss\n1,2.25,\n2,1.0625,\n"
    shown = Record.read(write_run("<b>", results))._repr_html_()
    assert shown.startswith("<p><b>&lt;b&gt;</b> <code>8x8x1 -&gt; conv3-4 same")
    assert '<tr><td>2</td><td class="right">1.062</td></tr>' in shown and "val_loss" not in shown
    assert Record.read(write_run("new"))._repr_html_().endswith("</code></p>")
