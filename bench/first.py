"""One process: the seconds from Python's start to the end of kitnet's first step; `first.py JOB` prints JSON.

JOB is JSON: bench, and `start`, which `time.perf_counter` said before the process was started. The first
checkout in PYTHONPATH is measured, be it this file's or an older one. What the bench itself draws, images,
labels and weights, is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ours

import kitnet

# An older checkout has its names in networks.py.
BENCHES = import_module("table" if find_spec("table") else "networks").BENCHES

DRAWN = ("images", "labels", "hand_over")


def leave_out(name: str, spent: list[float]) -> None:
    """Note what every call of a function of `ours` takes."""
    make = getattr(ours, name)

    def made(*given: Any) -> Any:
        start = time.perf_counter()
        found = make(*given)
        spent.append(time.perf_counter() - start)
        return found

    setattr(ours, name, made)


def main() -> None:
    job, spent = json.loads(sys.argv[1]), list[float]()
    for name in DRAWN:
        leave_out(name, spent)
    side = ours.side(BENCHES[job["bench"]])
    side.build()
    for _, step in side.steps():  # one, and thirty of single layers
        step()
    seconds = time.perf_counter() - job["start"] - sum(spent)
    print(json.dumps({"first": seconds, "checkout": str(Path(kitnet.__file__).resolve().parent.parent)}))


if __name__ == "__main__":
    main()
