"""The command `kitnet serve`: what it refuses, and as a process what it answers, to many and to the
ill-behaved, and how it ends."""

import http.client
import io
import json
import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import kitnet
from kitnet.data import Preparation

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
SOON = 90  # seconds, far more than anything takes


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model's file, and the model."""
    model = kitnet.Model(LINE, preparation=Preparation((8, 8, 1), (6, 6), (0.4,), (0.3,)))
    model.net.initialise(3)
    path = tmp_path_factory.mktemp("served") / "model.safetensors"
    model.save(path, np.zeros((1, 6, 6, 1), np.uint8))
    return str(path), model


@pytest.fixture
def serve(start, saved):
    """Starts the command; the process and its address."""

    def begin(*words):
        process = start("serve", saved[0], "--port", "0", "--batch", "4", *words)
        line = process.stdout.readline()
        assert line.startswith(f"{saved[0]} answers at http://127.0.0.1:"), process.stderr.read()
        return process, urlsplit(line.split()[-1])

    return begin


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def ask(address, body=None, path="/predict?top=10", connection=None):
    """The status and the JSON of an answer."""
    made = connection or http.client.HTTPConnection("127.0.0.1", address.port, timeout=SOON)
    made.request("GET" if body is None else "POST", path, body)
    answer = made.getresponse()
    content = answer.read()
    if connection is None:
        made.close()
    return answer.status, json.loads(content) if answer.headers[
        "content-type"
    ] == "application/json" else content


def probabilities(found):
    return [{one["class"]: one["probability"] for one in image["classes"]} for image in found["images"]]


def end(process, how=signal.SIGTERM):
    process.send_signal(how)
    out, err = process.communicate(timeout=SOON)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--port", "65536"], "--port 65536 is not possible; use 1 to 65535, or 0 for any"),
        (["--workers", "0"], "--workers 0 is not possible; use 1 to 64"),
        (["--batch", "0"], "--batch 0 is not possible; use 1 to 1048576"),
        (["--images", "0"], "--images 0 is not possible; use 1 or more"),
        (["--megabytes", "0"], "--megabytes 0 is not possible; use 1 to 4096"),
        (["--deadline", "-1"], "--deadline -1 is not possible; use 0 to 10000 milliseconds"),
        (["--deadline", "nan"], "--deadline nan is not possible; use 0 to 10000 milliseconds"),
        (["--megapixels", "0"], "--megapixels 0 is not possible; use more than 0"),
        (
            ["--host", "no.such.host.invalid"],
            "--host no.such.host.invalid is no interface of this machine; use 127.0.0.1, or 0.0.0.0 for all",
        ),
    ],
)
def test_mistakes_of_serve_are_one_line(refused, saved, words, line):
    assert refused("serve", saved[0], *words) == line


def test_what_cannot_be_served(refused, saved, monkeypatch, tmp_path):
    assert refused("serve", "runs/none") == (
        "runs/none: no such file; give a run folder such as runs/lenet5-1, or a model file"
    )
    pictures = kitnet.Model(
        "4x4x1 -> conv3-1 same -> sigmoid", preparation=Preparation((4, 4, 1), (4, 4), (0.0,), (1.0,))
    )
    pictures.net.initialise(0)
    pictures.save("p.safetensors", np.zeros((1, 4, 4, 1), np.uint8))
    assert refused("serve", "p.safetensors") == (
        "p.safetensors gives pictures, not classes, and serve answers with classes; use predict"
    )
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refused("serve", saved[0], "--port", port) == (
            f"--port {port} cannot be listened to (Address already in use); choose another one, or 0 for any"
        )
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert (
        refused("serve", saved[0]) == "the server needs uvicorn; install it with: pip install 'kitnet[serve]'"
    )


@pytest.mark.slow
def test_fifty_clients_get_the_scores_of_predict(serve, saved):
    """From two workers, one of which dies and is started again."""
    process, address = serve("--workers", "2")

    def client(seed):
        draw = np.random.default_rng(seed)
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=SOON)
        for _ in range(8):
            x = draw.integers(0, 256, (draw.integers(1, 9), *draw.integers(3, 12, 2), 1), np.uint8)
            status, found = ask(address, npy(x), connection=connection)
            assert status == 200
            wanted = saved[1].probabilities(x)
            came = np.array([[each[name] for name in saved[1].classes] for each in probabilities(found)])
            np.testing.assert_allclose(came, wanted, rtol=0, atol=1e-6 * wanted.max())
        connection.close()

    with ThreadPoolExecutor(50) as pool:
        assert len(list(pool.map(client, range(50)))) == 50
    text = ask(address, path="/metrics")[1].decode()
    assert 'kitnet_requests_total{status="200"} 400\n' in text  # of all workers
    assert "kitnet_ready_workers 2\n" in text
    os.kill(workers_of(process)[0], signal.SIGKILL)
    line = process.stderr.readline()
    assert re.fullmatch(r"kitnet: worker [01] ended with status -9; it is started again\n", line)
    ends = time.monotonic() + SOON
    while b"kitnet_ready_workers 2\n" not in ask(address, path="/metrics")[1]:
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert end(process) == (0, "", "")


def workers_of(process):
    """The ids of its processes, without the one that multiprocessing has for itself."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "workers"), [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_what_was_accepted_is_answered_before_the_end(serve, how, workers):
    process, address = serve("--workers", str(workers))
    body = npy(np.zeros((2, 6, 6), np.uint8))
    head = f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1:{address.port}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", address.port), timeout=SOON) as half:
        half.sendall(head.encode() + body[:50])
        time.sleep(0.5)
        process.send_signal(how)
        ends = time.monotonic() + SOON
        while time.monotonic() < ends:  # until nobody listens any more
            try:
                socket.create_connection(("127.0.0.1", address.port), timeout=SOON).close()
            except OSError:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("it still listens")
        half.sendall(body[50:])
        answer = b""
        while more := half.recv(1 << 16):
            answer += more
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.count(b'"classes"') == 2
    assert process.communicate(timeout=SOON) == ("", "") and process.returncode == 0


def raw(address, content, patience=SOON):
    """What is answered to these bytes until the server closes; None where it does not within the patience."""
    with socket.create_connection(("127.0.0.1", address.port), timeout=patience) as connection:
        answer = b""
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(1 << 16):
                answer += more
        except TimeoutError:
            return None
        except ConnectionError:
            pass
    return answer


@pytest.mark.slow
def test_ill_behaved_clients(serve):
    """They are refused, or closed within a few seconds, and others are answered meanwhile."""
    process, address = serve()
    body = npy(np.zeros((2, 6, 6), np.uint8))
    host = f"host: 127.0.0.1:{address.port}\r\n".encode()
    for content in (
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"POST /predict HTTP/1.1\r\n" + host + b"content-length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\n" + host + b"content-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /model HTTP/1.1\r\n" + host + b"x: y\r\n" * 30_000,
        b"POST /predict HTTP/1.1\r\n" + host + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ):
        answer = raw(address, content)
        assert answer is not None and (not answer or re.match(rb"HTTP/1\.1 4\d\d ", answer)), content[:60]
    assert raw(address, b"POST /predict HTTP/1.1\r\n" + host + b"content-length: 99\r\n\r\nhalf") == b""
    slow = [socket.create_connection(("127.0.0.1", address.port), timeout=SOON) for _ in range(50)]
    began = time.monotonic()
    for number, connection in enumerate(slow):
        connection.sendall(b"GET /model HTTP/1.1\r\n"[: number % 20])
    left, answered = set(slow), 0
    while left and time.monotonic() < began + SOON:
        for connection in [*left]:
            try:
                connection.sendall(b"a")
            except OSError:
                left.discard(connection)
        answered += ask(address, body)[0] == 200
        time.sleep(0.1)
    assert not left and answered > 20
    for connection in slow:
        connection.close()
    assert end(process) == (0, "", "")


@pytest.mark.slow
def test_the_second_signal_ends_it_at_once(serve):
    process, address = serve()
    with socket.create_connection(("127.0.0.1", address.port), timeout=SOON) as half:
        half.sendall(
            f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1:{address.port}\r\ncontent-length: 9\r\n\r\n".encode()
        )
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        status, _, err = end(process, signal.SIGINT)
    assert (status, err) == (130, "kitnet: stopped at once, without the answers that were on their way\n")
