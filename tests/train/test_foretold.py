"""Memory and time are told before they are needed, and what cannot fit is refused with what would."""

from __future__ import annotations

import pytest

from kitnet.base.error import KitnetError
from kitnet.train import EpochEnded, Foretold, Ready, Stepped, foretold, loop, train


def test_memory_is_told_before_the_first_step(settings):
    """It grows with the batch, since the values of all its images are kept."""
    told = []
    for batch in (16, 64):
        for event in train(settings(epochs=1, batch=batch)):
            if isinstance(event, Ready):
                told.append(event.memory)
            if isinstance(event, Stepped):
                assert told
    values = 4 * 8 * 8 * 4  # bytes that the convolution makes of one image
    assert told[1] - told[0] > 48 * values
    assert [event.memory for event in train(settings(engine="formula")) if isinstance(event, Ready)] == [None]


@pytest.mark.slow
def test_what_cannot_fit_is_refused_with_the_batch_that_would(settings, tmp_path, monkeypatch):
    """With the batch that is named it fits, in as much free memory."""
    model = "8x8x1 -> [conv3-16 same -> batchnorm -> relu]*2 -> fc10"
    need = next(event.memory for event in train(settings(model=model, batch=96)) if isinstance(event, Ready))
    left = len(list((tmp_path / "runs").iterdir()))
    monkeypatch.setattr(foretold, "free_bytes", lambda: need)
    with pytest.raises(KitnetError) as caught:
        list(train(settings(model=model, batch=96)))
    text = str(caught.value)
    assert f" bytes, more than 80 % of the {need:,} that are free; use --batch " in text
    told = int(text.removeprefix("training in batches of 96 needs ").split(" ")[0].replace(",", ""))
    assert 0.7 * need < told <= need
    batch = int(text.rpartition(" ")[2])
    assert batch in (32, 48, 64, 80)
    assert len(list((tmp_path / "runs").iterdir())) == left  # nothing of it stays
    assert isinstance(list(train(settings(model=model, batch=batch, epochs=1)))[-2], EpochEnded)


def test_where_no_batch_fits_nothing_of_the_run_stays(settings, tmp_path, monkeypatch):
    """It is said before any kernel is compiled."""
    monkeypatch.setattr(foretold, "free_bytes", lambda: 1000)
    ready: list[int] = []
    with pytest.raises(KitnetError) as caught:
        list(train(settings(batch=1), compiling=lambda done, all: ready.append(done)))
    assert ready == []
    assert str(caught.value).startswith("training in batches of 1 needs ")
    assert str(caught.value).endswith(
        " bytes, more than 80 % of the 1,000 that are free; use a smaller network"
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_time_of_an_epoch_is_told_once_within_the_first(settings, monkeypatch):
    monkeypatch.setattr(loop, "MEASURED_SECONDS", 0.0)
    events = list(train(settings(epochs=3)))
    (said,) = [event for event in events if isinstance(event, Foretold)]
    before = [event for event in events[: events.index(said)] if isinstance(event, Stepped)]
    assert len(before) == 5
    assert said.seconds == pytest.approx(said.epoch_seconds / 7 * (3 * 7 - 5))
    short = list(train(settings(epochs=3, batch=25)))  # of four steps
    assert not [event for event in short if isinstance(event, Foretold)]
