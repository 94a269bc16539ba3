"""One process, one side, one measurement: `worker.py JOB` prints a line of JSON, leaves answers in a file.

JOB is JSON: bench, side, seconds to measure, answers (a path). Exit status 2 with one line on standard error
where the side cannot run the network.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from side import THREADS, NotYetError, Side, forget_peak, peak, resident, seconds_per_call
from table import BENCHES


def _side(bench: str, name: str) -> Side:
    if name == "kitnet":
        import ours

        return ours.side(BENCHES[bench])
    import rivals

    return rivals.side(BENCHES[bench], name)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Build, answer, then time; memory is what the timed runs hold at most beside library and data."""
    side = _side(job["bench"], job["side"])
    before = resident()
    side.build()
    np.savez(job["answers"], **{name: np.asarray(value) for name, value in side.answers().items()})
    forget_peak()
    seconds = job["seconds"] / (8 if job["bench"] == "conv" else 1)  # which has thirty things to time
    times = {name: seconds_per_call(step, seconds / 2, seconds) for name, step in side.steps()}
    return {"times": times, "memory": peak() - before, **side.facts()}


def ceiling() -> dict[str, float]:
    """What the processor can do at most, in GFLOP/s."""
    from kitnet.kernels.ceiling import measure as measure_ceiling

    return {"ceiling": measure_ceiling(THREADS)}


def main() -> int:
    job = json.loads(sys.argv[1])
    try:
        found = ceiling() if job["side"] == "ceiling" else measure(job)
    except NotYetError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
