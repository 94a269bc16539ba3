"""`kitnet verify`: a model file's golden images once more."""

from __future__ import annotations

from kitnet.cli.flags import Json, Memory, Run
from kitnet.cli.screen import print_json, say
from kitnet.train import Model


def command(file: Run, /, *, memory: Memory = None, json: Json = False) -> None:
    """Replay the golden images of a model file: does it still give the scores that it recorded?"""
    images, difference = Model.verify(file, memory)
    if json:
        print_json({"file": file, "images": images, "largest_difference": difference})
        return
    say(f"{file}: {images} golden images give the recorded scores (largest difference {difference:.1g})")
