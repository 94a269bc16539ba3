"""Start the ranks of a training by `mpiexec`, and, where one dies, those that are left from the last
checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kitnet.base.error import KitnetError
from kitnet.distributed.job import MISTAKEN

REPORT = "KITNET_LAUNCH_REPORT"  # names a file into which rank 0 writes its run folder
AS_ROOT = dict.fromkeys(("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1")
OVERSUBSCRIBED = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
FORWARDED = getattr(signal, "SIGUSR1", None)  # what `mpiexec` passes on to ranks, which save and stop


@dataclass(frozen=True)
class Launch:
    """How many ranks, where, and what they do: `words` of the command line behind `kitnet`."""

    ranks: int
    words: tuple[str, ...]
    hosts: str = ""  # such as a:2,b:2
    restarts: int = 0
    as_root: bool = False
    oversubscribe: bool = False
    mpiexec: str = ""
    imports: tuple[str, ...] = ()  # words that have layers of one's own imported

    def command(self, words: Sequence[str], ranks: int) -> list[str]:
        """The command line of `mpiexec` for so many ranks."""
        where = ["--host", self.hosts] if self.hosts else []
        start = [self.mpiexec or find_mpiexec(), "-n", str(ranks), "--bind-to", "none", *where]
        return [*start, sys.executable, "-m", "kitnet", *words, *self.imports]

    def environment(self, report: Path) -> dict[str, str]:
        """What `mpiexec` is told besides."""
        more = {**(AS_ROOT if self.as_root else {}), **(OVERSUBSCRIBED if self.oversubscribe else {})}
        return {**os.environ, **more, REPORT: str(report)}


def find_mpiexec() -> str:
    """The `mpiexec` beside this Python, or that of the path. Raises KitnetError."""
    beside = Path(sysconfig.get_path("scripts")) / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        raise KitnetError(
            "there is no mpiexec; install one with: pip install 'kitnet[mpi]', or name that of this site "
            "with --mpiexec PATH"
        )
    return found


def check(launch: Launch) -> None:
    """Raises KitnetError for what `mpiexec` would refuse, with the flag that allows it."""
    if launch.ranks < 1:
        raise KitnetError(f"-n {launch.ranks} is not possible; use 1 or more ranks")
    if not launch.words or launch.words[0] != "train":
        raise KitnetError("several ranks can train alone; write kitnet launch -n 4 train ...")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and not launch.as_root and not all(name in os.environ for name in AS_ROOT):
        raise KitnetError(
            "Open MPI starts nothing as root, where a mistake can destroy the system; use another account, "
            "or say --as-root, in a container for instance"
        )
    if not (launch.hosts or launch.oversubscribe or launch.ranks <= (os.cpu_count() or 1)):
        raise KitnetError(
            f"{launch.ranks} ranks on {os.cpu_count()} cores share them, which makes none faster; say "
            "--oversubscribe if that is wanted"
        )


def launch(given: Launch, tell: Callable[[str], None]) -> int:
    """Run all ranks to their end; gives the exit status. Ctrl-C and SIGTERM let them save and stop, a second
    one ends them. `tell` hears of ranks that died."""
    check(given)
    asked = _Asked()
    with tempfile.TemporaryDirectory(prefix="kitnet-launch-") as folder, asked:
        report = Path(folder) / "run"
        words, ranks, left = given.words, given.ranks, given.restarts
        while True:
            status = asked.run(given.command(words, ranks), given.environment(report))
            if status == 0 or asked.number or status == MISTAKEN:
                return 128 + asked.number if asked.number else status
            if not left or not report.exists():
                return status
            run = report.read_text()
            left, ranks = left - 1, max(1, ranks - 1)
            words = ("train", "--resume", run)
            tell(f"a rank has died; {ranks} go on from the last checkpoint of {run}")


def report_run(folder: Path | None, environment: Mapping[str, str] = os.environ) -> None:
    """Tell who started the ranks where rank 0 trains."""
    if folder is not None and REPORT in environment:
        Path(environment[REPORT]).write_text(str(folder.absolute()))


class _Asked:
    """Signals to whoever started the ranks, which go on to these."""

    def __init__(self) -> None:
        self.number = 0  # of the signal that came, if one did
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> _Asked:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal` gave

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """The ranks in a session of their own, so that the terminal's Ctrl-C is not theirs."""
        with subprocess.Popen(command, env=environment, start_new_session=True) as process:
            self._process = process
            status = process.wait()
        self._process = None
        return status if status >= 0 else 128 - status

    def _hear(self, number: int, frame: object) -> None:
        again, self.number = bool(self.number), number
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM if again or FORWARDED is None else FORWARDED)
