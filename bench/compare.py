"""kitnet against its rivals on this machine: `python bench/compare.py NAME [--json]`, or `--all`; with
`--against DIR` against an older checkout of itself.

Every measurement is a process of its own; the sides take turns, round after round, and the median over the
rounds counts. A side whose numbers differ from PyTorch's is refused, and so is one that claims more than the
ceiling of the machine. How to run it: bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import against
import numpy as np
from layers import LAYERS
from outcome import RefusedError, columns_of, difference, digits, geometric, other_counts, write
from process import BUSY, ROOT, Options, machine, say, tell_disturbed, work
from rivals import rivals_of
from side import NotYetError
from table import BENCHES, Bench

RESULTS = ROOT / "results" / "compare.csv"
HOPELESS = 1.5  # a rival this much slower than the best after two rounds is measured no more


@dataclass
class Record:
    """What the rounds of one side found."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: list[int] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return min(map(len, self.times.values()), default=0)

    def seconds(self, what: str) -> float:
        return statistics.median(self.times[what])


class Comparison:
    """All rounds of one name."""

    def __init__(self, bench: Bench, options: Options, folder: Path) -> None:
        self.bench, self.options, self.folder = bench, options, folder
        self.rivals = list(rivals_of(bench))
        self.records: dict[str, Record] = {}
        self.ceilings: list[float] = []
        self.others: list[float] = []
        self.failed: dict[str, str] = {}

    def run(self) -> None:
        """Raises NotYetError where kitnet cannot run the network, RefusedError where it is wrong."""
        sides = [*([] if self.options.only_rivals else ["kitnet"]), *self.rivals]
        for number in range(self.options.rounds):
            self.ceilings.append(self._work("ceiling")["ceiling"])
            for name in list(sides):
                say(f"{self.bench.name}: round {number + 1} of {self.options.rounds}, {name}")
                try:
                    self._measure(name)
                except RuntimeError as error:
                    if name == "kitnet":
                        raise RefusedError(f"kitnet failed: {error}") from None
                    self.failed[name] = str(error)
                    sides.remove(name)
            if not number:
                self._check()
                sides = [name for name in sides if name not in self.failed]
            else:
                sides = [name for name in sides if name == "kitnet" or not self._hopeless(name)]
        self.ceilings.append(self._work("ceiling")["ceiling"])

    def _measure(self, name: str) -> None:
        found = self._work(name)
        record = self.records.setdefault(name, Record())
        for what, seconds in found.pop("times").items():
            record.times[what].append(seconds)
        record.memory.append(found.pop("memory"))
        record.facts = found

    def _work(self, side: str) -> dict[str, Any]:
        """One process. Raises NotYetError or RuntimeError with its last line."""
        job = {
            "bench": self.bench.name,
            "side": side,
            "seconds": self.options.seconds,
            "answers": str(self.folder / f"{side}.npz"),
        }
        found, others = work(job, self.options.threads)
        self.others.append(others)
        return found

    def _check(self) -> None:
        """Both sides count the same operations and compute the same numbers."""
        judge = self.rivals[0]
        if judge not in self.records:
            raise RefusedError(f"{judge}, which says what is right, failed: {self.failed[judge]}")
        right, facts = self.folder / f"{judge}.npz", self.records[judge].facts
        for name, record in list(self.records.items()):
            reason = other_counts(record.facts, facts, judge)
            reason = reason or difference(self.bench, right, self.folder / f"{name}.npz", judge)
            if reason and name == "kitnet":
                raise RefusedError(f"kitnet is refused: {reason}")
            if reason:
                self.failed[name] = f"refused: {reason}"
                del self.records[name]

    def _hopeless(self, name: str) -> bool:
        """Whether a rival is far behind the best one at everything."""
        rivals = [record for other, record in self.records.items() if other != "kitnet"]
        return all(
            self.records[name].seconds(what) > HOPELESS * min(r.seconds(what) for r in rivals)
            for what in rivals[0].times
        )

    # What came out

    def report(self) -> dict[str, Any]:
        """The result as JSON has it. Raises RefusedError for more than the ceiling."""
        rivals = {name: record for name, record in self.records.items() if name != "kitnet"}
        rows = [self._row(what, rivals) for what in next(iter(rivals.values())).times]
        ratios = [row["ratio"] for row in rows if row["ratio"]]
        whole = rows[0]
        if self.bench.task == "layers":
            speeds = [row["kitnet"] for row in rows if row["kitnet"]]
            whole = {
                "kitnet": digits(geometric(speeds)) if speeds else None,
                "best": digits(geometric(row["best"] for row in rows)),
                "best_rival": "PyTorch, the best of each layer and pass",
                "unit": "GFLOP/s, geometric mean",
                "ratio": digits(geometric(ratios)) if ratios else None,
                "least_ratio": min(ratios, default=None),
                "layers": rows,
            }
        others = statistics.median(self.others)
        least = whole.get("least_ratio", 1.0)
        kitnet = self.records.get("kitnet", Record())
        return {
            "name": self.bench.name,
            **whole,
            "goal": self.bench.goal,
            "reached": bool(ratios) and whole["ratio"] >= self.bench.goal and least >= 1.0,
            "batch": self.bench.batch,
            "task": self.bench.task,
            "note": self._note(),
            "ceiling": round(max(self.ceilings), 1),
            "threads": self.options.threads,
            "rounds": {name: record.rounds for name, record in self.records.items()},
            "failed": self.failed,
            "used_by_others": round(others, 3),
            "disturbed": others > BUSY,
            "algorithms": kitnet.facts.get("algorithms", []),
            "formula_steps": kitnet.facts.get("formula_steps"),
            **machine(),
            "versions": self._versions(),
        }

    def _note(self) -> str:
        if self.bench.task == "layers":
            return "kitnet holds the batch in the lanes; conversion from and to N,H,W,C is not counted"
        return ""

    def _versions(self) -> dict[str, str]:
        found = {"python": platform.python_version(), "numpy": np.__version__}
        for record in self.records.values():
            found |= record.facts["versions"]
        return found

    def _row(self, what: str, rivals: dict[str, Record]) -> dict[str, Any]:
        """One thing that was timed. `kitnet`, `best` and `rivals` are images/s, GFLOP/s for single layers."""
        flop = self._flop(what)
        unit = self.bench.batch or flop / 1e9
        seconds = {name: record.seconds(what) for name, record in self.records.items()}
        best = min(rivals, key=seconds.__getitem__)
        top = max(self.ceilings)
        speed = {name: flop / each / 1e9 for name, each in seconds.items()}
        for name, gflops in speed.items():
            if gflops > top and self.records[name].facts.get("direct", True):
                raise RefusedError(
                    f"{name} is refused: {gflops:.0f} GFLOP/s are more than the ceiling of {top:.0f}, "
                    "and its algorithms are direct"
                )
        ours = seconds.get("kitnet")
        memory = {name: round(statistics.median(r.memory) / 2**20, 1) for name, r in self.records.items()}
        torch = {name: seconds[name] for name in seconds if name.startswith("torch")}
        counted = bool(self.bench.batch)
        return {
            "what": what,
            "kitnet": digits(unit / ours) if ours else None,
            "best": digits(unit / seconds[best]),
            "best_rival": best,
            "unit": "images/s" if self.bench.batch else "GFLOP/s",
            "ratio": digits(seconds[best] / ours) if ours else None,
            "rivals": {name: digits(unit / seconds[name]) for name in rivals},
            "gflops": {name: round(each, 1) for name, each in speed.items()},
            "percent_of_ceiling": {name: round(100 * each / top, 1) for name, each in speed.items()},
            "memory_mib": memory if counted else {},
            "fastest_torch_memory_mib": memory[min(torch, key=torch.__getitem__)] if counted else None,
            "least_torch_memory_mib": min(memory[name] for name in torch) if counted else None,
        }

    def _flop(self, what: str) -> float:
        """Operations of one call, two for each multiply-add. Backward is two more products, the first layer's
        one.
        """
        if self.bench.task == "layers":
            return 2.0 * next(
                one.multiply_adds for one in LAYERS[self.bench.name] if what.startswith(f"{one} ")
            )
        facts = next(iter(self.records.values())).facts
        forward, first = facts["multiply_adds"], facts["first"]
        return 2.0 * self.bench.batch * (forward if self.bench.task == "infer" else 3 * forward - first)


def show(report: dict[str, Any]) -> None:
    """A report for people."""
    print(f"{report['name']} ({report['threads']} threads, ceiling {report['ceiling']:.0f} GFLOP/s)")
    for row in report.get("layers", [report]):
        if row is not report:
            ratio = f"{row['ratio']:.2f}" if row["ratio"] else "-"
            speeds = f"kitnet {row['kitnet'] or '-':>6}, {row['best_rival']} {row['best']:>6} GFLOP/s"
            print(f"  {row['what']:44} {speeds:54} ratio {ratio}")
            continue
        for name in row["gflops"]:
            value = row["kitnet"] if name == "kitnet" else row["rivals"][name]
            print(
                f"  {name:24}{value:>12,.6g} images/s {row['gflops'][name]:>8} GFLOP/s "
                f"{row['percent_of_ceiling'][name]:>6} % of the ceiling {row['memory_mib'][name]:>9} MiB"
            )
    for name, reason in report["failed"].items():
        print(f"  {name}: {reason}")
    if report["ratio"]:
        least = f", the least {report['least_ratio']}" if "least_ratio" in report else ""
        print(f"  ratio to {report['best_rival']}: {report['ratio']}{least} (to reach: {report['goal']})")
    if report["note"]:
        print(f"  {report['note']}")
    tell_disturbed(report)


def rows_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """A report as rows of a table: one a name, and one for each layer and pass of single layers."""
    rows = []
    for row in [*report.get("layers", []), report]:
        name = report["name"] if row is report else f"{report['name']}: {row['what']}"
        memory, share = row.get("memory_mib", {}), row.get("percent_of_ceiling", {})
        rows.append(
            {
                "name": name,
                "batch": report["batch"] or "",
                "unit": row["unit"],
                "kitnet": row["kitnet"],
                "best": row["best"],
                "best_rival": row["best_rival"],
                "ratio": row["ratio"],
                "goal": report["goal"] if row is report else 1.0,
                "kitnet_gflops": row.get("gflops", {}).get("kitnet"),
                "kitnet_percent_of_ceiling": share.get("kitnet"),
                "best_percent_of_ceiling": share.get(row["best_rival"]),
                "ceiling_gflops": report["ceiling"],
                "kitnet_mib": memory.get("kitnet"),
                "fastest_torch_mib": row.get("fastest_torch_memory_mib"),
                "least_torch_mib": row.get("least_torch_memory_mib"),
                "rivals": json.dumps(row.get("rivals", {})),
                "rounds": max(report["rounds"].values()),
                "threads": report["threads"],
                "used_by_others": report["used_by_others"],
                "machine": report["machine"],
                "versions": " ".join(f"{name}={text}" for name, text in report["versions"].items()),
                "commit": report["commit"],
                "date": report["date"],
                "note": report["note"],
            }
        )
    return rows


def compare(name: str, options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="kitnet-bench-") as folder:
        comparison = Comparison(BENCHES[name], options, Path(folder))
        comparison.run()
        return comparison.report()


def arguments() -> argparse.Namespace:
    """What the command line says, checked."""
    parser = argparse.ArgumentParser(
        description="kitnet against its rivals on this machine, or an older kitnet"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--all", action="store_true", help="every name, into results/compare.csv")
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="an older checkout of kitnet, instead of the rivals"
    )
    parser.add_argument("--output", type=Path, help="write a table to this file instead")
    parser.add_argument("--json", action="store_true", help="one line of JSON a name")
    parser.add_argument("--rounds", type=int, default=10, help="processes of each side (default 10)")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured in each process (default 2)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default 2)")
    parser.add_argument("--only-rivals", action="store_true", help="leave kitnet out")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown or not (given.names or given.all):
        parser.error(f"unknown name {unknown[0]}" if unknown else "which name? or --all")
    if given.against and given.only_rivals:
        parser.error("--only-rivals: there are none with --against")
    if given.against and not (given.against / "bench" / "worker.py").exists():
        parser.error(f"--against: {given.against} is no checkout of kitnet; it has no bench/worker.py")
    if given.all and not (given.output or given.against):
        given.output = RESULTS
    columns = columns_of(given.output) if given.output else []
    if columns and ("against" in columns) != bool(given.against):
        parser.error(f"--output: {given.output} has the columns of another table; give a new file")
    return given


def main() -> int:
    given, status = arguments(), 0
    options = Options(max(given.rounds, 1), given.seconds, given.threads, given.only_rivals)
    old = given.against
    for name in given.names or BENCHES:
        try:
            report = against.compare(name, options, old) if old else compare(name, options)
        except (NotYetError, RefusedError) as error:
            say(f"{name}: {error}")
            status = 2
            continue
        if given.json:
            print(json.dumps(report), flush=True)
        else:
            (against.show if old else show)(report)
        if given.output:  # after each name, so that nothing is lost
            write((against.rows if old else rows_of)(report), given.output)
            say(f"wrote {given.output}")
    return status


if __name__ == "__main__":
    sys.exit(main())
