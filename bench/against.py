"""kitnet against an older kitnet: the same measurements, by each checkout's own bench, in alternation.

The older one runs twice in every round, before and after the newer one. Its own two results say how far
numbers lie apart that should be equal.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from outcome import RefusedError, difference, digits, geometric, other_counts
from process import BUSY, ROOT, Options, commit, machine, say, tell_disturbed, work
from side import NotYetError
from table import BENCHES, Bench

TURNS = ("old", "new", "old again")
SLOWER = 0.97  # of the old speed; a ratio below counts unless the old one was as far from itself
FIRST = Path(__file__).resolve().parent / "first.py"


class Against:
    """All rounds of one name."""

    def __init__(self, bench: Bench, options: Options, old: Path, folder: Path) -> None:
        self.bench, self.options, self.folder = bench, options, folder
        self.roots = {"old": old.resolve(), "new": ROOT, "old again": old.resolve()}
        self.times: dict[str, list[dict[str, float]]] = defaultdict(list)  # by turn, then by round
        self.memory: dict[str, list[int]] = defaultdict(list)
        self.first: dict[str, list[float]] = defaultdict(list)
        self.facts: dict[str, dict[str, Any]] = {}
        self.others: list[float] = []

    def run(self) -> None:
        """Raises RefusedError where a side fails or both compute different numbers, NotYetError where one
        cannot run the network.
        """
        for number in range(self.options.rounds):
            for turn in TURNS:
                say(f"{self.bench.name}: round {number + 1} of {self.options.rounds}, {turn}")
                self._measure(turn)
            for turn in ("old", "new"):  # by now the code of both is in the cache
                self._measure_first(turn)
            if not number:
                self._check()

    def _measure(self, turn: str) -> None:
        answers = str(self.folder / f"{turn}.npz")
        job = {"side": "kitnet", "seconds": self.options.seconds, "answers": answers}
        found = self._work(turn, job)
        times = found.pop("times")
        whole = {"all": geometric(times.values())} if len(times) > 1 else {}
        self.times[turn].append({**whole, **times})
        self.memory[turn.removesuffix(" again")].append(found.pop("memory"))
        self.facts[turn] = found

    def _measure_first(self, turn: str) -> None:
        found = self._work(turn, {"start": time.perf_counter()}, FIRST)
        if found["checkout"] != str(self.roots[turn]):
            raise RefusedError(f"{turn} is {found['checkout']}, not {self.roots[turn]}")
        self.first[turn].append(found["first"])

    def _work(self, turn: str, job: dict[str, Any], script: Path | None = None) -> dict[str, Any]:
        try:
            found, others = work(
                {"bench": self.bench.name, **job}, self.options.threads, self.roots[turn], script
            )
        except NotYetError as error:
            raise NotYetError(f"{turn}: {error}") from None
        except RuntimeError as error:
            raise RefusedError(f"{turn} failed: {error}") from None
        self.others.append(others)
        return found

    def _check(self) -> None:
        """Both count the same operations and compute the same numbers."""
        old, new = (self.folder / f"{turn}.npz" for turn in ("old", "new"))
        reason = other_counts(self.facts["new"], self.facts["old"], "old")
        if reason := reason or difference(self.bench, old, new, "old"):
            raise RefusedError(f"new is refused: {reason}")

    # What came out

    def report(self) -> dict[str, Any]:
        """The result as JSON has it. `first` are the seconds to the end of the first step."""
        others = statistics.median(self.others)
        sides = ("new", "old")
        return {
            "name": self.bench.name,
            "batch": self.bench.batch,
            "task": self.bench.task,
            "rows": [self._row(what) for what in self.times["new"][0]],
            "memory_mib": {side: round(statistics.median(self.memory[side]) / 2**20, 1) for side in sides},
            "first": {side: digits(statistics.median(self.first[side])) for side in sides},
            "rounds": self.options.rounds,
            "seconds": self.options.seconds,
            "threads": self.options.threads,
            "used_by_others": round(others, 3),
            "disturbed": others > BUSY,
            **machine(),
            "against": commit(self.roots["old"]),
        }

    def _row(self, what: str) -> dict[str, Any]:
        """One thing that was timed. Ratios are of speeds, one for each round; that of new and old takes the
        mean of both old times.
        """
        old, new, again = ([found[what] for found in self.times[turn]] for turn in TURNS)
        ratios = [(a + c) / 2 / b for a, b, c in zip(old, new, again, strict=True)]
        same = [a / c for a, c in zip(old, again, strict=True)]
        ratio = statistics.median(ratios)
        return {
            "what": what,
            "new_ms": digits(1e3 * statistics.median(new)),
            "old_ms": digits(1e3 * statistics.median([*old, *again])),
            "ratio": _spread(ratios),
            "old_again": _spread(same),
            "slower": ratio < min(SLOWER, *same, *(1 / each for each in same)),
        }


def _spread(ratios: list[float]) -> dict[str, float]:
    """Median and range."""
    found = {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
    return {name: round(value, 3) for name, value in found.items()}


def compare(name: str, options: Options, old: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="kitnet-bench-") as folder:
        against = Against(BENCHES[name], options, old, Path(folder))
        against.run()
        return against.report()


def show(report: dict[str, Any]) -> None:
    """A report for people."""
    new, old = report["commit"], report["against"]
    print(f"{report['name']} ({report['threads']} threads), speed of {new} (new) over {old} (old)")
    for row in report["rows"]:
        ratio, again = (
            f"{spread['median']:.3f} ({spread['least']:.3f} to {spread['most']:.3f})"
            for spread in (row["ratio"], row["old_again"])
        )
        print(
            f"  {row['what']:42} new {row['new_ms']:>8} ms, old {row['old_ms']:>8} ms, "
            f"new/old {ratio}, old/old {again}{' SLOWER' * row['slower']}"
        )
    memory, first = report["memory_mib"], report["first"]
    print(f"  memory: new {memory['new']} MiB, old {memory['old']} MiB")
    print(f"  end of the first step after the start of Python: new {first['new']} s, old {first['old']} s")
    tell_disturbed(report)


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """A report as rows of a table: one a name, and one for each layer and pass of `conv`."""
    memory, first = report["memory_mib"], report["first"]
    found = []
    for i, row in enumerate(report["rows"]):
        spreads = {
            f"{name}_{word}": value for name in ("ratio", "old_again") for word, value in row[name].items()
        }
        found.append(
            {
                "name": report["name"] if i == 0 else f"{report['name']}: {row['what']}",
                "batch": report["batch"] or "",
                "new_ms": row["new_ms"],
                "old_ms": row["old_ms"],
                **spreads,
                "slower": "slower" if row["slower"] else "",
                "new_mib": "" if i else memory["new"],
                "old_mib": "" if i else memory["old"],
                "new_first_seconds": "" if i else first["new"],
                "old_first_seconds": "" if i else first["old"],
                **{name: report[name] for name in ("rounds", "seconds", "threads", "used_by_others")},
                **{name: report[name] for name in ("machine", "commit", "against", "date")},
            }
        )
    return found
