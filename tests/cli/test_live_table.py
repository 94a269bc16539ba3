"""The table of a training at a terminal."""

import io
import re

import pytest
from rich.console import Console

from kitnet.cli import live, screen
from kitnet.train import EpochEnded, Started, Stepped


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """terminal(width) -> what is written to it, of standard output and of the bars."""

    def make(width):
        written = Terminal()
        console = Console(file=written, force_terminal=True, width=width, highlight=False, color_system=None)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr("sys.stdout", written)
        for module in (live, screen):
            monkeypatch.setattr(module, "out", console)
        return written

    return make


def started(epochs=3, epoch=1, step=0):
    told = dict.fromkeys(Started.__dataclass_fields__, 0)
    return Started(
        **told
        | {"epoch": epoch, "epochs": epochs, "first_step": step, "steps": 20, "done": (epoch - 1) * 20 + step}
    )


def stepped(epoch, step, *others, steps=20):
    return Stepped(epoch, step, *others, done=(epoch - 1) * 20 + step, steps=steps, rate=0.1)


def row(epoch, **other):
    numbers = {**dict.fromkeys(EpochEnded.__dataclass_fields__, 0.5), "parts": {}}
    return EpochEnded(**numbers | {"epoch": epoch, "train_loss": 1.25, "images_per_second": 12345.6, **other})


def shown(written):
    """The lines of the screen at the end, without the bars, which are erased."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.getvalue())
    return [line.split("\r")[-1].rstrip() for line in text.split("\n")]


def test_rows_stand_under_their_header(terminal):
    written = terminal(100)
    with live.Live() as table:
        assert table.is_table
        table.start(started())
        table.row(row(1))
        table.row(row(12, train_accuracy=1.0))
    header, *rows = [line for line in shown(written) if "loss" in line or "1.25" in line]
    assert header.split("  ")[0] == "epoch" and header.endswith("images/s") and len(rows) == 2
    ends = [match.end() for match in re.finditer(r"\S+( \S+)*", header)]
    for line, epoch, accuracy in zip(rows, ("1", "12"), ("50.00%", "100.00%"), strict=True):
        assert [match.end() for match in re.finditer(r"\S+", line)] == ends
        cells = line.split()
        assert (cells[0], cells[1], cells[2], cells[-1]) == (epoch, "1.2500", accuracy, "12,346")


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 200])
def test_the_width_of_the_terminal_is_kept(terminal, width):
    written = terminal(width)
    with live.Live() as table:
        table.start(started(epochs=300))
        for epoch in (1, 2):
            for step in range(1, 21):
                table.step(stepped(epoch, step, 12.3456, 1.0, 1_234_567.0, 64 * step))
            table.row(row(epoch, train_accuracy=1.0))
    lines = shown(written)
    assert 0.6 * min(width, 100) < max(map(len, lines)) <= width
    assert all("accuracy" in line for line in lines if line.startswith("epoch  "))


def test_bars_move_and_say_what_is_left(terminal):
    written = terminal(100)
    with live.Live() as table:
        table.start(started(epochs=3, epoch=2, step=5))
        (first, every) = table._bars.tasks
        assert (first.completed, first.total) == (5, 20) and (every.completed, every.total) == (25, 60)
        table.step(stepped(2, 6, 0.5, 0.25, 100.0, 6))
        assert (first.completed, every.completed) == (6, 26)
        assert (first.description, first.fields["said"]) == ("epoch 2", "loss 0.5000  25.00%  100 images/s")
        table.step(stepped(3, 1, 0.5, 0.25, 100.0, 1))
        assert (first.completed, every.completed, first.description) == (1, 41, "epoch 3")
        table.step(stepped(3, 1, 0.5, 0.25, 100.0, 1, steps=5))  # with a larger batch
        assert (first.completed, first.total, every.completed, every.total) == (1, 5, 41, 45)
    assert "all 3" in written.getvalue()
    assert written.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in written.getvalue()  # the cursor is back


def test_one_epoch_has_one_bar(terminal):
    terminal(100)
    with live.Live() as table:
        table.start(started(epochs=1))
        assert len(table._bars.tasks) == 1


@pytest.mark.parametrize(("room", "told"), [(100, 3), (76, 2), (62, 1), (44, 0)])
def test_numbers_beside_a_bar_have_room(monkeypatch, room, told):
    monkeypatch.setenv("COLUMNS", str(room))
    text = live._told(stepped(1, 1, 0.5, 0.25, 1000.0, 64))
    assert [each for each in text.split("  ") if each] == ["loss 0.5000", "25.00%", "1,000 images/s"][:told]


def test_in_a_file_there_is_no_table(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with live.Live() as table:
        assert not table.is_table
