"""A run that was stopped goes on as if it had not been, and says why where it cannot."""

import csv
import json
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from patterns import patterns
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import kitnet
from kitnet.base.error import RunError
from kitnet.data import load
from kitnet.files import write_tensors
from kitnet.layers import Convolution, Linear
from kitnet.net import Graph
from kitnet.optim import Sgd
from kitnet.train import (
    EpochEnded,
    Finished,
    Model,
    Ready,
    Settings,
    Started,
    Stepped,
    Stopped,
    Warned,
    evaluate,
    resume,
    train,
)
from kitnet.train.checkpoint import Progress, Training, load_checkpoint, save_checkpoint
from kitnet.train.metrics import Score
from kitnet.train.saves import is_best

TIMES = {"seconds", "images_per_second"}


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def stopped(running, stop, epoch, step):
    """Run until that step, ask to stop there, and return the events."""
    events = []
    for event in running:
        events.append(event)
        if isinstance(event, Stepped) and (event.epoch, event.step) == (epoch, step):
            stop.set()
    return events


def begin(settings, epoch, step):
    stop = threading.Event()
    return stopped(train(settings, stop), stop, epoch, step)


def newest(folder):
    return max(folder.glob("checkpoint-*.safetensors"))


def same_files(one, two):
    for name in ("best.safetensors", "last.safetensors"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    assert newest(one).name == newest(two).name
    a, b = load_file(newest(one)), load_file(newest(two))  # their metadata have the seconds, too
    assert a.keys() == b.keys()
    for key in a:
        assert a[key].tobytes() == b[key].tobytes(), key


def table(folder):
    with (folder / "results.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


NORM = "8x8x1 -> conv3-4 same bias=no -> batchnorm -> relu -> dropout drop=0.2 -> maxpool2 -> fc10"


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_running_statistics_go_on_as_well(settings, engine):
    how = {"model": NORM, "engine": engine}
    whole = list(train(settings(**how)))
    folder = begin(settings(**how), 1, 3)[-1].folder
    assert isinstance(list(resume(folder))[-1], Finished)
    same_files(folder, whole[0].folder)
    saved = load_file(folder / "last.safetensors")
    assert saved["state/batchnorm1.mean"].any() and (saved["state/batchnorm1.var"] != 1).all()


@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (2, 3), (2, 7), (3, 6)])
def test_the_end_is_the_same_bit_by_bit(settings, epoch, step):
    """100 images in batches of 16 are 7 steps; (2, 7) is the end of an epoch."""
    whole = list(train(settings(epochs=3, decay=0.01)))
    events = begin(settings(epochs=3, decay=0.01), epoch, step)
    folder = events[-1].folder
    assert events[-1] == Stopped(folder, epoch, step)
    assert Model.verify(folder) == (8, 0.0)
    assert not (folder / "summary.json").exists()

    more = list(resume(folder))
    first = more[0]
    assert isinstance(first, Started) and isinstance(more[-1], Finished)
    expected = (epoch, step) if step < 7 else (epoch + 1, 0)
    assert (first.epoch, first.first_step) == expected
    same_files(whole[0].folder, folder)
    assert table(whole[0].folder) == table(folder)
    expected, found = whole[-1].summary, more[-1].summary
    assert {k: v for k, v in expected.items() if k not in TIMES} == {
        k: v for k, v in found.items() if k not in TIMES
    }
    # the rows of all epochs, with the means over all of their steps
    rows = [
        [replace(e, seconds=0, images_per_second=0) for e in some if isinstance(e, EpochEnded)]
        for some in (whole, [*events, *more])
    ]
    assert rows[0] == rows[1]


def test_a_stop_at_the_very_end_is_none(settings):
    events = begin(settings(epochs=2), 2, 7)
    assert isinstance(events[-1], Finished)


def test_several_stops(settings):
    whole = list(train(settings(epochs=2)))[-1].folder
    folder = begin(settings(epochs=2), 1, 2)[-1].folder
    for at in ((1, 3), (1, 6), (2, 1)):
        stop = threading.Event()
        assert stopped(resume(folder, stop=stop), stop, *at)[-1] == Stopped(folder, *at)
    list(resume(folder))
    same_files(whole, folder)


def test_time_goes_on_counting(settings):
    events = begin(settings(epochs=2), 2, 3)
    spent = next(e.seconds for e in events if isinstance(e, EpochEnded))
    more = list(resume(events[-1].folder))
    assert more[-1].summary["seconds"] > spent
    assert more[-1].summary["images_per_second"] == pytest.approx(200 / more[-1].summary["seconds"])


def test_more_epochs_than_were_asked_for(settings):
    whole = list(train(settings(epochs=4)))[-1].folder
    folder = list(train(settings(epochs=2)))[-1].folder
    events = list(resume(folder, epochs=4))
    assert events[0].epoch == 3 and events[0].epochs == 4
    same_files(whole, folder)
    assert table(whole) == table(folder)
    assert events[-1].summary["epochs"] == 4


def test_a_schedule_that_is_stretched_is_told(settings):
    """A line over 4 epochs is in its middle where one over 2 ends; drops count epochs and stay."""
    folder = list(train(settings(epochs=2, schedule="linear", lr=0.4)))[-1].folder
    texts = [event.text for event in resume(folder, epochs=4) if isinstance(event, Warned)]
    assert texts == [
        "the schedule linear is now one of 4 epochs, not of 2: the learning rate of the next step is 0.1926 "
        "in the place of 0"
    ]
    for schedule in ("constant", "drops at=1,3"):
        folder = list(train(settings(epochs=2, schedule=schedule)))[-1].folder
        assert not [event for event in resume(folder, epochs=4) if isinstance(event, Warned)]


def test_more_epochs_are_remembered_when_it_is_stopped_again(settings):
    folder = list(train(settings(epochs=1)))[-1].folder
    stop = threading.Event()
    stopped(resume(folder, epochs=3, stop=stop), stop, 2, 1)
    assert tomllib.loads((folder / "args.toml").read_text())["epochs"] == 3
    assert list(resume(folder))[-1].summary["epochs"] == 3


def refusal(*arguments):
    with pytest.raises(RunError) as caught:
        resume(*arguments)  # before the first event is asked for
    return str(caught.value)


def test_a_finished_run(settings):
    folder = list(train(settings(epochs=2)))[-1].folder
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    text = f"{folder}: all 2 epochs are done; ask for more with --epochs"
    assert refusal(folder) == refusal(folder, 2) == refusal(folder, 1) == text
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_a_run_that_ended_before_its_summary(settings):
    """Ended by force between its last two files: what is missing is made up for."""
    folder = list(train(settings(epochs=2)))[-1].folder
    (folder / "summary.json").unlink()
    events = list(resume(folder))
    assert [type(event) for event in events] == [Started, Ready, Finished]
    assert (folder / "summary.json").exists()


# ------------------------------------------------------------------------------------------- checkpoints


def test_a_run_that_has_only_begun(settings):
    """The start is saved before the first step, and before anything is compiled."""
    whole = list(train(settings()))[-1].folder
    folder = next(train(settings())).folder
    assert names(folder) == ["args.toml", "checkpoint-00000000.safetensors", "env.json"]
    events = list(resume(folder))
    assert (events[0].epoch, events[0].first_step) == (1, 0)
    same_files(whole, folder)


def test_nothing_to_go_on_from(settings, tmp_path):
    folder = next(train(settings())).folder
    newest(folder).unlink()
    assert refusal(folder) == f"{folder}: holds no checkpoint; start the run anew"
    assert refusal(tmp_path / "x") == f"{tmp_path / 'x'}: no such run folder; give one such as runs/lenet5-1"


def test_the_two_newest_checkpoints_stay(settings):
    running = train(settings(epochs=3))
    folder = next(running).folder
    seen = [
        sorted(name for name in names(folder) if name.startswith("checkpoint"))
        for event in running
        if isinstance(event, Finished) or (isinstance(event, Stepped) and event.step == 1)
    ]
    assert seen[1:] == [
        [f"checkpoint-{step:08}.safetensors" for step in steps] for steps in ((0, 7), (7, 14), (14, 21))
    ]


def damage(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_and_the_one_before_it(settings):
    """The run goes on from the one before, says so, and ends with the same bits."""
    whole = list(train(settings(epochs=3)))[-1].folder
    folder = begin(settings(epochs=3), 2, 3)[-1].folder
    bad = newest(folder)
    damage(bad)
    stop = threading.Event()
    events = stopped(resume(folder, stop=stop), stop, 2, 1)
    assert events[0] == Warned(
        f"{bad}: not as it was written (wrong checksum); going on from checkpoint-00000007.safetensors"
    )
    assert (events[1].epoch, events[1].first_step) == (2, 0)
    # the damaged one has made room for the new one, and the one that was gone on from stays beside it
    left = [path.name for path in sorted(folder.glob("checkpoint-*"))]
    assert left == ["checkpoint-00000007.safetensors", "checkpoint-00000008.safetensors"]
    assert not any(isinstance(event, Warned) for event in resume(folder))
    same_files(whole, folder)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_only_damaged_checkpoints(settings, size):
    folder = begin(settings(), 1, 1)[-1].folder
    for path in folder.glob("checkpoint-*"):
        path.write_bytes(path.read_bytes()[:size])
    found = refusal(folder)
    assert found.startswith(f"{newest(folder)}: truncated") and "\n" not in found
    assert found.endswith("; start the run anew")


def test_a_checkpoint_of_another_network(settings):
    folder = begin(settings(), 1, 1)[-1].folder
    args = folder / "args.toml"
    args.write_text(args.read_text().replace("conv3-4", "conv3-5"))
    assert refusal(folder) == (
        f"{newest(folder)}: not a checkpoint of this run (it belongs to another network); start the run anew"
    )


CHANGED = [
    ({"lr": 0.5}, "lr 0.5, but the run began with lr 0.05"),
    ({"seed": 4}, "seed 4, but the run began with seed 3"),
    ({"batch": 20}, "batch 20, but the run began with batch 34"),
    ({"clip": 1.0}, "clip 1.0, but the run began with no clip"),
    ({"schedule": "cosine"}, "schedule cosine, but the run began with schedule constant"),
    ({"momentum": 0.5}, "momentum 0.5, but the run began with momentum 0.9"),
]


def test_settings_that_decide_the_bits_are_not_changed(settings):
    how = {"seed": 3, "batch": 34, "schedule": "constant", "lr": 0.05, "momentum": 0.9}
    folder = begin(settings(**how), 1, 1)[-1].folder
    args = folder / "args.toml"
    told = Settings.read(args)
    for change, text in CHANGED:
        args.write_text(replace(told, **change).to_toml())
        assert refusal(folder) == f"{folder}: args.toml says {text}; put that back, or begin a new run"
    args.write_text(replace(told, epochs=3, save_every=1.0, threads=1).to_toml())
    assert isinstance(list(resume(folder))[-1], Finished)


def test_a_checkpoint_without_settings_goes_on(settings, monkeypatch):
    """One of before."""
    monkeypatch.setattr("kitnet.train.settings.DECISIVE", ())
    folder = begin(settings(), 1, 1)[-1].folder
    monkeypatch.undo()
    assert isinstance(list(resume(folder))[-1], Finished)


def test_a_model_is_no_checkpoint(settings):
    folder = begin(settings(), 1, 1)[-1].folder
    path = newest(folder)
    for other in folder.glob("checkpoint-*"):
        other.unlink()
    (folder / "last.safetensors").replace(path)
    assert refusal(folder) == (
        f"{path}: its format is 'kitnet model 2', expected 'kitnet checkpoint 3'; start the run anew"
    )


def test_checkpoints_of_older_formats(settings):
    """Of format 1 a run has one checkpoint, under another name; renamed it is refused as well."""
    folder = begin(settings(), 1, 1)[-1].folder
    path = newest(folder)
    for other in folder.glob("checkpoint-*"):
        other.unlink()
    for name in ("checkpoint.safetensors", path.name):
        save_file({"weights": np.zeros(3)}, folder / name, {"format": "kitnet checkpoint 1"})
        assert refusal(folder) == (
            f"{folder / name}: a checkpoint of format 1, which cannot be resumed; start the run anew"
        )
    save_file({"weights": np.zeros(3)}, path, {"format": "kitnet checkpoint 2"})
    assert refusal(folder) == f"{path}: a checkpoint of format 2, which cannot be resumed; start the run anew"


NET = "8x8x1 -> conv3-2 -> batchnorm -> fc10"


def some_checkpoint(path, **other):
    """A checkpoint of seven steps an epoch, its network, and the memory of its rule."""
    net = kitnet.parse(NET).initialise(4)
    net.state["batchnorm1"]["mean"][...] = [3, 4]
    velocity = net.weights.like()
    velocity.flat[...] = np.random.default_rng(0).standard_normal(velocity.flat.size)
    row = EpochEnded(1, 0.1 + 0.2, 1 / 3, -0.5, 0.25, 1.5, 100.0)
    progress = Progress(2, 3, 12.5, 0.75, 2.5, Score(48, 1 / 7, 13), [row, replace(row, epoch=2)])
    save_checkpoint(path, Training(net, Sgd(0.1), {"velocity": velocity}, 7), progress)
    return net, velocity, progress


def load_some(path):
    net = kitnet.parse(NET)
    memory = {"velocity": net.weights.like()}
    return load_checkpoint(path, Training(net, Sgd(0.2), memory, 7)), net, memory


def test_a_checkpoint_is_read_back_the_same(tmp_path):
    net, velocity, progress = some_checkpoint(tmp_path / "c")
    found, other, memory = load_some(tmp_path / "c")
    assert found == progress
    assert other.weights.flat.tobytes() == net.weights.flat.tobytes()
    assert other.state["batchnorm1"]["mean"].tolist() == [3, 4]
    for path, array in memory["velocity"].items():  # between arrays there is room, which is not kept
        assert array.tobytes() == velocity[path].tobytes()


def test_weights_that_layers_share_are_kept_once(tmp_path):
    g = Graph()
    a = g.add("conv1", Convolution(3, 1, pad="same"), g.operand("image", (6, 6, 1)))
    g.output("zoo", g.add("again", Convolution(3, 1, pad="same"), a, owner="conv1"))
    g.output("all", a)
    net = kitnet.Net(g).initialise(3)
    memory = {"velocity": net.weights.like()}
    memory["velocity"].flat[...] = np.arange(net.weights.flat.size)
    save_checkpoint(tmp_path / "c", Training(net, Sgd(), memory, 7), Progress())
    assert set(load_file(tmp_path / "c")) == {
        *("weights/conv1.weight", "weights/conv1.bias"),
        *("rule/velocity/conv1.weight", "rule/velocity/conv1.bias"),
    }
    other = kitnet.Net(g).initialise(4)
    kept = {"velocity": other.weights.like()}
    load_checkpoint(tmp_path / "c", Training(other, Sgd(), kept, 7))
    assert other.weights.flat.tobytes() == net.weights.flat.tobytes()
    assert kept["velocity"].flat[:9].tolist() == memory["velocity"].flat[:9].tolist()


def test_another_main_output_is_another_network(tmp_path):
    g, turned = Graph(), Graph()
    for graph, names in ((g, ("a", "b")), (turned, ("b", "a"))):
        x = graph.operand("image", (6, 6, 1))
        ends = {"a": graph.add("fc1", Linear(2), x), "b": graph.add("fc2", Linear(2), x)}
        for name in names:
            graph.output(name, ends[name])
    net = kitnet.Net(g)
    save_checkpoint(tmp_path / "c", Training(net, Sgd(), {}, 7), Progress())
    load_checkpoint(tmp_path / "c", Training(kitnet.Net(g), Sgd(), {}, 7))
    with pytest.raises(RunError) as caught:
        load_checkpoint(tmp_path / "c", Training(kitnet.Net(turned), Sgd(), {}, 7))
    assert str(caught.value).endswith("(it belongs to another network)")


def test_a_checkpoint_has_its_arrays_by_path(tmp_path):
    some_checkpoint(tmp_path / "c")
    weights = {"conv1.weight", "conv1.bias", "batchnorm1.scale", "batchnorm1.shift", "fc1.weight", "fc1.bias"}
    assert set(load_file(tmp_path / "c")) == {
        *(f"weights/{path}" for path in weights),
        *(f"rule/velocity/{path}" for path in weights),
        *("state/batchnorm1.mean", "state/batchnorm1.var"),
    }


def test_flipped_bits_of_a_checkpoint(tmp_path):
    some_checkpoint(tmp_path / "c")
    whole = (tmp_path / "c").read_bytes()
    for place in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        (tmp_path / "c").write_bytes(changed)
        with pytest.raises(RunError):
            load_some(tmp_path / "c")


def changed_checkpoint(path, part=None, change=lambda data: data, arrays=()):
    """The reason why a checkpoint is refused whose checksum is right."""
    some_checkpoint(path)
    with safe_open(path, framework="numpy") as file:
        metadata = {name: text for name, text in file.metadata().items() if name != "sha256"}
    if part:
        told = json.loads(metadata[part])
        metadata[part] = json.dumps({**told, "data": change(told["data"])})
    write_tensors(path, {**load_file(path), **dict(arrays)}, metadata)
    with pytest.raises(RunError) as caught:
        load_some(path)
    found = str(caught.value)
    assert found.startswith(f"{path}: not a checkpoint of this run (") and found.endswith(")")
    return found.removeprefix(f"{path}: not a checkpoint of this run (")[:-1]


SPREAD = "fc1.bias is float32 (1,), expected float32 (10,)"
WHOLE, NUMBER = "is not a whole number in its range", "is not a number in its range"
NO_VALUE = f"{NUMBER}, or a text"
FIELDS = "its progress needs epoch, epoch_seconds, first_loss, rows, score, seconds, step"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"epoch": "2"}, f"epoch {WHOLE}"),
        ({"epoch": 1.5}, f"epoch {WHOLE}"),
        ({"epoch": -3}, f"epoch {WHOLE}"),
        ({"epoch": True}, f"epoch {WHOLE}"),
        ({"epoch": 10**400}, f"epoch {WHOLE}"),
        ({"step": "1"}, f"step {WHOLE}"),
        ({"step": 7}, "step 7 of an epoch of 7 steps"),
        ({"step": 0}, "a score of 48 samples after 0 steps"),
        ({"epoch_seconds": {}}, f"epoch_seconds {NUMBER}"),
        ({"seconds": None}, f"seconds {NUMBER}"),
        ({"seconds": -1.0}, f"seconds {NUMBER}"),
        ({"seconds": 10**400}, f"seconds {NUMBER}"),
        ({"more": 1}, FIELDS),
        ({"score": {"samples": "1", "loss_sum": 0.0, "correct": 1}}, f"samples {WHOLE}"),
        ({"score": {"samples": 1, "loss_sum": 0.0, "correct": 2}}, "a score of 1 samples after 3 steps"),
        ({"score": None}, "its score needs correct, loss_sum, samples"),
        ({"rows": None}, "its rows are no list"),
        ({"rows": []}, "its rows are not those of 2 epochs"),
    ],
)  # fmt: skip
def test_progress_that_cannot_be(tmp_path, fields, reason):
    assert changed_checkpoint(tmp_path / "c", "trainer", lambda data: {**data, **fields}) == reason


def test_rows_that_cannot_be(tmp_path):
    twice = changed_checkpoint(tmp_path / "c", "trainer", lambda data: {**data, "rows": data["rows"][:1] * 2})
    assert twice == "its rows are not those of 2 epochs"
    no_rows = changed_checkpoint(tmp_path / "c", "trainer", lambda data: {**data, "rows": [{}, {}]})
    assert no_rows.startswith("its row needs epoch, images_per_second, seconds, train_accuracy, train_loss, ")


@pytest.mark.parametrize(
    ("part", "data", "reason"),
    [
        ("trainer", None, FIELDS),
        ("trainer", [], FIELDS),
        ("graph", None, "it belongs to another network"),
        ("rule", None, "it belongs to another update rule"),
        ("rule", {"word": "adam"}, "it belongs to another update rule"),
        ("rule", {"word": "sgd"}, "its rule needs decay, momentum, rate"),
        ("rule", {"word": "sgd", "rate": 0.1, "momentum": None, "decay": 0.0}, f"momentum {NO_VALUE}"),
        ("rule", {"word": "sgd", "rate": 10**400, "momentum": 0.0, "decay": 0.0}, f"rate {NO_VALUE}"),
    ],
)  # fmt: skip
def test_parts_that_are_of_another_run(tmp_path, part, data, reason):
    assert changed_checkpoint(tmp_path / "c", part, lambda _: data) == reason


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("weights/fc1.bias", np.float32([7]), SPREAD),
        ("weights/fc1.bias", np.zeros(10), "fc1.bias is float64 (10,), expected float32 (10,)"),
        ("state/batchnorm1.var", np.float32(1), "batchnorm1.var is float32 (), expected float32 (2,)"),
        ("rule/velocity/fc1.bias", np.float32([7]), f"velocity/{SPREAD}"),
        ("rule/more", np.float32([7]), "an array 'more', which the network has not"),
    ],
)  # fmt: skip
def test_arrays_of_another_shape_or_type_fill_nothing(tmp_path, name, array, reason):
    """One number was once spread over all weights."""
    assert changed_checkpoint(tmp_path / "c", arrays=[(name, array)]) == reason


# ------------------------------------------------------------------------------------------ best and last


def rows_of(*scores):
    return [
        EpochEnded(n + 1, 1.0, 0.5, loss, accuracy, 1.0, 1.0) for n, (accuracy, loss) in enumerate(scores)
    ]


def test_the_best_epoch_has_the_best_accuracy_then_the_lowest_loss():
    assert is_best([]) and is_best(rows_of((0.1, 9.0)))
    assert is_best(rows_of((0.1, 1.0), (0.2, 2.0)))
    assert not is_best(rows_of((0.3, 3.0), (0.1, 1.0), (0.2, 2.0)))
    assert is_best(rows_of((0.2, 2.0), (0.2, 1.0)))
    assert not is_best(rows_of((0.2, 2.0), (0.2, 2.0)))


def test_a_run_means_its_best_model(settings, write):
    """Labels are random, so that the last epoch is not the best."""
    images, labels = patterns(100, 0)
    data = write("random", (images, np.random.default_rng(0).permutation(labels)), patterns(40, 1))
    models, events = [], []
    for event in train(settings(epochs=4, data=data, validation=0.3)):
        events.append(event)
        if isinstance(event, EpochEnded):
            models.append((events[0].folder / "last.safetensors").read_bytes())
    folder, found = events[0].folder, [event for event in events if isinstance(event, EpochEnded)]
    best = max(range(4), key=lambda i: (found[i].val_accuracy, -found[i].val_loss))
    assert best != 3
    assert (folder / "best.safetensors").read_bytes() == models[best]
    assert (folder / "last.safetensors").read_bytes() == models[3]
    assert (
        Model.load(folder).net.weights.flat.tobytes()
        == Model.load(folder / "best.safetensors").net.weights.flat.tobytes()
    )
    summary, score = events[-1].summary, evaluate(Model.load(folder), load(data).test)
    assert (summary["best_epoch"], summary["val_loss"]) == (best + 1, found[best].val_loss)
    assert summary["test_accuracy"] == score.accuracy
    assert summary["test_loss"] == pytest.approx(score.loss, rel=1e-5)


def test_before_an_epoch_has_ended_the_last_model_is_the_best(settings):
    folder = begin(settings(), 1, 2)[-1].folder
    stop = threading.Event()
    stopped(resume(folder, stop=stop), stop, 1, 4)
    assert (folder / "best.safetensors").read_bytes() == (folder / "last.safetensors").read_bytes()


# ---------------------------------------------------------------------------------------- one at a time


def test_a_run_that_is_being_trained_is_not_resumed(settings):
    running = train(settings())
    folder = next(running).folder
    text = f"{folder}: this run is being trained already; stop the other process first, or wait"
    assert refusal(folder) == text
    code = "import sys; from kitnet.train import resume; resume(sys.argv[1])"
    other = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    assert other.stderr.endswith(f"RunError: {text}\n")
    running.close()
    assert ".lock" not in names(folder)
    again = resume(folder)
    assert refusal(folder) == text  # though it has not begun
    assert isinstance(list(again)[-1], Finished)
    assert refusal(folder) == f"{folder}: all 2 epochs are done; ask for more with --epochs"


# ------------------------------------------------------------------------------------------- where data lie


def test_a_folder_of_data_is_found_from_any_other(settings, write, tmp_path, monkeypatch):
    """Two folders have a set called `data`; the run goes on with its own."""
    for name, seed in (("a", 0), ("b", 5)):
        write(f"{name}/data", patterns(100, seed), patterns(40, 1))
    monkeypatch.chdir(tmp_path / "a")
    whole = list(train(settings(data="./data")))[-1].folder
    folder = begin(settings(data="data"), 1, 1)[-1].folder
    assert tomllib.loads((folder / "args.toml").read_text())["data"] == str(tmp_path / "a" / "data")
    monkeypatch.chdir(tmp_path / "b")
    list(resume(folder))
    same_files(whole, folder)
