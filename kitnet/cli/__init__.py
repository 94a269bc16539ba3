"""The command `kitnet`: a thin skin over public functions, one file a command.

What a person reads goes to standard output, `--json` prints one JSON document there and nothing else. A
mistake of the user is one line on standard error (an error in a network's line adds the line and a caret) and
exit status 2.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from itertools import pairwise

import cyclopts
from cyclopts import App, Parameter

import kitnet
from kitnet.base.error import KitnetError, cut
from kitnet.cli.own_layers import import_layers
from kitnet.cli.screen import INTERRUPTED, SIGNALLED, complain, remark, write_over
from kitnet.cli.stream import guard_errors, guard_output

app = App(
    name="kitnet",
    help="Convolutional networks, from formula to full speed.\n\n"
    "Any command takes --import FILE.py, which defines layers of your own for lines and saved models.",
    version=kitnet.__version__,
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,  # which `run` tells
)
COMMANDS = {
    "train": "Train a network; without arguments LeNet-5 on the digits that come with kitnet.",
    "launch": "One training by several processes, on one machine or on several.",
    "studio": "Train a network and look inside it, on a page in a browser of this machine.",
    "evaluate": "Loss and accuracy of a trained model on test images.",
    "predict": "What a trained model sees on images.",
    "serve": "A trained model over HTTP: images in, classes out.",
    "verify": "Replay the golden images of a model file: does it still give the scores that it recorded?",
    "show": "What a network is and costs, layer by layer, before anything runs.",
    "check": "Read a network and warn where its sizes do not follow the usual rules.",
    "explain": "How the engine computes each layer of a network, and why not in another way.",
    "layers": "The words of the language; of one word all that is known.",
    "models": "The networks that can be called by name.",
    "lesson": "The book: chapters that compute every number that they tell, and exercises.",
    "data": "What a data set is made of: classes, sizes, mean and deviation, broken files, duplicates.",
    "report": "One HTML page about training runs.",
    "export": "A trained model in a form that needs no kitnet.",
    "import": "What others have trained, as a file of kitnet.",
    "lr-find": "Find a learning rate.",
    "claims": "Whether what papers and libraries say of a network holds of kitnet's.",
    "diff": "Where two networks differ, and what that costs.",
    "lab": "One convolution or pool by every algorithm, forward and back.",
    "surgery": "Change a network: its weights are carried over.",
    "look": "What is inside a network, as one PNG picture.",
    "trace": "The arithmetic of one number of a network on one picture.",
    "attribute": "What in a picture the answer of a network comes from.",
    "convolve": "A photograph through a filter.",
}
GROUPS = {"import": "imports:imports", "lesson": "lesson:lesson"}  # with commands of their own
for name, sentence in COMMANDS.items():  # each imported when it is called
    whole = GROUPS.get(name, f"{name.replace('-', '_')}:command")
    app.command(f"kitnet.cli.{whole}", name=name, help=sentence)


def main() -> None:
    """Run the command line and end the process with its exit status."""
    guard_errors()
    output = guard_output()
    if output is None:
        sys.exit(complain("standard output is closed; write > /dev/null where nothing shall be printed"))
    status = run(sys.argv[1:])
    sys.stdout.flush()
    # a reader that goes away, such as head, has seen enough
    if output.error is not None and not isinstance(output.error, BrokenPipeError) and status == 0:
        status = complain(f"standard output cannot be written ({output.error.strerror})")
    if status > SIGNALLED:
        sys.stderr.flush()
        os._exit(status)  # sys.exit would wait for the kernels that are being compiled
    sys.exit(status)


def _check_empty(words: Sequence[str]) -> None:
    """Raises KitnetError for an empty word, which a path would take for the folder that one is in."""
    for before, word in pairwise(("kitnet", *words)):
        flag = re.fullmatch(r"(--[\w-]+)=", word)
        if flag or not word.strip():
            raise KitnetError(
                f"an empty word follows {cut(flag[1] if flag else before)}, as where a variable is not set; "
                "fill it in or leave it out"
            )


def run(arguments: list[str]) -> int:
    """One command line -> its exit status: 0, 1 for a check that warns, 2 for a mistake of the user, 130 when
    Ctrl-C ended it.
    """
    try:
        _check_empty(arguments)
        arguments = import_layers(arguments)
        if arguments and arguments[0] in COMMANDS:
            app[arguments[0]].help = None  # its own page shows all that its function says
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except KitnetError as error:
        return complain(str(error))
    except cyclopts.UnusedCliTokensError as error:
        return complain(f"too many words: {cut(shlex.join(error.unused_tokens or ()))}")
    except cyclopts.CycloptsError as error:
        text = str(error)
        for word in arguments:
            for long in (word, word.partition("=")[2]):  # --batch=64 is one word
                text = text.replace(long, cut(long)) if long else text
        return complain(" ".join(text.split()))
    except MemoryError:
        return complain("there is not enough memory for this; use a smaller network or batch")
    except KeyboardInterrupt:
        write_over("")
        remark("stopped by Ctrl-C")
        return INTERRUPTED
    return status if isinstance(status, int) else 0
