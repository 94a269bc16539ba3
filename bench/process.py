"""Measured processes as the commands start them, and the machine that they run on."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from side import NotYetError

ROOT = Path(__file__).resolve().parent.parent  # of this checkout
BUSY = 0.05  # share of the machine that others may use before the numbers are called disturbed


@dataclass(frozen=True)
class Options:
    rounds: int
    seconds: float
    threads: int
    only_rivals: bool = False


def work(
    job: dict[str, Any], threads: int, checkout: Path = ROOT, script: Path | None = None
) -> tuple[dict[str, Any], float]:
    """What a process that runs a checkout of kitnet prints, by its `worker.py` or another script, and how
    much of the machine others used meanwhile. Raises NotYetError or RuntimeError with its last line.
    """
    bench, before = checkout / "bench", os.environ.get("PYTHONPATH")
    paths = [str(checkout), str(bench), *([before] if before else [])]
    count = str(threads)
    environment = {"BENCH_THREADS": count, "OMP_NUM_THREADS": count, "PYTHONPATH": os.pathsep.join(paths)}
    environment["PYTHONDONTWRITEBYTECODE"] = ""  # the first step is that of a user, who has bytecode
    with watched() as use:
        done = subprocess.run(
            [sys.executable, "-P", str(script or bench / "worker.py"), json.dumps(job)],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
    if done.returncode == 2:
        raise NotYetError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found, use["others"]


@contextlib.contextmanager
def watched() -> Iterator[dict[str, float]]:
    """How much of the machine others used meanwhile: `others`, 0 to 1."""
    use = {"others": 0.0}
    busy, own, start = _busy(), _children(), time.perf_counter()
    yield use
    spent = max(time.perf_counter() - start, 1e-9) * (os.cpu_count() or 1)
    use["others"] = max(0.0, (_busy() - busy - (_children() - own)) / spent)


def _busy() -> float:
    """Seconds that all cores have worked since the machine began; 0 where the system does not tell."""
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    ticks = [int(word) for word in words]
    working = sum(ticks[:8]) - ticks[3] - ticks[4]  # without idling and waiting for disks
    return working / os.sysconf("SC_CLK_TCK")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def machine() -> dict[str, str]:
    """Where and when, and of which state of the sources."""
    from kitnet.kernels.cpu import detect

    return {
        "machine": f"{os.cpu_count()} cores, {detect()}",
        "commit": commit(ROOT),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M"),
    }


def commit(checkout: Path) -> str:
    """The commit of a checkout, with + where its kitnet has changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=checkout, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = "+" if git("status", "--porcelain", "--", "kitnet") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def say(text: str) -> None:
    """Progress, on standard error so that JSON stays alone on standard output."""
    print(text, file=sys.stderr, flush=True)


def tell_disturbed(report: dict[str, Any]) -> None:
    """The last line of a report that counts for nothing."""
    if report["disturbed"]:
        share = round(100 * report["used_by_others"])
        print(f"  DISTURBED: other processes used {share} % of the machine; these numbers count for nothing")
