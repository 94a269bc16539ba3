"""What a command says of itself while it takes long: how many images are looked at."""

import io
import sys

import pytest

from kitnet.cli import screen
from kitnet.data import picture_cache


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_images_are_counted(monkeypatch, kind):
    """At a terminal in one line, which is gone at the end; else a line now and then."""
    written, clock = kind(), iter([100.0, 101.5, 103.0, 103.05, 111.0, 125.0])
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setattr(screen.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(screen, "PATIENCE", 2.0)
    with screen.busy("reading the data"):
        for done in range(1000, 6000, 1000):
            picture_cache._hearing.get()(done, 60000)
    told = [f"reading the data: {done:,} of 60,000 images" for done in (3000, 2000, 4000, 5000)]
    if kind is Terminal:
        assert written.getvalue() == "".join(f"\r\x1b[K{text}" for text in (told[1], *told[2:], ""))
    else:
        assert written.getvalue() == "".join(f"{text}\n" for text in told[2:])
    assert picture_cache._hearing.get() is None


def test_training_counts_the_images_that_it_decodes(monkeypatch, say, tmp_path, picture):
    heard = []
    monkeypatch.setenv("KITNET_CACHE", str(tmp_path / "cache"))
    for part in ("train", "test"):
        for k in range(2):
            (tmp_path / "set" / part / str(k)).mkdir(parents=True)
            picture(f"set/{part}/{k}/a.png", k)
    heard_by = picture_cache.heard_by
    monkeypatch.setattr(screen, "heard_by", lambda count: heard_by(lambda *numbers: heard.append(numbers)))
    words = ("--data", tmp_path / "set", "--epochs", "1", "--validation", "0", "--engine", "formula")
    assert say("train", "8x8x1 -> fc2", *words).status == 0
    assert heard == [(4, 4)]
