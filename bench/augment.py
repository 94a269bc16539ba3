"""Images a second that the loader gives: as they are, with each augmentation, and decoded from JPEG files.

    python bench/augment.py                 # a table, and results/augment.csv

`cpu_us` is the time of all cores for an image, which others' work on the machine hardly changes.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from process import ROOT, machine

from kitnet.data import Augmentation, Dataset, Loader, Preparation, Source, load

RESULTS = ROOT / "results" / "augment.csv"
BATCH, EPOCHS = 128, 5
ROWS = [
    (28, 1, "", 60_000),
    (28, 1, "crop2", 60_000),
    (28, 1, "affine0.1,elastic34-4", 5_000),
    (32, 3, "", 50_000),
    (32, 3, "crop4,flip", 50_000),
    (32, 3, "crop4 reflect,flip alternate,cutout8", 20_000),
    (32, 3, "jitter0.4", 10_000),
    (32, 3, "mixup0.2", 10_000),
    (32, 3, "cutmix", 10_000),
]  # side, channels, augmentation, images


def made(side: int, channels: int, number: int) -> Dataset:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (number, side, side, channels), np.uint8)
    return Dataset("noise", images, np.arange(number) % 10, tuple("0123456789"))


def files(folder: Path) -> Source:
    """200 photographs of 500x375 as JPEG files, that do not stay in memory."""
    draw = np.random.default_rng(0)
    for part, number in (("train", 200), ("test", 1)):
        for i in range(number):
            path = folder / part / f"{i % 2}" / f"{i}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(draw.integers(0, 256, (24, 32, 3), np.uint8))
            coarse.resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=85)
    (folder / "test" / "1").mkdir(exist_ok=True)
    return load(folder)[0]


def measured(
    source: Source, side: int, channels: int, text: str, workers: int, batch: int = BATCH
) -> dict[str, Any]:
    preparation = Preparation.fitted(source.subset(slice(BATCH)), (side, side, channels))
    augmentation = Augmentation.parse(text)
    loader = Loader(source, preparation, batch, 0, augmentation=augmentation, workers=workers)
    best, least = 0.0, float("inf")
    for e in range(EPOCHS):
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in loader.epoch(e):
            pass
        best = max(best, len(source) / (time.perf_counter() - begun))
        least = min(least, 1e6 * (time.process_time() - cpu) / len(source))
    return {
        "size": f"{side}x{side}x{channels}",
        "augment": text or "none",
        "workers": workers,
        "images_per_second": f"{best:.0f}",
        "cpu_us": f"{least:.2f}",
    }


def rows() -> Iterator[dict[str, Any]]:
    for side, channels, text, number in ROWS:
        yield measured(made(side, channels, number), side, channels, text, 0)
    with tempfile.TemporaryDirectory() as folder:
        source = files(Path(folder))
        source._held = [None] * len(source)  # type: ignore[attr-defined]  # as of a set beyond memory
        for workers in (0, 2):
            yield measured(source, 224, 3, "resizedcrop,flip", workers, 20)


def main() -> None:
    found, where = [], machine()
    for row in rows():
        print("  ".join(f"{value:>12}" for value in row.values()), flush=True)
        found.append({**row, **where})
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
