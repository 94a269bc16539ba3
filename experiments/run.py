"""Small experiments on what is said of convolutional networks, on the digits that come with kitnet.

    python experiments/run.py                    # all of them, three seeds each, into results/experiments/
    python experiments/run.py pooling dropout    # some
    python experiments/run.py pooling --seeds 1 --epochs 1 --output /tmp/found

Each prints the means over the seeds and writes one row a variant and seed:

    first_loss          of the first step, before any update; ln 10 = 2.303 is that of guessing
    last_loss           the mean of the last twenty steps
    steps               until the mean loss of ten steps is below 1; empty where it never is
    train, test         the shares of images whose class is found, in percent

`initialisation` writes the deviation of the activations by layer into a second file, `deviations.csv`.
README.md says what came of all.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import kitnet
from kitnet.base.spec import Array
from kitnet.data import Preparation, load
from kitnet.net import Net
from kitnet.optim import Sgd

RESULTS = Path(__file__).parents[1] / "results" / "experiments"
SEEDS, BATCH, LAST = 3, 32, 20
INITS = ("zeros", "lecun1998", "lecun", "glorot", "he", "orthogonal")
LENET = (
    "32x32x1 -> conv5-6 -> {0} -> {1}2 -> conv5-16 -> {0} -> {1}2 -> conv5-120 -> {0} -> fc84 -> {0} -> fc10"
)
SMALL = "8x8x1 -> conv3-16{1} -> {0} -> maxpool2 -> conv3-32{1} -> {0} -> maxpool2 -> fc64 -> {0} -> fc10"
WIDE = "8x8x1 -> [conv3-32 same -> relu -> maxpool2]*2 -> fc256 -> relu{} -> fc10"
DEEP = "8x8x1 -> [conv3-16 same -> {}]*19 -> fc10"


@dataclass(frozen=True)
class Variant:
    """A network and how it is trained; `images` None are all."""

    name: str
    line: str
    rate: float = 0.02
    epochs: int = 4
    init: str | None = None
    images: int | None = None


def _initialisations() -> list[Variant]:
    networks = {
        "LeNet-5 with ReLUs": LENET.format("relu", "maxpool"),
        "LeNet-5 with LeCun's tanh": LENET.format("lecuntanh", "subsample"),
        "20 layers with ReLUs": DEEP.format("relu"),
        "20 layers with tanh": DEEP.format("tanh"),
    }
    return [
        Variant(f"{name}, {init}", line, 0.01, init=init) for name, line in networks.items() for init in INITS
    ]


EXPERIMENTS: dict[str, list[Variant]] = {
    "initialisation": _initialisations(),
    "activation": [
        Variant(f"{name}, rate {rate:g}", SMALL.format(name, " same"), rate, 16, init)
        for name, rate, init in (
            ("relu", 0.005, "he"),
            ("tanh", 0.005, "lecun"),
            ("sigmoid", 0.005, "glorot"),
            ("sigmoid", 0.05, "glorot"),
        )
    ],
    "dropout": [
        Variant(f"{name}, {images} images", WIDE.format(layer), epochs=epochs, images=images)
        for images, epochs in ((1437, 15), (200, 60))
        for name, layer in (("without", ""), ("dropout 0.5", " -> dropout"))
    ],
    "pooling": [
        Variant(f"{pool} pooling", f"8x8x1 -> [conv3-16 same -> relu -> {pool}pool2]*2 -> fc10", epochs=8)
        for pool in ("max", "mean")
    ],
    "stride": [
        Variant("stride 1 and pools", "8x8x1 -> [conv3-16 same -> relu -> maxpool2]*2 -> fc10", epochs=8),
        Variant("stride 2", "8x8x1 -> [conv3-16/2 same -> relu]*2 -> fc10", epochs=8),
    ],
    "padding": [
        Variant(pad, f"8x8x1 -> [conv3-16 {pad} -> relu]*3 -> fc10", epochs=8) for pad in ("same", "valid")
    ],
}


@dataclass
class Outcome:
    """A row of the results, in the words of the module's first lines."""

    variant: str
    seed: int
    first_loss: float
    last_loss: float
    steps: int | None
    train: float
    test: float


Data = tuple[Array, Array]


def digits(shape: tuple[int, ...]) -> tuple[Data, Data]:
    """To train with and to test, prepared for an input of this shape."""
    parts = load("digits")
    preparation = Preparation.fitted(parts.train, shape)
    assert parts.test is not None
    return preparation.prepare_all(parts.train), preparation.prepare_all(parts.test)


def learn(variant: Variant, net: Net, data: Data, seed: int) -> list[float]:
    """Train the network; gives the mean loss of each step."""
    images, labels = data
    step = net.compile(BATCH, "train", rule=Sgd(variant.rate, 0.9), seed=seed)
    random, losses = np.random.default_rng(seed), []
    for _ in range(variant.epochs):
        order = random.permutation(len(images))
        for first in range(0, len(images) - BATCH + 1, BATCH):
            some = order[first : first + BATCH]
            losses.append(float(step(images[some], labels[some], len(losses))[0].mean()))
    return losses


def right(net: Net, data: Data) -> float:
    """The percentage of images whose class is found."""
    images, labels = data
    return 100 * float((net.compile(128)(images).argmax(-1) == labels).mean())


def steps_below(losses: list[float], bound: float = 1.0) -> int | None:
    """Steps until the mean loss of ten is below the bound; None where it never is."""
    means = np.convolve(losses, np.full(10, 0.1), "valid")
    below = np.flatnonzero(means < bound)
    return int(below[0]) + 10 if below.size else None


def outcome(
    variant: Variant, seed: int, data: Callable[[tuple[int, ...]], tuple[Data, Data]] = digits
) -> Outcome:
    net = kitnet.parse(variant.line).initialise(seed, init=variant.init)
    (images, labels), test = data(net.input_shape)
    chosen = np.random.default_rng(seed).permutation(len(images))[: variant.images]
    train = images[chosen], labels[chosen]
    losses = learn(variant, net, train, seed)
    means = losses[0], float(np.mean(losses[-LAST:]))
    return Outcome(variant.name, seed, *means, steps_below(losses), right(net, train), right(net, test))


def deviations(variant: Variant, seed: int) -> Iterator[dict[str, Any]]:
    """Of the activations of each layer before any training, for 256 images."""
    net = kitnet.parse(variant.line).initialise(seed, init=variant.init)
    (images, _), _ = digits(net.input_shape)
    tape = net.tape(images[:256])
    for node in net.graph.nodes:
        if node.word in ("relu", "tanh", "lecuntanh"):
            deviation = f"{tape[node.path].std():.4g}"
            yield {"variant": variant.name, "seed": seed, "layer": node.path, "deviation": deviation}


def write(path: Path, rows: list[dict[str, Any]], command: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "command"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "command": command} for row in rows)


def told(row: Outcome) -> dict[str, Any]:
    """Four digits of what is measured."""
    return {name: f"{x:.4g}" if isinstance(x, float) else x for name, x in asdict(row).items()}


def summary(rows: list[Outcome]) -> str:
    """Means over the seeds."""
    lines = [f"{'':36}{'first loss':>11}{'last loss':>10}{'steps':>8}{'train':>8}{'test':>8}"]
    for name in dict.fromkeys(row.variant for row in rows):
        mine = [row for row in rows if row.variant == name]
        steps = [row.steps for row in mine]
        known = [each for each in steps if each is not None]
        mean = f"{np.mean(known):.0f}" if len(known) == len(steps) else "never" if not known else "some"
        first, last, train, test = (
            float(np.mean([getattr(row, each) for row in mine]))
            for each in ("first_loss", "last_loss", "train", "test")
        )
        lines.append(f"{name:36}{first:11.4g}{last:10.4g}{mean:>8}{train:8.1f}{test:8.1f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(EXPERIMENTS)}; usually all")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, help="usually as many as the experiment says")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"no experiment {unknown[0]!r}; known: {', '.join(EXPERIMENTS)}")
    for name in given.names or EXPERIMENTS:
        variants = EXPERIMENTS[name]
        if given.epochs is not None:
            variants = [replace(each, epochs=given.epochs) for each in variants]
        command = f"python experiments/run.py {name} --seeds {given.seeds}"
        command += "" if given.epochs is None else f" --epochs {given.epochs}"
        rows = [outcome(each, seed) for each in variants for seed in range(given.seeds)]
        write(given.output / f"{name}.csv", [told(row) for row in rows], command)
        if name == "initialisation":
            found = [
                row for each in variants for seed in range(given.seeds) for row in deviations(each, seed)
            ]
            write(given.output / "deviations.csv", found, command)
        print(f"{name}\n{summary(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
