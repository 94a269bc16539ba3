"""What `kitnet serve` answers: `python bench/serve.py [--rounds N] [--seconds S] [--requests N]`.

The server has one core, the load generator another one: so many connections, each of which asks again when it
is answered. Sides take turns in each round.

- *LeNet-5 / empty*: answers a second for one image of 28x28 bytes (.npy), by those of the same server whose
  model computes nothing.
- *ResNet-20 / plan*: images a second in requests of 64 (.npy), by those of the compiled plan alone on the
  server's core.
- *within*: the time in which 99 % of the answers came, by the server's deadline. For LeNet-5 requests come at
  random moments at half of the rate that it has just reached (at the full rate 16 requests always wait, and
  what is seen is the rate once more), and a request's time counts from that moment.
- *memory*: resident bytes behind so many requests, by those behind a tenth of them.

Weights are as they are drawn, images random. The table goes to results/serve.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from process import ROOT, machine, say, watched

RESULTS = ROOT / "results" / "serve.csv"
FIELDS = ("measured", "median", "least", "largest", "goal", "reached", "rounds", "others")
GOALS = {
    "LeNet-5, answers / empty": (">=", 0.8),
    "LeNet-5, 99 % within / deadline": ("<=", 2.0),
    "ResNet-20, images / plan": (">=", 0.6),
    "ResNet-20, 99 % within / deadline": ("<=", 2.0),
    "memory after all / after a tenth": ("<=", 1.02),
    "errors": ("<=", 0),
}
SIDES = {  # by name: network, picture, images a request, connections, deadline in ms
    "lenet5": ("lenet5", (28, 28, 1), 1, 16, 5.0),
    "empty": ("lenet5", (28, 28, 1), 1, 16, 5.0),
    "resnet20": ("resnet20", (32, 32, 3), 64, 2, 100.0),
}
SERVER_CORE, LOAD_CORE = 0, 1


def model(name: str) -> Any:
    """Not trained, which takes no less time."""
    import kitnet
    from kitnet.data import Preparation

    network, picture, *_ = SIDES[name]
    made = kitnet.Model(network)
    shape = made.net.input_shape
    depth = shape[2]
    made.preparation = Preparation(shape, picture[:2], (0.4,) * depth, (0.3,) * depth)
    made.net.initialise(0)
    return made


def serve(name: str) -> None:
    """The server of a side, in a process of its own, until its standard input is closed."""
    from kitnet.serve.server import Server, Settings
    from kitnet.web.server import LOOPBACK, bound

    settings = Settings(threads=1, deadline=SIDES[name][4])
    server = Server(model(name), settings, listening := bound(LOOPBACK, 0))
    server.open()
    if name == "empty":
        nothing = np.zeros((settings.batch * 4, 10), np.float32)
        server.answer_by(lambda placed: (nothing[: sum(map(len, placed))],) * 2)
    else:
        server.compile()
    print(listening.getsockname()[1], flush=True)
    sys.stdin.read()
    server.close()


def plan(seconds: float) -> None:
    """Images a second of the plan alone, in a process of its own."""
    scores = model("resnet20")
    scores.compile(64, 1)
    x = np.random.default_rng(0).random((64, 32, 32, 3), np.float32)
    scores.scores(x)
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        scores.scores(x)
        count += 64
    print(count / spent)


def request(name: str, seed: int) -> bytes:
    """One request of a side, as it goes over the wire."""
    _, picture, images, _, _ = SIDES[name]
    file = io.BytesIO()
    np.save(file, np.random.default_rng(seed).integers(0, 256, (images, *picture), np.uint8))
    body = file.getvalue()
    head = f"POST /predict HTTP/1.1\r\nhost: localhost:PORT\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection:
    """Asks, and tells when the answer is there."""

    def __init__(self, port: int, asked: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked, self._found, self._end = asked, b"", 0

    def ask(self) -> None:
        self._found, self._end = b"", 0
        self.since = time.perf_counter()
        self.socket.sendall(self._asked)

    def hear(self) -> int:
        """The status, once the whole answer has come; 0 before."""
        got = self.socket.recv(1 << 18)
        if not got:
            raise ConnectionError("the server closed a connection")
        self._found += got
        if not self._end:
            head = self._found.find(b"\r\n\r\n")
            if head < 0:
                return 0
            length = self._found.index(b"content-length: ") + 16
            self._end = head + 4 + int(self._found[length : self._found.index(b"\r", length)])
        return int(self._found[9:12]) if len(self._found) >= self._end else 0


def opened(name: str, port: int, selector: selectors.BaseSelector) -> list[Connection]:
    """The connections of a side."""
    made = []
    for i in range(SIDES[name][3]):
        made.append(Connection(port, request(name, i).replace(b"PORT", str(port).encode())))
        selector.register(made[-1].socket, selectors.EVENT_READ, made[-1])
    return made


def paced(name: str, port: int, seconds: float, rate: float) -> None:
    """Ask so many times a second at random moments; prints as `load` does. A request that finds no free
    connection waits, and that counts."""
    selector = selectors.DefaultSelector()
    free = opened(name, port, selector)
    gaps = np.random.default_rng(0).exponential(1 / rate, int(rate * seconds))
    start = time.perf_counter()
    moments = deque((start + np.cumsum(gaps)).tolist())
    times: list[float] = []
    errors, due = 0, len(moments)
    while len(times) < due:
        while moments and free and moments[0] <= time.perf_counter():
            one = free.pop()
            one.ask()
            one.since = moments.popleft()
        pause = moments[0] - time.perf_counter() if moments and free else 1.0
        for key, _ in selector.select(max(0.0, pause)):
            status = key.data.hear()
            if status:
                times.append(time.perf_counter() - key.data.since)
                errors += status != 200
                free.append(key.data)
    print(due / (time.perf_counter() - start), sorted(times)[int(0.99 * due)], errors)


def load(name: str, port: int, seconds: float, most: int) -> None:
    """Ask for so long, or so often; prints answers a second, the time of 99 % of them, and errors."""
    selector = selectors.DefaultSelector()
    for one in opened(name, port, selector):
        one.ask()
    times: list[float] = []
    errors, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds and len(times) < most:
        for key, _ in selector.select(1):
            status = key.data.hear()
            if status:
                times.append(time.perf_counter() - key.data.since)
                errors += status != 200
                key.data.ask()
    rate = len(times) / (time.perf_counter() - start)
    print(rate, sorted(times)[int(0.99 * len(times))], errors)


class Child:
    """This file in another process, on one core."""

    def __init__(self, core: int, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, "--on", str(core), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'bench'}"},
        )

    def line(self) -> list[float]:
        """What it prints next."""
        assert self._process.stdout is not None
        return [float(word) for word in self._process.stdout.readline().split()]

    def resident(self) -> int:
        """Bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        self._process.communicate(timeout=60)


def loaded(name: str, port: int, seconds: float, most: int = sys.maxsize, rate: float = 0.0) -> list[float]:
    asked = {"--port": port, "--seconds": seconds, "--most": most, "--rate": rate}
    child = Child(LOAD_CORE, "--load", name, *(word for one in asked.items() for word in map(str, one)))
    found = child.line()
    child.end()
    return found


def measure(rounds: int, seconds: float, requests: int) -> tuple[dict[str, list[float]], float]:
    """All numbers by what they are, and the share of the machine that others used."""
    found: dict[str, list[float]] = {name: [] for name in GOALS}
    servers = {name: Child(SERVER_CORE, "--serve", name) for name in SIDES}
    ports = {name: int(server.line()[0]) for name, server in servers.items()}
    shares = []
    for name, port in ports.items():
        loaded(name, port, 1.0)
    for number in range(rounds):
        with watched() as use:
            lenet, empty = (loaded(name, ports[name], seconds) for name in ("lenet5", "empty"))
            half = loaded("lenet5", ports["lenet5"], seconds, rate=lenet[0] / 2)
            alone = Child(SERVER_CORE, "--plan", "--seconds", str(seconds))
            (rate,) = alone.line()
            alone.end()
            resnet = loaded("resnet20", ports["resnet20"], seconds)
        found["LeNet-5, answers / empty"].append(lenet[0] / empty[0])
        found["LeNet-5, 99 % within / deadline"].append(1000 * half[1] / SIDES["lenet5"][4])
        found["ResNet-20, images / plan"].append(64 * resnet[0] / rate)
        found["ResNet-20, 99 % within / deadline"].append(1000 * resnet[1] / SIDES["resnet20"][4])
        found["errors"].append(lenet[2] + half[2] + empty[2] + resnet[2])
        shares.append(use["others"])
        say(
            f"round {number + 1}: {lenet[0]:.0f} of {empty[0]:.0f} answers/s, "
            f"at half of it 99 % in {1000 * half[1]:.1f} ms; {64 * resnet[0]:.0f} of {rate:.0f} images/s, "
            f"99 % in {1000 * resnet[1]:.1f} ms"
        )
    if requests:
        loaded("lenet5", ports["lenet5"], 3600.0, requests // 10)
        before = servers["lenet5"].resident()
        found["errors"].append(loaded("lenet5", ports["lenet5"], 3600.0, requests)[2])
        found["memory after all / after a tenth"].append(servers["lenet5"].resident() / before)
    for server in servers.values():
        server.end()
    return found, statistics.median(shares)


def rows(found: dict[str, list[float]], others: float) -> list[dict[str, Any]]:
    told = []
    for name, values in found.items():
        if values:
            way, goal = GOALS[name]
            middle = statistics.median(values) if name != "errors" else sum(values)
            reached = middle >= goal if way == ">=" else middle <= goal
            numbers = dict(zip(FIELDS, (name, middle, min(values), max(values)), strict=False))
            rounded = {k: v if isinstance(v, str) else f"{v:.4g}" for k, v in numbers.items()}
            told.append({**rounded, "goal": f"{way} {goal:g}", "reached": reached, "rounds": len(values),
                         "others": f"{others:.2f}", **machine()})  # fmt: skip
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--requests", type=int, default=100_000)
    for hidden in ("on", "port", "most"):
        parser.add_argument(f"--{hidden}", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    parser.add_argument("--plan", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.on is not None:
        os.sched_setaffinity(0, {given.on})
    if given.serve:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        serve(given.serve)
    elif given.load and given.rate:
        paced(given.load, given.port, given.seconds, given.rate)
    elif given.load:
        load(given.load, given.port, given.seconds, given.most)
    elif given.plan:
        plan(given.seconds)
    else:
        told = rows(*measure(given.rounds, given.seconds, given.requests))
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(told[0]))
            writer.writeheader()
            writer.writerows(told)
        for row in told:
            print(f"{row['measured']:40} {row['median']:>8}  ({row['least']} to {row['largest']})  "
                  f"{row['goal']}  {'' if row['reached'] else 'NOT REACHED'}")  # fmt: skip


if __name__ == "__main__":
    main()
