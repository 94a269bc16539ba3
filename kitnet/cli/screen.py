"""What the commands print: lines and tables for people, JSON for programs, mistakes for both."""

from __future__ import annotations

import json
import sys

from rich.console import Console

INTERRUPTED = 130  # exit status of a program that Ctrl-C ended
MISTAKEN = 2  # exit status after a mistake of the user

out = Console(highlight=False)


def say(text: str, style: str = "") -> None:
    """A line for people; where the output is no terminal it stays one line, however long."""
    out.print(text, style=style, markup=False, soft_wrap=True)


def print_json(document: object) -> None:
    print(json.dumps(document, indent=2))


def complain(text: str) -> int:
    """A mistake of the user, on standard error; gives the exit status."""
    print(f"kitnet: {text}", file=sys.stderr)
    return MISTAKEN


def show_compiling(ready: int, kernels: int) -> None:
    """A line that is written over, for people only."""
    if sys.stderr.isatty():
        end = "\r\x1b[K" if ready == kernels else ""
        print(f"\rcompiling kernels {ready}/{kernels}", end=end, file=sys.stderr, flush=True)
