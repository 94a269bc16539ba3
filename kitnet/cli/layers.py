"""`kitnet layers`: the words of the language."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from kitnet.cli.flags import Json
from kitnet.cli.screen import out, print_json, say
from kitnet.layers import LAYERS, Layer, Loss
from kitnet.net.notation import describe


def command(*, json: Json = False) -> None:
    """The words of the language: every layer with its arguments, and the losses."""
    rows = [_row(word, layer) for word, layer in sorted(LAYERS.items())]
    if json:
        print_json(rows)
        return
    for row in rows:
        out.print(f"[bold]{row['word']}[/] ({row['kind']})  {escape(row['about'])}", soft_wrap=True)
        for argument in row["arguments"]:
            default = f", usually {argument['default']}" if argument["default"] else ", always given"
            say(f"    {argument['name']}: {argument['expected']}{default}")


def _row(word: str, layer: type[Layer]) -> dict[str, Any]:
    return {
        "word": word,
        "kind": "loss" if issubclass(layer, Loss) else "block" if layer.joins else "layer",
        "about": " ".join((layer.__doc__ or "").split()),
        "numbers": list(layer.numbers),
        "arguments": [
            {"name": name, "expected": expected, "default": default}
            for name, expected, default in describe(layer)
        ],
    }
