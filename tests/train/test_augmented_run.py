"""Runs with augmentation: one seed, one result, whether they were stopped or not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from kitnet.base.error import KitnetError
from kitnet.train import Finished, Settings, Stepped, resume, train

TEXT = "crop1 reflect,jitter0.2,cutout2,mixup0.3"


def weights(running: object) -> dict[str, bytes]:
    (end,) = (event for event in running if isinstance(event, Finished))  # type: ignore[attr-defined]
    return {name: array.tobytes() for name, array in load_file(Path(end.folder) / "last.safetensors").items()}


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(
    settings: Callable[..., Settings], engine: str
) -> None:
    plain = settings(augment=TEXT, engine=engine)
    unbroken = weights(train(plain))
    assert unbroken == weights(train(replace(plain, threads=2 if engine == "compiled" else None)))
    assert unbroken != weights(train(replace(plain, augment=None)))
    stop = threading.Event()
    for event in train(replace(plain, name="stopped"), stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    assert weights(resume(Path(plain.runs) / "stopped-1")) == unbroken


def test_shares_of_classes_are_for_losses_of_classes(settings: Callable[..., Settings]) -> None:
    with pytest.raises(KitnetError) as caught:
        train(settings(augment="crop1,mixup0.3", loss="huber"))
    assert str(caught.value) == "the loss huber takes values as target, not classes"
