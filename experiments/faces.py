"""A locally connected layer beside a convolution, on faces.

    python experiments/faces.py                       # on drawn ones, into results/experiments/faces.csv
    python experiments/faces.py --data FOLDER         # on yours: a folder a person, such as s1/1.pgm
    python experiments/faces.py --seeds 1 --epochs 5 --output /tmp/found

"Locally connected layers suit faces, since other features stand at other places" (Taigman et al., DeepFace,
CVPR 2014, section 3.2): a convolution has the same filters everywhere, a locally connected layer has filters
of its own at each place. That helps where the same part of a face always stands at the same place, so that
each network is trained on faces as they are, and on the same faces moved by up to two pixels.

The faces that are drawn here are of 40 people with 10 pictures each, as many as in the ORL database: an oval,
hair, two brows, two eyes, a nose and a mouth, at the same places in all of them. A person has sizes, slopes
and shades of these parts; a picture has a light from a side, another expression and noise. They are computed
from a seed and kept nowhere. The results say what holds for such drawings, not for faces of people.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from run import BATCH, RESULTS, SEEDS, Data, Variant, outcome, summary, told, write

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.data import Dataset, Preparation, Source, load

SIDE, MOVED = 32, 2  # pixels
NOISE = 0.06  # its deviation, of shades from 0 to 1
RATE, EPOCHS = 0.01, 60
PEOPLE, PICTURES = 40, 10  # half of the pictures of each person to train with
LINE = "{}x{}x1 -> conv5-8 -> relu -> maxpool2 -> {} -> relu -> maxpool2 -> {} -> relu -> fc{}"
LAYERS = {
    "shared": ("conv3-16", "conv3-16"),
    "local": ("conv3-16", "local3-16"),
    "local, twice": ("local3-16", "local3-16"),
    "shared, 40 filters": ("conv3-16", "conv3-40"),
}


class Canvas:
    """A picture of light and dark parts with soft edges; x and y run from -1 to 1."""

    def __init__(self, dark: float) -> None:
        self.y, self.x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1) * 2 - 1
        self.shades = np.full((SIDE, SIDE), dark)

    def ellipse(
        self, at: tuple[float, float], size: tuple[float, float], shade: float, slope: float = 0
    ) -> None:
        """A part at (x, y) with half axes of this size, its ends lifted by `slope`."""
        x, y = self.x - at[0], self.y - at[1]
        distance = np.hypot(x / size[0], (y + slope * x) / size[1])
        cover = 1 / (1 + np.exp(np.clip((distance - 1) * 12 * min(size) / 0.2, -30, 30)))
        self.shades += cover * (shade - self.shades)


def picture(person: Array, random: np.random.Generator) -> Array:
    """uint8 (SIDE,SIDE,1): one face of a person, who is 12 numbers of N(0, 1)."""
    wide, high, hair, skin, brow, slope, eye, apart, nose, mouth, lips, chin = person.tolist()
    smile, blink, light, tilt = random.normal(0, 1, 4).tolist()
    canvas = Canvas(0.15)
    canvas.ellipse((0, -0.12), (0.68 + 0.03 * wide, 0.86), 0.3 + 0.08 * hair)
    canvas.ellipse((0, 0.12), (0.56 + 0.03 * wide, 0.76 + 0.03 * high), 0.68 + 0.05 * skin)
    for side in (-1, 1):
        x = side * (0.25 + 0.015 * apart)
        canvas.ellipse((x, -0.2), (0.15, 0.035 + 0.008 * brow), 0.3, side * (0.1 * slope + 0.04 * tilt))
        canvas.ellipse((x, -0.05), (0.1, 0.06 + 0.012 * eye + 0.008 * blink), 0.95)
        canvas.ellipse((x, -0.05), (0.045, 0.05), 0.1)
    canvas.ellipse((0, 0.18), (0.05 + 0.01 * nose, 0.16 + 0.025 * nose), 0.52)
    width = 0.24 + 0.025 * mouth
    canvas.ellipse((0, 0.5), (width, 0.045 + 0.01 * lips + 0.01 * smile), 0.3)
    canvas.ellipse((0, 0.78), (0.12, 0.04), 0.58 + 0.04 * chin)
    lit = canvas.shades * (1 + 0.2 * light * canvas.x) + random.normal(0, NOISE, canvas.shades.shape)
    return np.rint(255 * np.clip(lit, 0, 1)).astype(np.uint8)[..., None]


def drawn() -> tuple[Source, Source]:
    """To train with and to test: the first and the second half of each person's pictures."""
    random = np.random.default_rng(1994)
    people = random.normal(0, 1, (PEOPLE, 12))
    images = np.array([[picture(person, random) for _ in range(PICTURES)] for person in people])
    labels = np.repeat(np.arange(PEOPLE), PICTURES // 2)
    names, half = tuple(map(str, range(PEOPLE))), PICTURES // 2
    first, second = (part.reshape(-1, SIDE, SIDE, 1) for part in (images[:, :half], images[:, half:]))
    return Dataset("drawn faces", first, labels, names), Dataset("drawn faces", second, labels, names)


def given(folder: Path) -> tuple[Source, Source]:
    """The pictures of a folder; where it has no test part, half of them."""
    parts = load(str(folder), split=0.5)
    assert parts.test is not None
    return parts.train, parts.test


def moved(images: Array, seed: int) -> Array:
    """Prepared images (N,H,W,C), each moved by up to `MOVED` pixels; what comes in is as the border is."""
    random = np.random.default_rng(seed)
    found = np.empty_like(images)
    wide = np.pad(images, ((0, 0), (MOVED, MOVED), (MOVED, MOVED), (0, 0)), "edge")
    height, width = images.shape[1:3]
    for image, one in zip(wide, found, strict=True):
        y, x = random.integers(0, 2 * MOVED + 1, 2)
        one[...] = image[y : y + height, x : x + width]
    return found


def prepared(train: Source, test: Source, shifts: bool) -> tuple[Data, Data]:
    preparation = Preparation.fitted(train, (SIDE, SIDE, 1))
    found = [preparation.prepare_all(part) for part in (train, test)]
    if shifts:
        found = [(moved(images, number), labels) for number, (images, labels) in enumerate(found)]
    return found[0], found[1]


def variants(people: int, epochs: int | None) -> Iterator[tuple[Variant, bool]]:
    """Each network on the faces as they are, and moved."""
    for shifts in (False, True):
        for name, layers in LAYERS.items():
            line = LINE.format(SIDE, SIDE, *layers, people)
            yield (
                Variant(f"{name}, {'moved' if shifts else 'in place'}", line, RATE, epochs or EPOCHS),
                shifts,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of faces, a folder a person; usually drawn ones")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    told_here = parser.parse_args()
    try:
        train, test = drawn() if told_here.data is None else given(told_here.data)
    except KitnetError as error:
        parser.error(str(error))
    if len(train) < BATCH:
        parser.error(f"{train.name}: {len(train)} pictures to train with; give {BATCH} or more")
    data = {shifts: prepared(train, test, shifts) for shifts in (False, True)}
    rows = [
        outcome(variant, seed, lambda _, shifts=shifts: data[shifts])
        for variant, shifts in variants(len(train.classes), told_here.epochs)
        for seed in range(told_here.seeds)
    ]
    command = f"python experiments/faces.py --seeds {told_here.seeds}"
    command += "" if told_here.epochs is None else f" --epochs {told_here.epochs}"
    command += "" if told_here.data is None else " --data FOLDER"
    name = "faces" if told_here.data is None else "faces-given"
    write(told_here.output / f"{name}.csv", [told(row) for row in rows], command)
    print(f"{train.name}: {len(train)} to train with, {len(test)} to test\n{summary(rows)}", flush=True)


if __name__ == "__main__":
    main()
