"""The command `kitnet studio` as a process: its address, Ctrl-C, and what it refuses."""

import http.client
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from kitnet.cli import run

MODEL = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"


@pytest.fixture
def studio(easy, tmp_path):
    """Starts the command; gives the process and its address."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "kitnet", "studio", *arguments, "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        running.append(process)
        return process, urlsplit(process.stdout.readline().strip())

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(address, method, path, body=None, cookie=None):
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=10)
    headers = {"origin": f"http://127.0.0.1:{address.port}", **({"cookie": cookie} if cookie else {})}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def end(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def train(address, cookie, folder):
    """Start, and wait until an epoch is done."""
    ends = time.monotonic() + 60
    while not (folder / "results.csv").is_file():
        assert time.monotonic() < ends
        assert ask(address, "POST", "/do", '{"do": "start"}', cookie).status == 200
        time.sleep(0.05)


def test_it_trains_and_ctrl_c_saves(studio, easy, tmp_path):
    process, address = studio(MODEL, "--data", easy, "--epochs", "100000", "--validation", "0")
    assert (address.scheme, address.hostname, address.path) == ("http", "127.0.0.1", "/")
    answer = ask(address, "GET", f"/?{address.query}")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert answer.status == 303 and ask(address, "GET", "/", cookie=cookie).status == 200
    assert ask(address, "GET", "/").status == 403
    folder = tmp_path / "runs" / "net-1"
    train(address, cookie, folder)
    status, out, err = end(process)
    assert (status, out) == (130, "")
    assert err == "kitnet: stopped, everything is saved; go on with: kitnet studio runs/net-1\n"
    assert run(["verify", str(folder)]) == 0

    again, address = studio("runs/latest", "--port", "0")
    answer = ask(address, "GET", f"/?{address.query}")
    assert answer.status == 303
    assert end(again)[0] == 130
    assert run(["verify", str(folder)]) == 0


def test_without_a_step_nothing_is_left(studio, easy, tmp_path):
    process, _ = studio(MODEL, "--data", easy)
    folder = tmp_path / "runs"
    ends = time.monotonic() + 60
    while not folder.is_dir() and time.monotonic() < ends:
        time.sleep(0.01)
    status, out, err = end(process)
    assert (status, out, err) == (130, "", "kitnet: stopped before the first step; no run is left\n")
    assert not [*folder.iterdir()]


def test_data_that_are_not_there_are_told_at_the_terminal(studio):
    process, address = studio(MODEL, "--data", "/nowhere")
    line = process.stderr.readline()
    assert line.startswith("kitnet: /nowhere: ")
    assert ask(address, "GET", f"/?{address.query}").status == 303  # the page tells it, too
    assert end(process)[0] == 130


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["no-such"], "unknown model 'no-such'"),
        (["8x8x1 -> cnv3"], "unknown layer 'cnv' (did you mean 'conv'?)"),
        (["lenet5", "--port", "65536"], "--port 65536 is not possible; use 1 to 65535, or 0 for any"),
        (
            ["neocognitron"],
            "neocognitron learns by a rule of its own, without steps; train it with kitnet train",
        ),
        (["runs/none"], "unknown model 'runs/none'"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, line):
    assert run(["studio", *arguments, "--no-browser"]) == 2
    assert capsys.readouterr().err.startswith(f"kitnet: {line}")


def test_a_run_goes_on_with_its_own_arguments(capsys, tmp_path, easy):
    from kitnet.train import Settings, train

    told = Settings(model=MODEL, data=easy, epochs=1, validation=0.0, runs=str(tmp_path / "runs"))
    folder = list(train(told))[-1].folder
    assert run(["studio", str(folder), "--lr", "0.1", "--no-browser"]) == 2
    assert capsys.readouterr().err == f"kitnet: {folder} goes on with its own arguments; leave out --lr\n"


def test_a_run_that_has_ended_is_shown_unless_it_gets_more_epochs(tmp_path, easy, monkeypatch):
    from kitnet.cli import studio as command
    from kitnet.cli.train_arguments import Arguments
    from kitnet.studio.training import Training
    from kitnet.train import Settings, train

    told = Settings(model=MODEL, data=easy, epochs=1, validation=0.0, runs=str(tmp_path / "runs"))
    folder = str(list(train(told))[-1].folder)
    for how in ("reopened", "resumed"):
        monkeypatch.setattr(Training, how, lambda *given, how=how: (how, *given))
    assert command._training(folder, Arguments()) == ("reopened", folder)
    assert command._training(folder, Arguments(epochs=2)) == ("resumed", folder, 2)
    (tmp_path / "runs" / "net-1" / "summary.json").unlink()
    assert command._training(folder, Arguments()) == ("resumed", folder, None)


def test_a_port_that_is_taken(capsys):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run(["studio", "--port", str(port), "--no-browser"]) == 2
    assert capsys.readouterr().err == (
        f"kitnet: --port {port} cannot be listened to (Address already in use); choose another one, or 0 for "
        "any\n"
    )


def test_what_the_studio_needs(capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert run(["studio", "--no-browser"]) == 2
    assert capsys.readouterr().err == (
        "kitnet: the studio needs uvicorn; install it with: pip install 'kitnet[studio]'\n"
    )
