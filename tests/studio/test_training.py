"""A training that is driven from outside, and what it tells; without any page."""

import json
import threading
import time

import numpy as np
import pytest
from driven import MODEL, is_at_rest, until
from safetensors.numpy import load_file

from kitnet.base.error import KitnetError
from kitnet.layers import Context
from kitnet.look import matrix
from kitnet.net import Tape
from kitnet.net.objective import goals_of, with_goals
from kitnet.studio.board import MOST, Board, Frames
from kitnet.studio.curve import Curve
from kitnet.studio.server import Server
from kitnet.studio.training import Training
from kitnet.studio.wishes import ANEW, BACK, STOP, Wishes
from kitnet.train import Model, Settings, resume, train
from kitnet.train.judgement import judge


def frames_of(client, kind):
    return [frame for frame in client.take() if frame["kind"] == kind]


def steps(training, count):
    """Do so many steps, each alone."""
    for _ in range(count):
        done = training.loop.run.steps_done(training.loop.progress)
        training.step()
        until(lambda done=done: training.loop.run.steps_done(training.loop.progress) > done)
        until(lambda: is_at_rest(training))


def test_it_waits_steps_and_pauses(make):
    training = make()
    client = training.board.join()
    assert training.loop.run.steps_done(training.loop.progress) == 0
    steps(training, 3)
    assert (training.loop.progress.epoch, training.loop.progress.step) == (0, 3)
    told = frames_of(client, "step")
    assert [frame["done"] for frame in told] == [1, 2, 3]
    training.start()
    until(lambda: training.loop.progress.epoch >= 2)
    training.pause()
    until(lambda: is_at_rest(training))
    place = training.loop.run.steps_done(training.loop.progress)
    time.sleep(0.1)
    assert training.loop.run.steps_done(training.loop.progress) == place


def test_the_curve_has_the_means_of_all_steps(make):
    training = make(epochs=2)
    client = training.board.join()
    steps(training, 4)
    training.start()
    until(lambda: training.state == "ended")
    (_, *told) = [frame["points"] for frame in [*client.take()] if frame["kind"] == "curve"] or [[]]
    points = training.course.telling._curve.points
    assert told == [] and points[-1][0] == 14  # steps done
    rows = training.loop.progress.rows
    for number, row in enumerate(rows):
        some = [point for point in points if 7 * number < point[0] <= 7 * number + 7]
        assert sum(point[1] for point in some) == 100
        assert sum(p[1] * p[2] for p in some) / 100 == pytest.approx(row.train_loss, rel=1e-12)
        assert sum(p[1] * p[3] for p in some) / 100 == pytest.approx(row.train_accuracy, rel=1e-12)
    assert [point[2] for point in training.course.telling._epochs.points] == [row.train_loss for row in rows]


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_what_is_seen_is_what_trains(make, engine):
    """Values by the formulas, gradients and updates of the step, scores of the model."""
    training = make(engine=engine, average=0.5)
    client = training.board.join()
    steps(training, 3)
    loop, run = training.loop, training.loop.run
    before = {path: view.copy() for path, view in run.model.net.weights.items()}
    training.look(2)
    until(lambda: any(f["kind"] == "look" and f["picture"] == 2 for f in list(client._frames)))
    steps(training, 1)
    look = frames_of(client, "look")[-1]
    assert (look["done"], look["updated"], look["picture"]) == (4, 4, 2)
    net, part = run.model.net, run.parts.test
    images, labels = part.read(np.arange(12))
    pictures = frames_of(training.board.join(), "pictures")[0]
    assert pictures["part"] == "test" and pictures["labels"] == labels.tolist()
    for layer in look["layers"]:
        for one in layer["parameters"]:
            path = f"{layer['path']}.{one['name']}"
            w, dw = net.weights[path].astype(float), loop.step_of.gradient[path].astype(float)
            assert one["length"] == pytest.approx(np.linalg.norm(w))
            assert one["ratio"] == pytest.approx(np.linalg.norm(w - before[path]) / np.linalg.norm(w))
            assert one["gradient"]["std"] == pytest.approx(dw.std())
            assert (one["gradient"]["min"], one["gradient"]["max"]) == (dw.min(), dw.max())
            assert sum(one["weights"]["bins"]) == w.size
    with loop.judged():  # what is averaged is what a saved model has
        x = run.model.preparation.prepare(images)
        tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x})
        for layer in look["layers"]:
            value = tape[layer["path"]][2:3]
            assert layer["shape"] == list(value.shape[1:])
            assert layer["values"]["mean"] == pytest.approx(float(value.mean(dtype=float)), abs=1e-5)
            assert layer["values"]["max"] == pytest.approx(float(value.max()), rel=1e-4, abs=1e-6)
        (goal,) = goals_of(net.graph, run.model.losses)
        operands = {"input": x[2:3], goal.target: goal.spread(labels[2:3], np.float32)}
        tape_of_one = Tape(with_goals(net.graph, [goal]), net.weights, net.state, Context(), operands)
        back = tape_of_one.backward({goal.path: np.ones(1, np.float32)})
        for layer in look["layers"]:
            dy, told = back[layer["path"]].astype(float), layer["gradient"]
            found, scale = [told[name] for name in ("mean", "std", "min", "max")], np.abs(dy).max()
            assert found == pytest.approx(
                [dy.mean(), dy.std(), dy.min(), dy.max()], rel=1e-4, abs=1e-5 * scale
            )
            assert (layer["gradients"] is None) == (dy.ndim == 2)
        assert look["times"]["samples"] == 16 and {*look["times"]["ways"]} == {
            "forward",
            "backward",
            "update",
        }
        assert all(took > 0 for took in look["times"]["ways"].values())
        assert ("conv1" in look["times"]["layers"]) == (engine == "compiled")
        probabilities = run.model.loss.probabilities(tape.output)
        for row, top in zip(probabilities, look["top"], strict=True):
            assert [k for k, _ in top] == np.argsort(-row, kind="stable")[:3].tolist()
            assert [share for _, share in top] == pytest.approx(np.sort(row)[::-1][:3].tolist(), rel=1e-4)
        model = run.model
        model.refresh()
        found = judge(model, part)
    assert look["judged"]["matrix"] == matrix(found.labels, found.predicted, 10).tolist()
    assert look["judged"]["accuracy"] == found.accuracy
    assert len(look["judged"]["mistakes"]) == min(8, int((found.labels != found.predicted).sum()))


def test_a_strip_has_the_numbers_of_its_maps():
    import base64

    from kitnet.studio.numbers import strip

    maps = np.random.default_rng(0).normal(size=(60, 40, 20)).astype(np.float32)
    found = strip(maps)
    assert (found["count"], found["height"], found["width"], found["left_out"]) == (16, 20, 14, 4)
    bytes_ = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8).reshape(16, 20, 14)
    shown = maps[::3, ::3, :16].transpose(2, 0, 1)
    least, largest = found["least"], found["largest"]
    assert (least, largest) == (shown.min(), shown.max())
    assert np.abs(least + bytes_ / 255 * (largest - least) - shown).max() <= (largest - least) / 510 + 1e-6


def test_changes_are_those_of_the_run(make):
    training = make()
    client = training.board.join()
    steps(training, 1)
    training.change({"lr": 0.5, "batch": 20})
    steps(training, 2)
    assert frames_of(client, "changes")[-1]["changes"] == [{"done": 1, "numbers": {"lr": 0.5, "batch": 20}}]
    text = (training.folder / "changes.jsonl").read_text()
    assert json.loads(text) == {"epoch": 1, "step": 1, "lr": 0.5, "batch": 20}
    late = training.board.join()  # a page that is opened later
    (settings,) = frames_of(late, "settings")
    assert settings["numbers"] == {"lr": 0.5, "momentum": 0.9, "decay": 0.0, "batch": 16}
    steps(training, 5)
    (settings,) = frames_of(training.board.join(), "settings")
    assert settings["numbers"]["batch"] == 16  # of the epoch that has just ended
    steps(training, 1)
    assert training.loop.run.loader.batch == 20


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"lr": "0.1"}, "what is changed are numbers: lr, momentum, decay, batch, the batch a whole one"),
        ({"lr": True}, "what is changed are numbers: lr, momentum, decay, batch, the batch a whole one"),
        ({"batch": 2.5}, "what is changed are numbers: lr, momentum, decay, batch, the batch a whole one"),
        ({"seed": 1}, "what is changed are numbers: lr, momentum, decay, batch, the batch a whole one"),
        ({"momentum": 1.0}, "a momentum of 1 is not possible; use 0 or more, and less than 1"),
    ],
)
def test_changes_that_are_none(make, numbers, message):
    training = make()
    with pytest.raises(KitnetError) as error:
        training.change(numbers)
    assert str(error.value) == message


def test_stopped_it_goes_on_to_the_same_bits(make, tmp_path):
    """Paused, changed, stopped and resumed in the studio, and then by the command."""
    training = make(epochs=3)
    steps(training, 2)
    training.change({"lr": 0.2})
    steps(training, 1)
    training.stop()
    assert training.state == "stopped"
    again = make(Training.resumed(training.folder))
    assert frames_of(again.board.join(), "curve")[0]["points"][-1][0] == 3
    steps(again, 2)
    again.stop()
    list(resume(training.folder))

    whole = make(epochs=3)
    steps(whole, 2)
    whole.change({"lr": 0.2})
    whole.start()
    until(lambda: whole.state == "ended")
    for name in ("best.safetensors", "last.safetensors"):
        assert (whole.folder / name).read_bytes() == (training.folder / name).read_bytes()


def test_back_to_the_checkpoint(make):
    training = make()
    steps(training, 8)  # one epoch and a step
    start = load_file(max(training.folder.glob("checkpoint-*")))
    training.change({"lr": 0.3})
    steps(training, 2)
    training.back()
    until(lambda: training.loop is not None and training.loop.progress.epoch == 1)
    until(lambda: is_at_rest(training) and training.loop.progress.step == 0)
    for path, view in training.loop.run.model.net.weights.items():
        assert (view == start[f"weights/{path}"]).all()
    assert training.loop.run.settings.lr == 0.05
    assert (training.folder / "changes.jsonl").read_text() == ""
    assert [f["changes"] for f in frames_of(training.board.join(), "changes")] == [[]]
    steps(training, 1)
    assert frames_of(training.board.join(), "curve")[0]["points"][-1][0] == 8


def test_a_run_without_steps_leaves_nothing(make, tmp_path):
    training = make()
    folder = training.folder
    assert folder.is_dir()
    training.stop()
    assert not folder.exists() and training.folder is None and training.state == "stopped"
    assert not (tmp_path / "runs" / "latest").is_symlink()


def test_a_resumed_run_without_steps_stays(make, tmp_path):
    training = make()
    steps(training, 1)
    training.stop()
    files = {path: path.read_bytes() for path in training.folder.glob("*.safetensors")}
    again = make(Training.resumed(training.folder))
    again.stop()
    assert again.folder == training.folder
    assert {path: path.read_bytes() for path in training.folder.glob("*.safetensors")} == files


def test_a_lost_loss_is_told_and_can_be_gone_back_from(make):
    training = make(lr=1e30, engine="formula")
    training.start()
    until(lambda: training.state == "failed")
    assert "try a smaller --lr than 1e+30" in training.error
    (state,) = frames_of(training.board.join(), "state")
    assert state == {
        "kind": "state",
        "state": "failed",
        "error": training.error,
        "folder": str(training.folder),
    }
    training.back()
    until(lambda: training.state == "paused")
    assert training.loop.run.steps_done(training.loop.progress) == 0


def test_data_that_are_not_there(make):
    training = make(data="/nowhere")
    assert training.state == "failed" and training.error.startswith("/nowhere: ")
    with pytest.raises(KitnetError) as error:
        training.back()
    assert str(error.value) == "there is no checkpoint to go back to now"
    training.stop()
    assert training.folder is None


def test_a_network_that_gives_its_input_is_refused(make, tmp_path):
    training = make(model="8x8x1 -> fc20 -> relu -> fc64", target="input", engine="formula")
    assert (training.state, training.error) == (
        "failed",
        "the studio shows networks that tell classes; train one that gives its input with kitnet train",
    )
    assert not [*(tmp_path / "runs").iterdir()]


def test_another_network_keeps_the_weights_that_fit(make):
    training = make()
    steps(training, 2)
    first = training.folder
    for line, message in {
        "8x8x1 -> fc7": "the network ends in 7 but",
        "8x8x1 -> cnv3-4": "unknown layer 'cnv' (did you mean 'conv'?)",
    }.items():
        with pytest.raises(KitnetError) as error:
            training.anew(line)
        assert str(error.value).startswith(message)
    kept = training.loop.run.model.net.weights["conv1.weight"].copy()
    training.anew("8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc20 -> relu -> fc10")
    until(lambda: training.folder != first and is_at_rest(training))
    net = training.loop.run.model.net
    assert (net.weights["conv1.weight"] == kept).all() and net.weights["fc1.weight"].shape == (64, 20)
    assert (first / "last.safetensors").is_file()
    notes = frames_of(training.board.join(), "notes")[0]["texts"]
    assert "new are fc1.weight, fc1.bias, fc2.weight, fc2.bias" in notes[-1]
    assert Model.verify(first) == (8, 0.0)


def test_after_a_stop_nothing_begins():
    wishes = Wishes()
    wishes.wish(BACK)
    assert wishes.take() == (BACK, False, False)
    wishes.wish(STOP)
    wishes.wish(ANEW)
    assert wishes.take().wish == STOP and wishes.wait_after_the_end(None).wish == STOP


def test_a_client_that_does_not_read_loses_frames_alone():
    board = Board()
    board.publish("state", state="paused")
    reads, sleeps = board.join(), board.join()
    seen = []
    for number in range(10 * MOST):
        board.add("step", number=number)
        seen += reads.take()
    late = sleeps.take()
    assert [f["number"] for f in seen[1:]] == list(range(10 * MOST)) and reads.lost == 0
    assert len(late) == MOST and late[-1]["number"] == 10 * MOST - 1 and sleeps.lost == 9 * MOST + 1
    board.add("step", number=0)
    assert not board.is_read and sleeps.take() and not board.is_read and reads.take() and board.is_read
    board.leave(sleeps)
    board.add("step", number=0)
    assert sleeps.take() == [] and board.has_clients


def test_a_server_that_ends_tells_it_first():
    training = Training.of(Settings())
    server, heard = Server(training), []
    server.open()
    frames = training.board.join()
    closing = threading.Thread(target=server.close, args=("kitnet studio runs/net-1",))
    closing.start()
    until(lambda: heard.extend(frames.take()) or any(frame["kind"] == "over" for frame in heard))
    closing.join()
    assert heard[-1] == {"kind": "over", "again": "kitnet studio runs/net-1"}


def test_frames_have_an_order_and_an_end():
    frames = Frames(2)
    for number in range(3):
        frames.put({"number": number})
    assert (frames.take(), frames.take(), frames.lost) == ([{"number": 1}, {"number": 2}], [], 1)


def test_a_curve_is_bounded_and_keeps_its_means():
    curve, values = Curve(10), np.random.default_rng(0).normal(size=101).tolist()
    numbers = [curve.add((i + 1, i + 1, value, None)) for i, value in enumerate(values)]
    points = curve.points
    assert len(points) <= 10 and numbers.count(None) > 5 and numbers[:10] == list(range(10))
    assert sum(p[1] for p in points) == 101 * 102 / 2 and points[-1][0] == 101
    mean = sum(p[1] * p[2] for p in points) / sum(p[1] for p in points)
    assert mean == pytest.approx(sum((i + 1) * v for i, v in enumerate(values)) / (101 * 102 / 2))
    assert {p[3] for p in points} == {None}


def test_trained_in_the_studio_or_by_the_command_the_bits_are_the_same(make, easy, tmp_path):
    from kitnet.train import Settings

    training = make(epochs=2)
    client = training.board.join()
    training.start()
    until(lambda: training.state == "ended")
    assert client.take()
    told = {"model": MODEL, "data": easy, "epochs": 2, "batch": 16, "validation": 0.0}
    folder = list(train(Settings(**told, runs=str(tmp_path / "other"))))[-1].folder
    assert (folder / "last.safetensors").read_bytes() == (training.folder / "last.safetensors").read_bytes()
