"""`kitnet layers`: the words of the language, and all that is known of one."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Iterator
from typing import Any

from kitnet.base.error import KitnetError, nearest, other_name, shorten
from kitnet.base.shape import Shape
from kitnet.base.shape import say as say_shape
from kitnet.cli.flags import Json
from kitnet.cli.screen import Column, print_json, print_table, say, say_wrapped
from kitnet.layers import LAYERS, Case, Layer, Loss
from kitnet.net.notation import describe, in_own_words, write_layer

COLUMNS = (
    Column("word"),
    Column("kind", spare=1),
    Column("parameters"),
    Column("hyperparameters", broken=True),
)
USUAL = 80  # columns of a terminal


def command(word: str | None = None, /, *, json: Json = False) -> None:
    """The words of the language; of one word its formulas, parameters and shapes, and what computes it.

    Parameters
    ----------
    word
        Of a layer or a loss, such as conv; without one a table of all.
    """
    if word is None:
        _all(json)
        return
    if word not in LAYERS:
        own = other_name(word, LAYERS)
        if own is None:
            more = "`kitnet layers` prints all of them"
        else:
            written = in_own_words(LAYERS[own], word.lower(), "")
            more = f"write {written}; `kitnet layers {own}` tells all of it"
        raise KitnetError(f"unknown layer {shorten(word)}{nearest(word, LAYERS)}; {more}")
    found = _described(LAYERS[word])
    if json:
        print_json(found)
    else:
        _say(found)


def _all(json: bool) -> None:
    rows = [_row(word, layer) for word, layer in sorted(LAYERS.items())]
    if json:
        print_json(rows)
        return
    print_table(
        COLUMNS,
        [
            [
                row["word"],
                row["kind"],
                " ".join(row["parameters"]),
                " ".join(one["name"] for one in row["arguments"]),
            ]
            for row in rows
        ],
        most=USUAL,
    )
    say_wrapped("kitnet layers WORD tells all of one: formulas, shapes, source, implementations")


def _row(word: str, layer: type[Layer]) -> dict[str, Any]:
    return {
        "word": word,
        "kind": "loss" if issubclass(layer, Loss) else "block" if layer.joins else "layer",
        "about": " ".join((layer.__doc__ or "").split()),
        "numbers": list(layer.numbers),
        "parameters": list(dict.fromkeys(name for case in layer.cases() for name in _params(case))),
        "arguments": [
            {"name": name, "expected": expected, "default": default}
            for name, expected, default in describe(layer)
        ],
    }


def _params(case: Case) -> dict[str, str]:
    return {name: say_shape(param.shape) for name, param in case.layer.params(*case.shapes).items()}


def _described(layer: type[Layer]) -> dict[str, Any]:
    """All of one layer. Shapes are those of its first example with the most parameters."""
    from kitnet.engine.lower import FORMULAS, implementations_of
    from kitnet.zoo.errata import ERRATA

    cases = list(layer.cases())
    case = max(cases, key=lambda one: len(_params(one)))
    found = [
        {"implementation": one.id, "sentence": one.sentence}
        for one in dict.fromkeys(
            (*(one for each in cases for one in implementations_of(each.layer)), *FORMULAS.values())
        )
    ]
    module = sys.modules[layer.__module__]
    return {
        **_row(layer.word, layer),
        "formulas": inspect.cleandoc(module.__doc__ or ""),
        "module": layer.__module__,
        "example": {
            "line": _line(case),
            "inputs": [say_shape(shape) for shape in case.shapes],
            "output": say_shape(case.layer.output_shape(*case.shapes)),
            "parameters": _params(case),
            "state": {n: say_shape(b.shape) for n, b in case.layer.state(*case.shapes).items()},
            "kept": [*sorted(layer.keeps), *case.layer.extras(*case.shapes)],
        },
        "implementations": found,
        "errata": [{"printed": one.printed, "note": one.note} for one in ERRATA if one.word == layer.word],
    }


def _line(case: Case) -> str:
    """The example as the language writes it, of a loss as training names it."""
    layer, input = case.layer, max(case.shapes, key=math.prod)
    if isinstance(layer, Loss):
        return f"kitnet train lenet5 --loss {layer.word}"
    line = f"{say_shape(input)} -> {write_layer(layer)}"
    return f"{line}[{' | '.join(_branch(shape, input) for shape in case.shapes)}]" if layer.joins else line


def _branch(shape: Shape, input: Shape) -> str:
    """What makes such a volume, or one of this depth, of the input."""
    if len(shape) == len(input) > 1 and shape[-1] == input[-1] and shape != input:
        return f"maxpool regions={say_shape(shape[:-1])}"
    kind = "conv1-" if len(shape) > 1 else "fc"
    return "identity" if shape == input else f"{kind}{shape[-1]}"


def _say(found: dict[str, Any]) -> None:
    word, example = found["word"], found["example"]
    say_wrapped(f"{word} ({found['kind']})  {found['about']}", len(word))
    say("")
    for line in found["formulas"].splitlines():
        say(f"    {line}" if line else "")
    say(f"    ({found['module'].replace('.', '/')}.py)")
    for title, lines in _parts(found, example):
        say("")
        say(title, len(title))
        for line in lines:
            say_wrapped(f"    {line}")


def _parts(found: dict[str, Any], example: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    arguments = [
        f"{one['name']}: {one['expected']}, "
        + (f"usually {one['default']}" if one["default"] else "always given")
        for one in found["arguments"]
    ]
    yield "Hyperparameters", arguments or ["none"]
    yield "Parameters", [" ".join(found["parameters"]) or "none"]
    made = "; ".join(
        f"{name} {shape}" for name, shape in {**example["parameters"], **example["state"]}.items()
    )
    inputs = " and ".join(example["inputs"])
    kept = ", ".join(example["kept"]) or "nothing"
    yield (
        "Example",
        [
            example["line"],
            f"from {inputs} to {example['output']}" + (f" with {made}" if made else ""),
            f"the way back reads {kept}",
        ],
    )
    yield (
        "Implementations",
        [f"{one['implementation']}: {one['sentence']}" for one in found["implementations"]],
    )
    errata = [f"- {one['printed']}. {one['note']}" for one in found["errata"]]
    if errata:
        yield "Texts print", errata
