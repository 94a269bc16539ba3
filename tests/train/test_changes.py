"""Numbers of a run that are changed while it lasts: what is written down of them, and the same bits again."""

import json
import threading

import pytest
from test_resuming import begin, same_files, stopped

from kitnet.base.error import KitnetError, RunError
from kitnet.cli import run
from kitnet.train import Changed, Finished, Ready, Stepped, Stopped, resume, train
from kitnet.train.changes import Change, Changes

ENGINES = ["formula", "compiled"]
MIXED = "8x8x1 -> conv3-4 same -> relu -> dropout drop=0.2 -> maxpool2 -> fc10"  # random bits by steps


def changing(running, what, until=None, stop=None):
    """Run, asking at each of the steps (epoch, step) for other numbers; the events."""
    events, loop = [], None
    for event in running:
        events.append(event)
        match event:
            case Ready():
                loop = event.loop
            case Stepped():
                place = event.epoch, event.step
                if place in what:
                    loop.run.ask(what[place])
                if place == until:
                    stop.set()
    return events


LIVE = {(1, 2): {"lr": 0.2}, (1, 4): {"batch": 40}, (2, 1): {"momentum": 0.5, "decay": 0.01}}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_resumed_run_repeats_its_changes_bit_by_bit(settings, tmp_path, engine, optimizer):
    """100 images: 7 steps of 16, then 3 of 40; the schedule goes through all of them."""
    what = {at: {n: v for n, v in numbers.items() if optimizer == "sgd" or n in ("lr", "batch")}
            for at, numbers in LIVE.items()}  # fmt: skip
    what = {at: numbers for at, numbers in what.items() if numbers}
    how = {"model": MIXED, "engine": engine, "optimizer": optimizer, "schedule": "cosine", "epochs": 4}
    whole = changing(train(settings(**how)), what)
    assert isinstance(whole[-1], Finished)
    for place in [(1, 1), (1, 5), (2, 2)]:
        stop = threading.Event()
        asked = {at: numbers for at, numbers in what.items() if at <= place}
        events = changing(train(settings(**how), stop), asked, place, stop)
        folder = events[-1].folder
        assert events[-1] == Stopped(folder, *place)
        # what was changed after the stop is in the file as if the process had been killed later
        (folder / "changes.jsonl").write_text((whole[-1].folder / "changes.jsonl").read_text())
        assert isinstance(list(resume(folder))[-1], Finished)
        same_files(whole[-1].folder, folder)


def test_what_is_told_and_written_of_changes(settings):
    events = changing(train(settings(epochs=3)), LIVE)
    folder = events[-1].folder
    told = [event for event in events if isinstance(event, Changed)]
    assert told == [
        Changed(1, 2, 2, {"lr": 0.2}),
        Changed(1, 4, 4, {"batch": 40}),
        Changed(2, 1, 8, {"momentum": 0.5, "decay": 0.01}),
    ]
    lines = [json.loads(line) for line in (folder / "changes.jsonl").read_text().splitlines()]
    assert lines == [
        {"epoch": 1, "step": 2, "lr": 0.2},
        {"epoch": 1, "step": 4, "batch": 40},
        {"epoch": 2, "step": 1, "momentum": 0.5, "decay": 0.01},
    ]
    steps = [event for event in events if isinstance(event, Stepped)]
    assert [event.done for event in steps] == list(range(1, 14))  # 7, 3 and 3
    assert [event.steps for event in steps] == [7] * 7 + [3] * 6
    assert [event.rate for event in steps] == [0.05] * 2 + [0.2] * 11
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [each["step"] for each in metrics if "train_loss" in each] == [7, 10, 13]
    assert {each["rate"] for each in metrics} == {0.05, 0.2}
    summary = events[-1].summary
    assert (summary["changes"], summary["lr"], summary["batch"]) == (3, 0.2, 40)
    assert [path.name for path in sorted(folder.glob("checkpoint-*"))] == [
        "checkpoint-00000010.safetensors",
        "checkpoint-00000013.safetensors",
    ]


def test_the_schedule_is_where_the_epochs_are(settings):
    """With another batch an epoch has other steps, and the learning rate falls by epochs all the same."""
    how = {"epochs": 4, "schedule": "linear", "lr": 0.12, "batch": 10}
    events = changing(train(settings(**how)), {(2, 10): {"batch": 50}})
    rates = [event.rate for event in events if isinstance(event, Stepped)]
    assert rates[:20] == pytest.approx([0.12 * (1 - t / 39) for t in range(20)])
    assert rates[20:] == pytest.approx([0.12 * (1 - t / 7) for t in range(4, 8)])


def test_adam_counts_the_updates_that_were_made(settings):
    """The divisors 1 - beta^t of its means go on with t, though the epochs have become shorter."""
    from kitnet.optim import Adam

    seen = []
    scalars = Adam.scalars
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Adam, "scalars", lambda self, step: seen.append(step) or scalars(self, step))
        changing(train(settings(optimizer="adam", engine="formula", epochs=3)), {(1, 3): {"batch": 50}})
    assert [*dict.fromkeys(seen)] == list(range(11))


def test_accumulated_updates_are_counted(settings):
    changes = Changes(100, 16, 4, made=[Change(1, 2, {"batch": 40}), Change(4, 0, {"batch": 100})])
    assert [changes.steps_before(epoch) for epoch in range(7)] == [0, 7, 14, 17, 20, 21, 22]
    assert [changes.updates_before(epoch) for epoch in range(7)] == [0, 2, 4, 5, 6, 7, 8]
    assert changes.most_steps == 7


def test_going_back_forgets_what_was_changed_since(settings):
    plain = list(train(settings(epochs=2)))[-1].folder
    folder = begin(settings(epochs=2), 1, 4)[-1].folder
    stop = threading.Event()
    running = resume(folder, stop=stop)
    for event in running:
        if isinstance(event, Ready):
            loop = event.loop
        if isinstance(event, Stepped) and event.step == 5:
            loop.run.ask({"lr": 0.5})
        if isinstance(event, Changed):
            break
    running.close()  # as where the process ends
    assert "0.5" in (folder / "changes.jsonl").read_text()
    list(resume(folder, back=True))
    assert (folder / "changes.jsonl").read_text() == ""
    same_files(plain, folder)


def test_a_live_change_takes_the_place_of_later_ones(tmp_path):
    changes = Changes(100, 10, path=tmp_path / "changes.jsonl")
    changes.made = [Change(0, 2, {"lr": 0.1}), Change(1, 0, {"lr": 0.2})]
    changes.ask({"lr": 0.3})
    changes.ask({"decay": 0.0})
    assert changes.at(0, 5) == {"lr": 0.3, "decay": 0.0}
    again = Changes(100, 10)
    again.read(tmp_path / "changes.jsonl")
    assert again.made == [Change(0, 2, {"lr": 0.1}), Change(0, 5, {"lr": 0.3, "decay": 0.0})]
    assert again.at(0, 5) == {"lr": 0.3, "decay": 0.0} and again.at(0, 6) == {}


def test_what_the_rule_has_not_is_refused(settings):
    running = train(settings(optimizer="adam"))
    loop = next(event for event in running if isinstance(event, Ready)).loop
    for numbers, message in {
        ("momentum", 0.5): "adam has no momentum; it has rate, beta1, beta2, decay, eps",
        ("lr", -1.0): "a learning rate of -1 is not possible; use a number above 0",
        ("batch", 0): "--batch 0 is not possible; use 1 to 1048576",
    }.items():
        with pytest.raises(KitnetError) as error:
            loop.run.ask(dict([numbers]))
        assert str(error.value) == message
    assert isinstance(list(running)[-1], Finished)


def test_a_batch_that_does_not_fit_is_not_taken(settings, monkeypatch):
    from kitnet.train import loop as module

    def compile(self, made=module.Loop._compile):
        if self.run.loader.batch > 16:
            raise module.TooMuchMemoryError("training needs too much")
        return made(self)

    monkeypatch.setattr(module.Loop, "_compile", compile)
    events = changing(train(settings(epochs=3)), {(1, 2): {"lr": 0.1, "batch": 64}})
    assert [e.text for e in events if hasattr(e, "text")] == ["training needs too much; the batch stays 16"]
    assert {e.steps for e in events if isinstance(e, Stepped)} == {7}
    text = (events[-1].folder / "changes.jsonl").read_text()
    assert json.loads(text) == {"epoch": 1, "step": 2, "lr": 0.1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 needs epoch, step, and one or more of lr, momentum, decay, batch"),
        (
            '{"epoch": 1, "step": 0}',
            "line 1 needs epoch, step, and one or more of lr, momentum, decay, batch",
        ),
        ('{"epoch": 0, "step": 0, "lr": 1}', "epoch of line 1 is 0"),
        ('{"epoch": 1, "step": true, "lr": 1}', "step of line 1 is True"),
        ('{"epoch": 1, "step": 0, "batch": 0}', "batch of line 1 is 0"),
        ('{"epoch": 1, "step": 0, "lr": NaN}', "lr of line 1 is nan"),
        ('{"epoch": 1, "step": 0, "lr": "x"}', "lr of line 1 is 'x'"),
        (
            '{"epoch": 2, "step": 0, "lr": 1}\n{"epoch": 1, "step": 3, "lr": 1}',
            "line 2 is of an earlier step than the line before it",
        ),
        (" " * (1 << 20) + "\n", "larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_none_is_refused(settings, text, reason):
    stop = threading.Event()
    folder = stopped(train(settings(), stop), stop, 1, 1)[-1].folder
    (folder / "changes.jsonl").write_text(text)
    with pytest.raises(RunError) as error:
        resume(folder)
    assert str(error.value) == f"{folder / 'changes.jsonl'}: not the changes of a run ({reason})"


def test_what_the_command_says_of_changes(settings, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    folder = changing(train(settings(epochs=3)), LIVE)[-1].folder
    stop = threading.Event()
    begun = changing(train(settings(epochs=3), stop), {}, (1, 1), stop)[-1].folder
    (begun / "changes.jsonl").write_text((folder / "changes.jsonl").read_text())
    assert run(["train", "--resume", str(begun)]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("changed")]
    assert said == [
        "changed after step 2 of epoch 1: lr 0.2",
        "changed after step 4 of epoch 1: batch 40, the batch from the next epoch on",
        "changed after step 1 of epoch 2: momentum 0.5, decay 0.01",
    ]
