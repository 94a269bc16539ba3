"""One layer by every algorithm: time, memory and error of each pass, side by side.

Algorithms take turns, so that what else the machine does falls on all of them alike; the median counts.

A time is that of a caller whose arrays are dense: generated code that wants images or channels in the vector
lanes has to put them there. In the forward pass what is made of the filters alone is made before, as a plan
for scores does it; in the gradients it counts, since training changes the filters.
"""

from __future__ import annotations

import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kitnet.base.argument import thread_count
from kitnet.base.spec import Array
from kitnet.kernels.cpu import cores, detect
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.generated import generated
from kitnet.lab.im2col import IM2COL
from kitnet.lab.loops import LOOPS
from kitnet.lab.matrix import MATRIX
from kitnet.lab.multiplications import multiplications
from kitnet.lab.problem import InapplicableError, Pass, Problem, read_problem
from kitnet.lab.spectra import FOURIER

ROUNDS = 7
LEAST = 0.01  # seconds of one measurement at least, of several runs where they are shorter
SECONDS = 9.0  # for the rounds of all passes
FLOAT = 4  # bytes
Progress = Callable[[str], None]  # what is being done


@dataclass(frozen=True)
class Row:
    """One algorithm in one pass. Where it does not apply, `reason` says why, and there are no numbers.

    `seconds` of a run, the median; `share` of the result that was computed, from which the time was scaled;
    `gflops`: billions of operations of the definition per second; `values`: float32 numbers beyond operands
    and result that it needs; `error`: the largest difference from float64, and `relative_error` the same as a
    share of the largest number.
    """

    name: str
    sentence: str
    reason: str | None = None
    seconds: float = math.nan
    share: float = 1.0
    gflops: float = math.nan
    values: int = 0
    error: float = math.nan
    relative_error: float = math.nan
    kernels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        if self.reason is not None:
            return {"name": self.name, "sentence": self.sentence, "reason": self.reason}
        found = asdict(self)
        del found["reason"]
        return found


@dataclass(frozen=True)
class Comparison:
    """What was measured. `rows` by passes: "forward", "data" and, for a convolution, "weights"."""

    line: str
    batch: int
    threads: int
    processor: str
    lanes: int  # float32 numbers of a vector
    operations: int  # of a pass
    multiplications: dict[str, int]  # forward, by algorithms
    rows: dict[Pass, tuple[Row, ...]]

    def winner(self, which: Pass) -> Row:
        """The quickest of a pass."""
        return min((row for row in self.rows[which] if row.reason is None), key=lambda row: row.seconds)

    def to_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "batch": self.batch,
            "threads": self.threads,
            "processor": self.processor,
            "lanes": self.lanes,
            "operations": self.operations,
            "multiplications": self.multiplications,
            "passes": {
                which: {"winner": self.winner(which).name, "algorithms": [row.to_json() for row in rows]}
                for which, rows in self.rows.items()
            },
        }


def compare(
    line: str,
    batch: int = 1,
    *,
    threads: int | None = None,
    seed: int = 0,
    seconds: float = SECONDS,
    progress: Progress | None = None,
) -> Comparison:
    """Run the layer of a line such as `28x28x128 conv3-128 same` by every algorithm.

    `threads` are those of generated code, by default one a core; NumPy's products take as many as its BLAS
    does. `seconds` are the most for measuring; compiling and checking come on top. Raises KitnetError for
    what is no convolution or pool, or too large.
    """
    problem = read_problem(line, batch, seed)
    count = thread_count(threads) or cores()
    algorithms = algorithms_for(problem, count)
    rows = {
        which: _compared(problem, which, algorithms, seconds / len(problem.passes), progress)
        for which in problem.passes
    }
    cpu = detect()
    about = problem.line, batch, count, str(cpu), cpu.lanes, problem.operations, multiplications(problem)
    return Comparison(*about, rows)


def algorithms_for(problem: Problem, threads: int) -> list[Algorithm]:
    """All that compute such a layer, or say why they do not."""
    return [LOOPS, IM2COL, FOURIER, MATRIX, *generated(problem.layer, threads)]


def _compared(
    problem: Problem, which: Pass, algorithms: list[Algorithm], seconds: float, progress: Progress | None
) -> tuple[Row, ...]:
    tell = progress or (lambda what: None)
    tell(f"{which}: float64")
    expected = problem.expected(which)
    ready: dict[str, Ready] = {}
    reasons: dict[str, str] = {}
    values, errors, first = {}, {}, {}
    for one in algorithms:
        tell(f"{which}: {one.name}")
        try:
            ready[one.name] = made = one.prepare(problem, which)
        except InapplicableError as error:
            reasons[one.name] = str(error)
            continue
        start = time.perf_counter()
        result, workspace = _first_run(made)
        first[one.name] = time.perf_counter() - start
        values[one.name] = (made.held + workspace) // FLOAT
        errors[one.name] = _error(result, expected, made)
    tell(f"{which}: taking turns")
    times = _measured({name: made.run for name, made in ready.items()}, seconds, first)
    largest = float(np.abs(expected).max())

    def row(one: Algorithm) -> Row:
        if one.name in reasons:
            return Row(one.name, one.sentence, reasons[one.name])
        made, error = ready[one.name], errors[one.name]
        share = 1.0 if made.sampled is None else made.sampled.size / expected.size
        taken = times[one.name] / share
        speed = problem.operations / taken / 1e9
        found = taken, share, speed, values[one.name], error, error / largest if largest else error
        return Row(one.name, one.sentence, None, *found, made.kernels)

    return tuple(map(row, algorithms))


def _first_run(made: Ready) -> tuple[Array, int]:
    """The result, and the bytes that the run takes beside it."""
    if made.workspace is not None:
        return made.run(), made.workspace
    tracemalloc.start()
    try:
        result = made.run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return result, max(peak - result.nbytes, 0)


def _error(result: Array, expected: Array, made: Ready) -> float:
    wanted = expected if made.sampled is None else expected.reshape(-1)[made.sampled]
    return float(np.abs(result - wanted).max())


def _measured(
    runs: dict[str, Callable[[], Array]], seconds: float, first: dict[str, float]
) -> dict[str, float]:
    """The median time of a run of each, in rounds in which they take turns. `first` is what their first runs
    took. Each has the same share of the time: what is slow is measured in fewer rounds, or not again.
    """
    names, share = list(runs), seconds / max(len(runs), 1)
    slow = {name for name in names if 2 * first[name] > share}
    found = {name: [first[name] if name in slow else _time(runs[name], 1)] for name in names}
    repeats = {name: max(1, math.ceil(LEAST / times[0])) for name, times in found.items()}
    spent = {name: times[0] for name, times in found.items()}
    for i in range(ROUNDS):
        begin = i % max(len(names), 1)  # every round begins with another one
        for name in names[begin:] + names[:begin]:
            expected = repeats[name] * min(found[name])
            if name not in slow and spent[name] + expected <= share:
                found[name].append(_time(runs[name], repeats[name]))
                spent[name] += repeats[name] * found[name][-1]
    return {name: statistics.median(times[1:] or times) for name, times in found.items()}


def _time(run: Callable[[], Array], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats
