"""What the recipes reach, and in what time: `python bench/records.py [NAME ...] [--data-dir DIR]`.

Each name of RECORDS is trained with several seeds, one process after the other, by `kitnet train`, into a
temporary folder. The time is that of the run's own summary: from the first step to the end of the last epoch,
loading and augmentation included, compiling and judging not. The table goes to results/records.csv.

The numbers of the recipes for MNIST were settled with the test accuracy of seed 1 in sight.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from process import BUSY, ROOT, machine, watched

RESULTS = ROOT / "results" / "records.csv"
FIELDS = ("run", "seeds", "mean_accuracy", "accuracies", "median_seconds", "goal", "reached", "others")
# What is run, and what it is to reach: the least mean accuracy, the most median seconds.
RECORDS = {
    "digits": (["lenet5.digits"], 0.97, 5.0),
    "mnist in 10 s": (["lenet5.mnist", "--epochs", "5"], 0.99, 10.0),
    "mnist in 60 s": (["lenet5.mnist"], 0.993, 60.0),
    "mnist 1998": (["lenet5-1998.mnist", "--augment", "none"], 0.9905, None),
    "mnist 1998 with distortions": (["lenet5-1998.mnist"], 0.992, None),
    "fashion-mnist": (["lenet5.fashion-mnist"], 0.91, None),
    "fashion-mnist, small resnet": (["resnet20.fashion-mnist"], 0.94, None),
}


def run(arguments: list[str], seed: int, runs: str, data_dir: str | None) -> dict[str, float]:
    """The summary of one training."""
    place = ["--data-dir", data_dir] if data_dir and not arguments[0].endswith(".digits") else []
    command = [sys.executable, "-m", "kitnet", "train", *arguments, *place]
    command += ["--seed", str(seed), "--runs", runs, "--name", f"{arguments[0]}-{seed}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    summary: dict[str, float] = json.loads(
        (Path(runs) / f"{arguments[0]}-{seed}" / "summary.json").read_text()
    )
    return summary


def record(name: str, seeds: int, data_dir: str | None) -> dict[str, object]:
    """All seeds of a record as a row of the table."""
    arguments, accuracy, seconds = RECORDS[name]
    with tempfile.TemporaryDirectory() as runs, watched() as use:
        found = [run(arguments, seed, runs, data_dir) for seed in range(seeds)]
    mean = statistics.mean(one["test_accuracy"] for one in found)
    median = statistics.median(one["seconds"] for one in found)
    return {
        "run": f"kitnet train {' '.join(arguments)}",
        "seeds": seeds,
        "mean_accuracy": f"{mean:.5f}",
        "accuracies": " ".join(f"{one['test_accuracy']:.4f}" for one in found),
        "median_seconds": f"{median:.1f}",
        "goal": f"{accuracy:g}" + (f" in {seconds:g} s" if seconds else ""),
        "reached": mean >= accuracy and (seconds is None or median <= seconds),
        "others": f"{use['others']:.2f}" + (" disturbed" if use["others"] > BUSY else ""),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="what the recipes reach")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECORDS))
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    told = machine()
    rows = []
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            rows = list(csv.DictReader(file))
    for name in options.names or RECORDS:
        row = record(name, options.seeds, options.data_dir)
        print(json.dumps(row))
        rows = [one for one in rows if one["run"] != row["run"]] + [{**row, **told}]
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*FIELDS, *told])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
