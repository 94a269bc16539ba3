"""What a run writes down of itself: metrics.jsonl, env.json, event files, runs/latest."""

import csv
import getpass
import json
import math
import platform
import re
import shutil
import struct
import threading
from io import FileIO
from pathlib import Path

import numpy as np
import pytest

from kitnet.base.error import RunError
from kitnet.train import EpochEnded, Ready, Started, Stepped, Warned, resume, train
from kitnet.train.folder import RunFolder
from kitnet.train.loop import LINES
from kitnet.train.records import document, lines_until, tag
from kitnet.train.saves import Saves


@pytest.fixture
def told(settings):
    """Settings of a run by the formulas, of a few steps an epoch."""
    return lambda **other: settings(**{"engine": "formula", **other})


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def unhurried(found):
    """Lines without the speed."""
    return [{n: x for n, x in line.items() if n not in ("images_per_second", "seconds")} for line in found]


def within(folder):
    """The lines within epochs, without the speed."""
    return unhurried(line for line in lines(folder) if "loss" in line)


def run(events):
    events = list(events)
    (folder,) = [event.folder for event in events if isinstance(event, Started)]
    return events, folder


# metrics.jsonl


def test_a_line_an_interval_and_an_epoch(told):
    events, folder = run(train(told(schedule="linear", lr=0.1)))
    found, n = lines(folder), events[0].steps
    assert [line["step"] for line in found] == [*range(1, n + 1), n, *range(n + 1, 2 * n + 1), 2 * n]
    seen = [event.samples for event in events if isinstance(event, Stepped)][:n]
    assert seen[-1] == events[0].samples < 16 * n  # the last batch is a small one
    sizes = np.diff(seen, prepend=0)
    for epoch, row in enumerate(csv.DictReader((folder / "results.csv").read_text().splitlines())):
        *parts, whole = found[(n + 1) * epoch : (n + 1) * (epoch + 1)]
        for what in ("loss", "accuracy"):
            mean = np.average([part[what] for part in parts], weights=sizes)
            assert mean == pytest.approx(float(row[f"train_{what}"]), rel=1e-5)
        numbers = {name: float(value) for name, value in row.items() if value}
        assert {name: whole[name] for name in numbers} == pytest.approx(numbers, rel=1e-5)
        # of the last step that is done; the steps lead from 0.1 to 0
        rates = [0.1 * (1 - step / (2 * n - 1)) for step in range(n * epoch, n * epoch + n)]
        assert [part["rate"] for part in parts] == pytest.approx(rates)
        assert whole["rate"] == pytest.approx(rates[-1])
    assert all(line["images_per_second"] > 0 for line in found)


def test_intervals_are_parts_of_an_epoch(told):
    events, folder = run(train(told(batch=2, epochs=1)))
    steps = [line["step"] for line in within(folder)]
    assert len(steps) == LINES and steps[-1] == events[0].steps > 2 * LINES
    assert set(np.diff(steps, prepend=0)) <= {2, 3}


def test_a_run_that_goes_on_has_each_line_once(told):
    _, whole = run(train(told(name="whole")))
    stop, where, steps = threading.Event(), None, 0
    for event in train(told(name="broken"), stop):
        if isinstance(event, Started):
            where, steps = event.folder, event.steps
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    next_step = steps + 4
    with (where / "metrics.jsonl").open(
        "a"
    ) as file:  # as if it had been killed later, in the midst of a line
        file.write(f'{{"step": {next_step}, "epoch": 2, "loss": 9.0}}\n{{"step": {next_step + 1}, "ep')
    run(resume(where))
    assert within(where) == within(whole)


def test_a_run_that_stops_between_two_lines(told):
    """The mean goes on over the steps before the break."""
    _, whole = run(train(told(batch=2, epochs=1, name="whole")))
    stop, where = threading.Event(), None
    for event in train(told(batch=2, epochs=1, name="broken"), stop):
        where = event.folder if isinstance(event, Started) else where
        if isinstance(event, Stepped) and event.step == 24:
            assert event.recent is None
            stop.set()
    run(resume(where))
    assert within(where) == within(whole)


def test_no_line_is_lost_between_a_row_and_its_save(told, monkeypatch):
    """Killed when the epoch's row was told but its checkpoint not written, or just after that."""
    _, whole = run(train(told(name="whole")))
    for when in ("before", "after"):

        def save(saves, training, progress, step, save=Saves.save, when=when):
            if when == "after" or not step:
                save(saves, training, progress, step)
            if step:
                raise RuntimeError("killed")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(Saves, "save", save)
            list(train(told(name=when)))
        _, where = run(resume(whole.parent / f"{when}-1"))
        assert unhurried(lines(where)) == unhurried(lines(whole))


def test_lines_that_are_none_are_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b'{"step": 1}\n[1]\n{"step": "2"}\n\xff\n{"other": 1}\n{"step": 4}\n{"step": 3}\n' + b"[" * 9999
    )
    assert lines_until(path, 3) == ['{"step": 1}\n', '{"step": 3}\n']


def test_no_number_that_json_does_not_know(told):
    assert json.loads(document({"a": math.nan, "b": math.inf, "c": 1.5, "d": "x", "e": None})) == {
        **{"a": None, "b": None, "c": 1.5, "d": "x", "e": None}
    }


def test_a_full_disk_is_an_error(told, monkeypatch):
    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kitnet.train.records.FileIO", type("Full", (FileIO,), {"write": full}))
    with pytest.raises(RunError) as caught:
        list(train(told()))
    folder = Path(told().runs) / "net-1"
    assert str(caught.value) == (
        f"{folder}/metrics.jsonl: cannot be written (No space left on device); everything up to step 0 is "
        f"saved: once there is room, go on with kitnet train --resume {folder}"
    )
    assert not (folder / ".lock").exists()


# env.json


def test_what_the_machine_is(told):
    _, folder = run(train(told(epochs=1)))
    text = (folder / "env.json").read_text()
    found = json.loads(text)
    assert found["python"] == platform.python_version() and found["numpy"] == np.__version__
    assert found["engine"] == "formula" and found["cores"] >= 1
    private = {platform.node(), getpass.getuser(), str(Path.home()), str(Path.cwd())} - {"", "/", "root"}
    assert not [word for word in private if re.search(rf"\b{re.escape(word)}\b", text)]


def test_the_processor_of_compiled_code(settings):
    from kitnet.kernels.cpu import detect

    _, folder = run(train(settings(epochs=1, threads=1)))
    found = json.loads((folder / "env.json").read_text())
    assert (found["threads"], found["level"]) == (1, detect().level)
    assert set(found["features"]) == detect().features


# runs/latest


def latest(settings):
    return (Path(settings.runs) / "latest").readlink().name


def test_latest_is_the_run_that_was_trained_last(told):
    _, first = run(train(told(epochs=1)))
    assert latest(told()) == "net-1"
    run(train(told(epochs=1)))
    assert latest(told()) == "net-2"
    run(resume(first, epochs=2))
    assert latest(told()) == "net-1"
    assert not [path for path in first.parent.iterdir() if path.name.startswith(".")]


def test_the_link_is_followed_once(told):
    """Another run may take it over while this one is locked and trained."""
    _, folder = run(train(told(epochs=1)))
    opened, _ = RunFolder.open(folder.parent / "latest")
    assert opened.path == folder
    with opened.lock(), pytest.raises(RunError, match="is being trained already"):
        RunFolder(folder).lock()
    events, _ = run(resume(folder.parent / "latest", epochs=2))
    assert events[0].folder == folder


def test_a_file_of_that_name_stays(told):
    runs = Path(told().runs)
    runs.mkdir()
    (runs / "latest").write_text("mine")
    events, folder = run(train(told(epochs=1)))
    assert [event.text for event in events if isinstance(event, Warned)] == [
        f"{runs}/latest: cannot be made a link to net-1 (it is a file or folder of yours)"
    ]
    assert (runs / "latest").read_text() == "mine" and (folder / "summary.json").exists()


def test_without_links(told, monkeypatch):
    def refuse(*given, **named):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    events, folder = run(train(told(epochs=1)))
    assert [event.text for event in events if isinstance(event, Warned)] == [
        f"{folder.parent}/latest: cannot be made a link to net-1 (Operation not permitted)"
    ]
    assert (folder / "summary.json").exists()


def test_a_run_that_comes_to_nothing_is_not_the_last(told):
    _, first = run(train(told(epochs=1)))
    for given, left in ((None, "net-1"), (first, None)):
        for event in train(told(name="other")):
            if isinstance(event, Ready):
                assert latest(told()) == "other-1"
                if given is not None:
                    (first.parent / "latest").unlink()
                    (first.parent / "latest").symlink_to("elsewhere")  # another run took it over
                shutil.rmtree(first.parent / "other-1")
                break
        assert latest(told()) == (left or "elsewhere")


# TensorBoard


def events_of(path):
    """Wall time left out: (step, {tag: value}) or (step, kind) of each event, by a reader of its own."""
    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(_message(content[12 : 12 + length]))
        content = content[16 + length :]
    told = []
    for fields in found:
        summary = {}
        for value in fields.get(5, []):
            for each in _message(value)[1]:
                one = _message(each)
                summary[one[1][0].decode()] = one[2][0]
        told.append((fields.get(2, [0])[0], summary or ("version" if 3 in fields else "start")))
    return told


def _message(content):
    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = content[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    fields, at = {}, 0
    while at < len(content):
        field, kind = divmod(number(), 8)
        size = {0: 0, 1: 8, 5: 4}.get(kind)
        if kind == 0:
            value = number()
        else:
            size = number() if size is None else size
            value, at = content[at : at + size], at + size
            value = struct.unpack({1: "<d", 5: "<f"}[kind], value)[0] if kind != 2 else value
        fields.setdefault(field, []).append(value)
    return fields


def test_event_files_say_what_metrics_jsonl_says(told):
    _, folder = run(train(told(tensorboard=True, epochs=1)))
    run(resume(folder, epochs=2))
    first, second = sorted(folder.glob("events.out.tfevents.*"))
    assert events_of(first)[:2] == [(0, "version"), (0, "start")]
    done = lines(folder)[-1]["step"] // 2
    assert events_of(second)[:2] == [(0, "version"), (done, "start")]  # what was told of later steps is void
    written = [*events_of(first)[2:], *events_of(second)[2:]]
    for (step, numbers), line in zip(written, lines(folder), strict=True):
        numbers_of_line = {name: value for name, value in line.items() if value is not None}
        expected = {tag(name): numbers_of_line[name] for name in {*numbers_of_line} - {"step", "epoch"}}
        assert step == line["step"] and numbers == pytest.approx(expected, rel=1e-6)
    assert {"loss", "accuracy", "rate"} <= set(written[0][1])
    assert {"loss/train", "accuracy/train"} <= set(written[done][1])


def test_no_event_files_unless_asked(told):
    events, folder = run(train(told(epochs=1)))
    assert list(folder.glob("*tfevents*")) == []
    assert [type(event) for event in events].count(EpochEnded) == 1
