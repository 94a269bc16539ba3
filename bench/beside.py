"""The same recipe by kitnet and by PyTorch: `python bench/beside.py RECIPE [--data D] [--epochs N]`.

PyTorch (`translated.py`) begins from kitnet's weights and reads the batches of kitnet's loader: the same
images in the same order, changed in the same way. Of eager and compiled it takes what is faster in five
steps. Each side runs in a process of its own, one after the other; seconds go from the first step to the end
of the last epoch, loading and augmentation included, compiling and judging not. Both are judged on the same
test part, of the same views, with the last weights of the run, or the averaged ones. `--steps N` ends both
after so many steps and compares the speed alone, in turns, `--seeds` times.

The table goes to results/beside.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from process import BUSY, ROOT, machine, work
from side import THREADS

from kitnet.train import Settings
from kitnet.train.run import Run
from kitnet.train.step import judged_step, make_step

RESULTS = ROOT / "results" / "beside.csv"
WARM, TRIED = 2, 5  # steps before a configuration of PyTorch is timed, and that are timed
FIELDS = (
    *("recipe", "seeds", "steps", "kitnet_accuracy", "torch_accuracy", "kitnet_seconds", "torch_seconds"),
    *("kitnet_images_per_second", "torch_images_per_second", "ratio", "torch_as", "others"),
)


class Kitnet:
    def __init__(self, run: Run) -> None:
        self.run, self._step = run, make_step(run)
        self.name = "kitnet"

    def step(self, x: Any, labels: Any, number: int) -> None:
        judged_step(self._step, self.run.model, x, labels, number)

    def accuracy(self) -> float:
        run, test = self.run, self.run.parts.test
        assert test is not None
        if "average" in run.memory:
            run.model.net.weights.flat[...] = run.memory["average"].flat
        return run.model.evaluate(test).accuracy


class Torch:
    def __init__(self, run: Run) -> None:
        import torch
        from translated import Update, translated

        torch.set_num_threads(THREADS)
        self.torch, self.run = torch, run
        smooth = getattr(run.model.loss, "smooth", 0.0)
        self._loss = torch.nn.CrossEntropyLoss(label_smoothing=smooth)
        trials = {}
        for name in ("eager", "compiled"):
            self._build(name, translated, Update)
            trials[name] = self._tried()
        self.name = min(trials, key=lambda name: trials[name])
        self._build(self.name, translated, Update)
        if self.name == "compiled":
            self._loss_of(*self._batch()).backward()  # compiles
            self._build(self.name, translated, Update)

    def _build(self, name: str, translated: Any, update: Any) -> None:
        self.module = translated(self.run.model.net, self.torch).train()
        self.update = update(self.run.rule, self.run.model.net, self.module, self.torch)
        module, loss = self.module, self._loss

        def loss_of(x: Any, labels: Any) -> Any:
            return loss(module(x), labels)

        self._loss_of = self.torch.compile(loss_of) if name == "compiled" else loss_of

    def _batch(self) -> tuple[Any, Any]:
        x, labels = next(iter(self.run.loader.epoch(0)))
        return self.torch.from_numpy(x), self.torch.from_numpy(labels)

    def _tried(self) -> float:
        x, labels = self._batch()
        for i in range(WARM + TRIED):
            if i == WARM:
                begun = time.perf_counter()
            self._one(x, labels, i)
        return time.perf_counter() - begun

    def _one(self, x: Any, labels: Any, number: int) -> None:
        self.update.zero_grad()
        self._loss_of(x, labels).backward()
        self.update(number)

    def step(self, x: Any, labels: Any, number: int) -> None:
        self._one(self.torch.from_numpy(x), self.torch.from_numpy(labels), number)

    def accuracy(self) -> float:
        run, test = self.run, self.run.parts.test
        assert test is not None
        self.update.show_average()
        module, right = self.module.eval(), 0
        with self.torch.inference_mode():
            for images, labels in test.chunks():
                x = run.model.preparation.prepare(images)
                scores = sum(
                    share * module(self.torch.from_numpy(view)).numpy()
                    for share, view in run.model.views.of(x)
                )
                right += int((np.asarray(scores).argmax(1) == labels).sum())
        return right / len(test)


def trained(job: dict[str, Any]) -> dict[str, Any]:
    """What one side does, in a process of its own."""
    run = Run.of(Settings(**job["settings"]))
    run.begin()
    side = {"kitnet": Kitnet, "torch": Torch}[job["side"]](run)
    number, images, spent = 0, 0, 0.0
    for epoch in range(run.epochs):
        begun = time.perf_counter()
        for x, labels in islice(run.loader.epoch(epoch), job["steps"] and max(0, job["steps"] - number)):
            side.step(x, labels, number)
            number, images = number + 1, images + len(labels)
        spent += time.perf_counter() - begun
    accuracy = None if job["steps"] else side.accuracy()
    return {
        "accuracy": accuracy, "seconds": spent, "images_per_second": images / spent,
        "as": side.name, "steps": number,
    }  # fmt: skip


def row(
    recipe: str, given: dict[str, Any], seeds: int, steps: int | None, sides: list[str]
) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    others = 0.0
    for seed in range(seeds):
        for side in sides:
            settings = {"model": recipe, "seed": 0 if steps else seed, **given}
            job = {"settings": settings, "side": side, "steps": steps}
            one, busy = work(job, THREADS, script=Path(__file__))
            print(
                json.dumps({"recipe": recipe, "seed": seed, "side": side, **one, "others": busy}), flush=True
            )
            found[side].append(one)
            others = max(others, busy)
    made: dict[str, Any] = {
        "recipe": " ".join([recipe, *(f"--{k} {v}" for k, v in given.items() if k == "epochs")])
    }
    for side, runs in found.items():
        accuracies = [one["accuracy"] for one in runs if one["accuracy"] is not None]
        made[f"{side}_accuracy"] = " ".join(f"{one:.4f}" for one in accuracies)
        made[f"{side}_seconds"] = f"{statistics.median(one['seconds'] for one in runs):.1f}"
        made[f"{side}_images_per_second"] = (
            f"{statistics.median(one['images_per_second'] for one in runs):.0f}"
        )
    speeds = {side: [one["images_per_second"] for one in runs] for side, runs in found.items()}
    if len(sides) == 2:
        ratios = [a / b for a, b in zip(speeds["kitnet"], speeds["torch"], strict=True)]
        made |= {"ratio": f"{statistics.median(ratios):.2f}", "torch_as": found["torch"][0]["as"]}
    told = f"{others:.2f}" + (" disturbed" if others > BUSY else "")
    return {**made, "seeds": seeds, "steps": found[sides[0]][0]["steps"], "others": told}


def main() -> None:
    parser = argparse.ArgumentParser(description="the same recipe by kitnet and by PyTorch")
    parser.add_argument("recipe")
    parser.add_argument("--data")
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=1, help="runs of each side")
    parser.add_argument("--steps", type=int, help="end after so many, and compare the speed alone")
    parser.add_argument("--side", choices=("kitnet", "torch"), help="one alone, not into the table")
    options = parser.parse_args()
    given = {name: getattr(options, name) for name in ("data", "data_dir", "epochs")}
    given = {name: value for name, value in given.items() if value is not None} | {"validation": 0.0}
    sides = [options.side] if options.side else ["kitnet", "torch"]
    made = row(options.recipe, given, options.seeds, options.steps, sides)
    print(json.dumps(made))
    if options.side:
        return
    told, rows = machine(), []
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            rows = list(csv.DictReader(file))
    key = ("recipe", "steps")
    rows = [one for one in rows if any(str(one[k]) != str(made[k]) for k in key)] + [{**made, **told}]
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*FIELDS, *told])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    import sys

    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(trained(json.loads(sys.argv[1]))))
    else:
        main()
