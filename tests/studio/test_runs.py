"""The room of runs and data asks; all that it is told is what `kitnet report` and `kitnet data` say."""

import base64
import io
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from driven import MODEL, is_at_rest, until
from PIL import Image
from starlette.testclient import TestClient

from kitnet.base.error import KitnetError
from kitnet.data import Augmentation, load
from kitnet.data.doctor import contact_sheet, contact_sheets, examine
from kitnet.files import Lock
from kitnet.look import Record, class_scores, curves, matrix, worst
from kitnet.look.judgement import judged
from kitnet.studio.app import studio
from kitnet.studio.background import MOST, Background
from kitnet.studio.training import Training
from kitnet.train import Finished, Settings, train

PORT = 18081


def trained(easy, runs, name, **more):
    usual = {"model": MODEL, "data": easy, "epochs": 3, "batch": 20, "validation": 0.2, "engine": "formula"}
    assert isinstance(list(train(Settings(runs=str(runs), name=name, **usual | more)))[-1], Finished)


@pytest.fixture(scope="module")
def runs(easy, tmp_path_factory):
    """A folder with two runs that have ended, one that was stopped, and one that is broken."""
    folder = tmp_path_factory.mktemp("runs")
    trained(easy, folder, "first-1")
    trained(easy, folder, "second-1", lr=0.2, augment="crop1", epochs=2)
    events = train(Settings(MODEL, easy, runs=str(folder), name="third-1", engine="formula", validation=0.2))
    next(event for event in events if type(event).__name__ == "Stepped")
    events.close()
    (folder / "broken-1").mkdir()
    (folder / "broken-1" / "args.toml").write_text("model = 3")
    for number, name in enumerate(("first-1", "second-1", "third-1", "broken-1")):
        os.utime(folder / name / "args.toml", (number, number))
    return folder


@pytest.fixture
def ask(runs):
    """Asks a studio that goes on with the run that was stopped, and has not begun yet."""
    training = Training.resumed(runs / "third-1")
    training.course.folder = runs / "third-1"
    guard = studio(training, PORT)
    client = TestClient(guard, base_url=guard.origin, follow_redirects=False)
    client.get(f"/?token={guard.token}")

    def asked(path, body, status=200):
        answer = client.post(path, json=body, headers={"origin": guard.origin})
        assert answer.status_code == status
        return answer.json()

    return asked


def answered(ask, path, body):
    """What is told at last."""
    found = []
    until(lambda: found.append(ask(path, body)) or "done" not in found[-1])
    return found[-1]


def test_the_list_has_what_the_folders_have(ask, runs):
    told = ask("/runs", {})
    assert told["folder"] == str(runs) and told["left_out"] == 0
    broken, third, second, first = told["runs"]  # the newest first; no link
    assert broken == {
        "name": "broken-1",
        "broken": f"{runs / 'broken-1' / 'args.toml'}: model is 3; expected a text in quotes",
    }
    assert (third["name"], third["here"], third["state"], third["epochs"]) == ("third-1", True, "here", 0)
    assert (third["best"], third["part"], third["test"]) == (None, None, None)
    record = Record.read(runs / "first-1")
    assert first == {
        "name": "first-1",
        "here": False,
        "network": record.summary["network"],
        "data": record.settings.data,
        "state": "ended",
        "epochs": 3,
        "of": 3,
        "part": "val",
        "best": max(record.column("val_accuracy")),
        "test": record.summary["test_accuracy"],
    }
    assert (second["epochs"], second["of"]) == (2, 2)


def test_a_run_that_others_train_is_told(ask, runs):
    copy = shutil.copytree(runs / "third-1", runs / "fourth-1")
    try:
        with Lock(copy):
            states = {one["name"]: one.get("state") for one in ask("/runs", {})["runs"]}
        assert states["fourth-1"] == "elsewhere"
        states = {one["name"]: one.get("state") for one in ask("/runs", {})["runs"]}
        assert states["fourth-1"] == "stopped"
    finally:
        shutil.rmtree(copy)


def test_runs_are_compared_as_in_a_report(ask, runs):
    names = ["second-1", "first-1"]
    told = ask("/compare", {"runs": names})
    records = [Record.read(runs / name) for name in names]
    assert told["names"] == names and told["held_out"] == ["val", "val"]
    for what in ("loss", "accuracy"):
        assert told["curves"][what] == [one._asdict() for one in curves(records, names, what)]
        assert [(one["number"], one["dashed"]) for one in told["curves"][what]] == [
            (0, True),
            (0, False),
            (1, True),
            (1, False),
        ]
    assert told["results"]["test_accuracy"] == [record.summary["test_accuracy"] for record in records]
    assert "test_elbo" not in told["results"]
    differing = {row[0]: row[1:] for row in told["differing"]}
    assert differing["--lr"] == ["0.2", f"{records[1].settings.lr:g}"]
    assert differing["--epochs"] == ["2", "3"] and differing["--augment"][0] == "crop1"
    assert ["--batch", "20"] in told["alike"] and not {row[0] for row in told["alike"]} & differing.keys()
    alone = ask("/compare", {"runs": ["first-1"]})
    assert alone["differing"] == [] and ["--lr", differing["--lr"][1]] in alone["alike"]


def test_a_run_is_judged_as_in_a_report(ask, runs):
    told = answered(ask, "/judged", {"run": "first-1"})
    found = judged(Record.read(runs / "first-1"))[1]
    assert told["part"] == "test" and told["classes"] == list(found.classes)
    assert told["judged"]["images"] == 40
    assert told["judged"]["accuracy"] == pytest.approx(found.accuracy)
    assert told["judged"]["matrix"] == matrix(found.labels, found.predicted, 10).tolist()
    scores = class_scores(found.labels, found.predicted, found.classes)
    assert told["scores"] == [[one.name, one.precision, one.recall, one.support] for one in scores]
    assert sum(images for *_, images in told["confused"]) == (found.labels != found.predicted).sum()
    assert [one["loss"] for one in told["judged"]["mistakes"]] == pytest.approx(
        [one.loss for one in worst(found)], rel=1e-4
    )
    assert ask("/judged", {"run": "first-1"}) == told  # at once


def test_data_are_told_as_kitnet_data_tells_them(ask, runs, easy):
    told = answered(ask, "/data", {"run": "second-1"})
    settings = Record.read(runs / "second-1").settings
    parts = load(easy, validation=0.2)
    report = examine(parts)
    assert told["name"] == report.name and list(told["parts"]) == ["train", "validation", "test"]
    for name, part in report.parts.items():
        shown = told["parts"][name]
        assert shown["counts"] == part.classes and shown["images"] == part.pictures == sum(part.classes)
        assert (shown["mean"], shown["deviation"]) == (list(part.mean), list(part.deviation))
        assert shown["sizes"] == [[[8, 8, 1], part.pictures]] and shown["broken"] == {"all": 0, "first": []}
    assert told["duplicates"]["first"] == [each._asdict() for each in report.duplicates]
    sheets = contact_sheets(parts.train, Augmentation.parse("crop1"), settings.seed)
    shown = [Image.open(io.BytesIO(base64.b64decode(one.partition(",")[2]))) for one in told["sheets"]]
    assert len(shown) == 2 and told["augment"] == "crop1"
    assert all((np.asarray(a) == b).all() for a, b in zip(shown, sheets, strict=True))
    assert (sheets[0] != sheets[1]).any()
    both = contact_sheet(parts.train, Augmentation.parse("crop1"), settings.seed)
    width = sheets[0].shape[1]
    assert (both[:, :width] == sheets[0]).all() and (both[:, -width:] == sheets[1]).all()
    plain = answered(ask, "/data", {"run": "first-1"})
    assert len(plain["sheets"]) == 1 and plain["augment"] is None


def test_broken_and_double_images_are_named(make, tmp_path):
    data = tmp_path / "pictures"
    rng = np.random.default_rng(0)
    for part, each in (("train", 4), ("test", 2)):
        for label in ("cat", "dog"):
            (data / part / label).mkdir(parents=True)
            for i in range(each):
                pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(data / part / label / f"{i}.png")
    (data / "train" / "cat" / "bad.png").write_bytes(b"no picture")
    shutil.copy(data / "train" / "cat" / "0.png", data / "test" / "dog" / "0.png")
    training = make(model="8x8x3 -> conv3-2 same -> relu -> fc2", data=str(data), engine="formula", batch=4)
    guard = studio(training, PORT)
    client = TestClient(guard, base_url=guard.origin, follow_redirects=False)
    client.get(f"/?token={guard.token}")

    def ask(path, body):
        return client.post(path, json=body, headers={"origin": guard.origin}).json()

    told = answered(ask, "/data", {"run": training.folder.name})
    (reason,) = told["parts"]["train"]["broken"]["first"]
    assert "cat/bad.png" in reason and told["parts"]["train"]["counts"] == [4, 4]
    (double,) = told["duplicates"]["first"]
    assert double["picture"].endswith("dog/0.png") and double["train"].endswith("cat/0.png")
    assert (double["part"], double["same_class"]) == ("test", False)


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("/compare", {"runs": []}, "1 to 6 runs are compared, not 0"),
        ("/compare", {"runs": ["first-1"] * 7}, "1 to 6 runs are compared, not 7"),
        ("/judged", {"run": "../first-1"}, "{runs} has no run '../first-1' any more; list the runs again"),
        ("/data", {"run": "latest"}, "{runs} has no run 'latest' any more; list the runs again"),
        ("/compare", {"runs": [""]}, "{runs} has no run '' any more; list the runs again"),
    ],
)
def test_lines_of_runs_that_are_refused(ask, runs, path, body, line):
    assert ask(path, body) == {"error": line.format(runs=runs)}


def test_what_no_page_sends(ask):
    for path, body, line in (
        ("/runs", {"all": 1}, "runs needs nothing"),
        ("/compare", {"runs": "first-1"}, "compare needs another runs"),
        ("/compare", {"runs": [1]}, "compare needs another runs"),
        ("/judged", {"run": 1}, "judged needs another run"),
        ("/data", {}, "data needs run"),
    ):
        assert ask(path, body, 400) == {"error": line}


def test_long_answers_are_worked_out_once_and_mistakes_are_tried_again():
    background, go, calls = Background(), threading.Event(), []

    def work(progress):
        calls.append(1)
        progress(3, 7)
        go.wait(10)
        return {"answer": 42}

    until(lambda: background.ask("a", work) == {"done": 3, "all": 7})
    go.set()
    until(lambda: background.ask("a", work) == {"answer": 42})
    assert calls == [1]

    def fails(progress):
        calls.append(2)
        raise KitnetError("no")

    for _ in range(2):
        with pytest.raises(KitnetError, match=r"^no$"):
            until(lambda: background.ask("b", fails) is None)
    assert calls == [1, 2, 2]
    for i in range(MOST + 3):
        until(lambda i=i: background.ask(i, lambda progress, i=i: {"is": i}) == {"is": i})
    assert len(background._jobs) <= MOST + 1


def test_a_run_that_has_ended_is_shown(runs, make, tmp_path):
    """As it was when it had ended: with its curves, summary, confusion and mistakes; nothing is written."""
    folder = shutil.copytree(runs / "second-1", tmp_path / "second-1")
    shutil.copy(runs / "first-1" / "best.safetensors", folder)  # another one than the last
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    training = make(Training.reopened(folder))
    until(lambda: training.state == "ended")
    frames = {frame["kind"]: frame for frame in training.board.join().take()}
    record = Record.read(folder)
    assert frames["summary"]["numbers"] == json.loads((folder / "summary.json").read_text())
    points = frames["epochs"]["points"]
    assert [point[2] for point in points] == pytest.approx(record.column("train_loss"), rel=1e-5)
    assert [point[5] for point in points] == pytest.approx(record.column("val_accuracy"), rel=1e-5)
    assert len(frames["curve"]["points"]) > 0
    told = frames["run"]
    assert (told["epoch"], told["epochs"], told["first_step"]) == (2, 2, told["steps"])
    assert frames["look"]["judged"]["images"] == 20 and len(frames["look"]["layers"]) == 4
    training.look(3)
    until(lambda: training.board.join().take()[-1].get("picture") == 3)
    best = training.loop.run.model.net.weights
    from kitnet.train import Model

    saved = Model.load(folder).net.weights
    assert all((best[path] == saved[path]).all() for path in saved)
    training.stop()
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_only_a_run_that_has_ended_is_reopened(runs, make):
    training = make(Training.reopened(runs / "third-1"))
    until(lambda: is_at_rest(training))
    assert training.state == "failed"
    assert training.error == f"{runs / 'third-1'}: this run has not ended yet; go on with it"
    assert not (Path(runs) / "third-1" / ".lock").exists()
