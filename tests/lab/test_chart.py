"""The chart of a comparison, from numbers that are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from kitnet.base.error import KitnetError
from kitnet.lab import Comparison, Row, save_chart

ROWS = (
    Row("loops", "", None, 2.5, gflops=0.001),
    Row("im2col", "", None, 0.0125, gflops=2.0),
    Row("matrix", "", "too large"),
    Row("conv.direct.images", "", None, 0.00025, gflops=50.0, kernels=("convolution",)),
)
FOUND = Comparison("8x8x1 -> conv3-4", 2, 1, "a processor", 16, 10, {}, {"forward": ROWS, "data": ROWS[:2]})


def test_a_bar_of_each_kind(tmp_path: Path) -> None:
    save_chart(FOUND, str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as image:
        width, height = image.size
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    assert (width, height) == (960, round(120 * (0.32 * 5 + 2 * 0.75 + 1.2)))
    assert {(0x1F, 0x6F, 0xB4), (0xE0, 0x8A, 0x1E), (0x8A, 0x8A, 0x8A)} <= colours


def test_its_texts(tmp_path: Path) -> None:
    save_chart(FOUND, str(tmp_path / "a.svg"))
    text = (tmp_path / "a.svg").read_text("utf-8")
    for shown, times in (
        ("loops", 2),
        ("im2col", 2),
        ("conv.direct.images", 1),
        ("matrix", 0),
        ("2,500 ms, 0.001 GFLOP/s", 2),
        ("12.5 ms, 2 GFLOP/s", 2),
        ("0.25 ms, 50 GFLOP/s", 1),
        ("forward", 1),
        ("gradient of the data", 1),
        ("8x8x1 -&gt; conv3-4, 2 images, threads: 1", 1),
    ):
        assert text.count(f"<!-- {shown} -->") == times, shown


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(KitnetError) as caught:
        save_chart(FOUND, str(tmp_path / "a.png"))
    assert str(caught.value) == f"{tmp_path}/a.png: cannot be written (No space left on device)"
