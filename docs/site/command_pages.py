"""The reference of the command line, made of the commands themselves."""

from __future__ import annotations

import re

from kitnet.cli import COMMANDS, app

PROGRAM = re.compile(r"^```console$", re.MULTILINE)


def commands() -> str:
    """Every command with its words and flags, as Markdown."""
    for name in COMMANDS:
        app[name].help = None  # all that its function says, as on its own page of --help
    text = app.generate_docs(heading_level=1)
    _, found, commands = text.partition("## kitnet train")
    if not found:
        raise ValueError("cyclopts writes its page in another way now: no heading of `kitnet train`")
    return PROGRAM.sub("```text", found + commands)
