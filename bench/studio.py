"""What the studio costs: `python bench/studio.py [--rounds N] [--epochs N] [--data-dir DIR]`.

`kitnet train` and `kitnet studio` run the same recipe as commands, in turns, in new processes. A third
process is the studio's client: it presses start, and reads every frame and draws nothing, or stops reading.

- *ready*: from the command to all files of the page, and to the network that waits for its start, with the
  kernels in the cache.
- *time*: wall-clock time from the end of the first epoch to the end of the last, by the moments when the rows
  of results.csv were written; as quotients, each with `train` of the same round.
- *processor*: seconds of all its threads in that time, which others on the machine disturb less.
- *memory*: the most resident bytes of the process in that time, less those of `train` of the same round.

All sides must end with the same losses to the last digit. The table goes to results/studio.csv.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from process import BUSY, ROOT, machine, say, watched

RESULTS = ROOT / "results" / "studio.csv"
FIELDS = ("measured", "median", "least", "largest", "goal", "reached", "rounds", "others")
RECIPE = "lenet5.mnist"
GOALS = {
    "page ready, s": 1.0,
    "network ready, s": None,
    "time with a client that reads / train": 1.05,
    "time with a client that does not read / train": 1.05,
    "processor with a client that reads / train": 1.05,
    "processor with a client that does not read / train": 1.05,
    "memory with a client that reads - train, MB": 60.0,
    "memory with a client that does not read - train, MB": 60.0,
}
SIDES = {"reads": "with a client that reads", "stalls": "with a client that does not read"}
LOOK = 0.02  # seconds between two looks at a process


class Visit:
    """A client of a studio by its printed address."""

    def __init__(self, address: str) -> None:
        found = urlsplit(address)
        assert found.port is not None
        self._host, self._port = f"127.0.0.1:{found.port}", found.port
        self.origin = f"http://{self._host}"
        self.cookie = ""
        answer = self._ask("GET", f"/?{found.query}")[0]
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def page(self) -> int:
        """Fetch all of the page; its bytes."""
        from kitnet.studio.app import page_files

        paths = ["/", *(f"/page/{name}" for name in page_files())]
        return sum(len(self._ask("GET", path)[1]) for path in paths)

    def start(self) -> None:
        self._ask("POST", "/do", b'{"do": "start"}')

    def frames(self) -> Any:
        """An open socket."""
        from websockets.sync.client import connect

        headers = {"cookie": self.cookie}
        address = f"ws://{self._host}/frames"
        return connect(address, origin=self.origin, additional_headers=headers, max_size=None)  # type: ignore

    def wait_for(self, frames: Any, *states: str) -> int:
        """Read until the training is in one of these states; the bytes read."""
        read = 0
        for text in frames:
            read += len(text)
            if text.startswith('{"kind":"state"') and json.loads(text)["state"] in states:
                return read
        raise RuntimeError("the studio has closed the socket")

    def silent(self) -> socket.socket:
        """A socket that takes frames and that nobody reads."""
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        one.connect(("127.0.0.1", self._port))
        lines = (
            *("GET /frames HTTP/1.1", f"Host: {self._host}", f"Origin: {self.origin}"),
            *(f"Cookie: {self.cookie}", "Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""),
        )
        one.sendall("\r\n".join(lines).encode())
        assert one.recv(12) == b"HTTP/1.1 101"
        return one

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[Any, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, path, body, {"origin": self.origin, "cookie": self.cookie})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content


def client(address: str, kind: str) -> None:
    """The client's process: presses start, then reads every frame to the end, or none."""
    visit = Visit(address)
    if kind == "reads":
        with visit.frames() as frames:
            visit.wait_for(frames, "paused")
            visit.start()
            print(visit.wait_for(frames, "ended", "failed"), flush=True)
        return
    with visit.frames() as frames:
        visit.wait_for(frames, "paused")
    silent = visit.silent()
    visit.start()
    sys.stdin.read()  # until whoever measures has seen the end
    silent.close()


class Watcher(threading.Thread):
    """Looks at a process that trains: when the rows of its results were written; from the first row on its
    seconds of the processor and its most bytes."""

    def __init__(self, pid: int, runs: Path, epochs: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.runs, self.epochs = pid, runs, epochs
        self.written: dict[int, float] = {}
        self.used: list[float] = []
        self.most = 0
        self.start()

    def run(self) -> None:
        while self.epochs not in self.written:
            time.sleep(LOOK)
            for path in self.runs.glob("*/results.csv"):
                when = path.stat().st_mtime_ns / 1e9
                rows = len(path.read_text().splitlines()) - 1
                if path.stat().st_mtime_ns / 1e9 == when:
                    self.written.setdefault(rows, when)
            if self.written:
                self.used.append(processor(self.pid))
                self.most = max(self.most, resident(self.pid))

    @property
    def seconds(self) -> float:
        return self.written[self.epochs] - self.written[min(self.written)]


def processor(pid: int) -> float:
    """Seconds that all threads of a process have worked."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def kitnet(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "kitnet", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def trained(side: str, arguments: list[str], epochs: int) -> dict[str, Any]:
    """One training by one side: seconds on the wall and of the processor, bytes, and its rows at the end."""
    with tempfile.TemporaryDirectory() as folder:
        given = [*arguments, "--epochs", str(epochs), "--runs", folder]
        process = kitnet("train" if side == "train" else "studio", *given, *_quiet(side))
        watcher = Watcher(process.pid, Path(folder), epochs)
        if side != "train":
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            own = [sys.executable, str(Path(__file__)), "--client", address, side]
            other = subprocess.Popen(own, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            watcher.join()
            if side == "reads":
                other.wait()
            other.communicate()
            process.send_signal(signal.SIGINT)
        process.communicate()
        watcher.join()
        with next(Path(folder).glob("*/results.csv")).open(newline="") as file:
            rows = [
                {k: v for k, v in row.items() if "loss" in k or "acc" in k} for row in csv.DictReader(file)
            ]
    used = watcher.used[-1] - watcher.used[0]
    return {"seconds": watcher.seconds, "used": used, "bytes": watcher.most, "rows": rows}


def _quiet(side: str) -> list[str]:
    return [] if side == "train" else ["--no-browser"]


def ready(arguments: list[str]) -> tuple[float, float]:
    """Seconds from the command to the page, and to the network."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        process = kitnet("studio", *arguments, "--runs", folder, "--no-browser")
        assert process.stdout is not None
        visit = Visit(process.stdout.readline().strip())
        visit.page()
        page = time.perf_counter() - begun
        with visit.frames() as frames:
            visit.wait_for(frames, "paused")
        network = time.perf_counter() - begun
        process.send_signal(signal.SIGINT)
        process.communicate()
    return page, network


def measure(arguments: list[str], rounds: int, epochs: int) -> tuple[dict[str, list[float]], float]:
    """All numbers of all rounds by what is measured, and others' share of the machine."""
    found: dict[str, list[float]] = {name: [] for name in GOALS}
    ready(arguments)  # fills the cache
    rows = trained("train", arguments, epochs)["rows"]
    with watched() as use:
        for number in range(rounds):
            page, network = ready(arguments)
            found["page ready, s"].append(page)
            found["network ready, s"].append(network)
            for side, told in SIDES.items():
                pair = {one: trained(one, arguments, epochs) for one in _turns("train", side, number)}
                base, own = pair["train"], pair[side]
                if not base["rows"] == own["rows"] == rows:
                    raise SystemExit(f"{side}: other losses than train: {own['rows']}")
                found[f"time {told} / train"].append(own["seconds"] / base["seconds"])
                found[f"processor {told} / train"].append(own["used"] / base["used"])
                found[f"memory {told} - train, MB"].append((own["bytes"] - base["bytes"]) / 1e6)
            say(f"round {number + 1}: " + ", ".join(f"{k} {v[-1]:.3f}" for k, v in found.items()))
    return found, use["others"]


def _turns(one: str, other: str, number: int) -> tuple[str, str]:
    """Who begins changes from round to round."""
    return (one, other) if number % 2 == 0 else (other, one)


def main() -> None:
    parser = argparse.ArgumentParser(description="what the studio costs")
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    if options.client:
        client(*options.client)
        return
    arguments = [options.recipe, *(["--data-dir", options.data_dir] if options.data_dir else [])]
    found, others = measure(arguments, options.rounds, options.epochs)
    told = {**machine(), "recipe": options.recipe}
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*FIELDS, *told])
        writer.writeheader()
        for name, values in found.items():
            median, goal = statistics.median(values), GOALS[name]
            row = {
                "measured": name,
                "median": f"{median:.3f}",
                "least": f"{min(values):.3f}",
                "largest": f"{max(values):.3f}",
                "goal": "" if goal is None else f"at most {goal:g}",
                "reached": "" if goal is None else median <= goal,
                "rounds": len(values),
                "others": f"{others:.2f}" + (" disturbed" if others > BUSY else ""),
            }
            print(json.dumps(row))
            writer.writerow({**row, **told})


if __name__ == "__main__":
    main()
