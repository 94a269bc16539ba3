"""`kitnet studio`: training with a page to look at it, and Ctrl-C that saves."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from kitnet.base.error import KitnetError
from kitnet.cli.flags import Whole
from kitnet.cli.interruption import Interrupted, interruptible
from kitnet.cli.network import read_network
from kitnet.cli.own_layers import to_type
from kitnet.cli.screen import say
from kitnet.cli.train import FLAGS, NONE_GIVEN, concrete
from kitnet.cli.train_arguments import Arguments
from kitnet.train import Settings
from kitnet.train.folder import ARGUMENTS, SUMMARY, RunFolder
from kitnet.train.latest import followed
from kitnet.train.run import own_rule_card

WAITING = 0.2  # seconds between two looks for a mistake of the training
NEEDED = ("starlette", "uvicorn", "websockets")


def command(
    model: Annotated[
        str | None,
        Parameter(
            help="A run folder to go on with, a name (see `kitnet models`), a line, or a "
            "model file or an ONNX file, with whose weights it begins."
        ),
    ] = None,
    /,
    *,
    arguments: Annotated[Arguments, Parameter(name="*")] = NONE_GIVEN,
    port: Annotated[Whole, Parameter(help="Of this machine; usually any that is free.")] = 0,
    browser: Annotated[
        bool, Parameter(negative="--no-browser", help="Open the address in a browser; usually so.")
    ] = True,
) -> int:
    """Train a network and look inside it, on a page in a browser of this machine.

    The first line printed is the page's address; it holds a token, without which nobody gets in. Training
    waits for the page's start, and Ctrl-C saves and ends. All arguments of `kitnet train` may be given. A run
    that has ended is shown; with more --epochs it goes on.
    """
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise KitnetError(f"the studio needs {name}; install it with: pip install 'kitnet[studio]'")
    from kitnet.studio.server import Server

    training = _training(model, arguments)
    server = Server(training, port)
    with interruptible() as interruption:
        interruption.patient = True
        server.open()
        try:
            print(server.address, flush=True)
            training.open()
            if browser:
                _open_browser(server.address)
            told = ""
            while not interruption.stop.wait(WAITING):
                if training.error and training.error != told:
                    told = training.error
                    print(f"kitnet: {told}", file=sys.stderr, flush=True)
            before = training.state
            training.stop()
            again = "" if training.folder is None else to_type("studio", str(training.folder))
            _say_end(training, before, again)
        except Interrupted:
            print("kitnet: stopped at once, without the steps since the last save", file=sys.stderr)
            return interruption.status
        server.close(again)
    return interruption.status


def _training(model: str | None, arguments: Arguments) -> Any:
    from kitnet.studio.training import Training

    given = {name: value for name, value in vars(arguments).items() if _is_given(value)}
    if model is not None and (followed(Path(model)) / ARGUMENTS).is_file():
        epochs, ended = given.pop("epochs", None), (followed(Path(model)) / SUMMARY).is_file()
        if given:
            flags = (FLAGS.get(name) or "--" + name.replace("_", "-") for name in given)
            raise KitnetError(f"{model} goes on with its own arguments; leave out {', '.join(flags)}")
        RunFolder.open(model)
        if ended and epochs is None:
            return Training.reopened(model)
        return Training.resumed(model, epochs)
    name = Settings.model if model is None else model
    if own_rule_card(name) is not None:
        raise KitnetError(
            f"{name} learns by a rule of its own, without steps; train it with kitnet train {name}"
        )
    read_network(name, arguments.input, on_misfit=arguments.on_misfit, given=arguments.given)
    return Training.of(concrete(model=name, **given))


def _is_given(value: object) -> bool:
    return value not in (None, ()) and value is not False


def _open_browser(address: str) -> None:
    """Without waiting for it; where there is none the address is there to be copied."""
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _say_end(training: Any, before: str, again: str) -> None:
    if not again:
        print("kitnet: stopped before the first step; no run is left", file=sys.stderr)
    elif before == "ended":
        say(f"the run is in {training.folder}")
    else:
        print(f"kitnet: stopped, everything is saved; go on with: {again}", file=sys.stderr)
