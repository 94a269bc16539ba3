"""A layer as text, `conv3-16/2 same`, and back.

    layer  = word [numbers] ["/" stride] (text | name "=" value)*

`numbers` fill the fields that the layer's class lists (conv5-6: window 5, filters 6); a text that only one
field knows, such as `same`, needs no name. Words are read in any case. Nothing is ever evaluated as Python.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from kitnet.base.error import MOST, LanguageError, nearest, other_name, shorten
from kitnet.layers import LAYERS, Layer
from kitnet.layers.value import TooLongError, arguments
from kitnet.layers.words import LOSS_FILES

_NUMBERS = re.compile(r"([A-Za-z_]+)([\d.x]+(?:-[\d.x]+)*)?(?:/([\dx]+))?")
_NAME = re.compile(r"[A-Za-z_]+([123]d)?")  # that a layer's numbers follow; maxpool2d2 is PyTorch's
_END = re.compile(r"([\d/][\d.x/-]*|[123]d)$")  # of words with digits in them, l2pool2 or avgpool2d


@dataclass(frozen=True)
class Token:
    """A piece of a line and the column where it begins."""

    text: str
    column: int


def word_of(token: Token) -> str:
    """The word that a layer's first token begins with, in small letters."""
    form = _NUMBERS.fullmatch(token.text)
    return form[1].lower() if form else re.split(r"[\d/]", token.text.lower())[0]


def read_layer(text: str, on_misfit: str | None = None) -> Any:
    """'conv3-16 same' -> the layer. Raises LanguageError."""
    reader = LayerReader(text, on_misfit)
    tokens = [Token(found[0], found.start()) for found in re.finditer(r"\S+", text)]
    if not tokens:
        reader.fail("expected a layer, such as conv3-16", Token("", 0))
    return reader.layer(tokens[0], tokens[1:], LAYERS)


class LayerReader:
    """Reads the layers of one line, of which errors show the place. `on_misfit` is that of layers that do not
    say their own, where it is given."""

    def __init__(self, line: str, on_misfit: str | None = None) -> None:
        self.line, self.on_misfit = line, on_misfit

    def fail(self, reason: str, token: Token) -> NoReturn:
        raise LanguageError(reason, self.line, token.column)

    def layer(self, token: Token, others: Sequence[Token], known: Mapping[str, type[Any]]) -> Any:
        """The layer of a token with its numbers, and of arguments behind it: one of `known`, by words."""
        form, word = _NUMBERS.fullmatch(token.text), word_of(token)
        if word not in known:
            self._unknown(token, word, known)
        kind = known[word]
        numbers = form[2].split("-") if form and form[2] else []
        if form is None or len(numbers) > len(kind.numbers):
            written = in_own_words(kind, word, _NAME.sub("", token.text, count=1))
            self.fail(f"{word} is written {written}, not {shorten(token.text)}", token)
        values: dict[str, Any] = {}
        for name, text in zip(kind.numbers, numbers, strict=False):
            self._value(kind, values, name, text, token)
        fields = arguments(kind)
        if form[3]:
            if "stride" not in fields:
                self.fail(f"{word} has no stride", token)
            self._value(kind, values, "stride", form[3], token)
        for other in others:
            self._argument(kind, values, other)
        if self.on_misfit is not None and "on_misfit" in fields:
            values.setdefault("on_misfit", self.on_misfit)
        missing = [
            n for n, (_, default) in fields.items() if default is dataclasses.MISSING and n not in values
        ]
        if missing:
            self.fail(f"{word} needs {' and '.join(missing)}, such as {example(kind)}", token)
        abstract = ", ".join(sorted(getattr(kind, "__abstractmethods__", ())))
        if abstract:
            self.fail(f"{word}: its class {kind.__name__} lacks {abstract}, which every layer has", token)
        return kind(**values)

    def _unknown(self, token: Token, word: str, known: Mapping[str, type[Any]]) -> NoReturn:
        """A word of other libraries, a loss, or one that nobody knows."""
        name = _END.sub("", token.text.lower()) if len(token.text) <= MOST else word
        own, loss = other_name(name, known), other_name(name, LOSS_FILES)
        if own is not None:
            written = in_own_words(known[own], name, token.text[len(name) :])
            self.fail(f"unknown layer {shorten(name)}{nearest(name, known)}; write {written}", token)
        if loss is not None or name in LOSS_FILES:
            self.fail(
                f"{shorten(name)} is a loss, not a layer; leave it out of the line, and give it to training: "
                f"{loss or name}",
                token,
            )
        hint = nearest(name, known) or "; kitnet layers lists them all"
        self.fail(f"unknown layer {shorten(name or token.text)}{hint}", token)

    def _argument(self, kind: type[Any], values: dict[str, Any], token: Token) -> None:
        fields = arguments(kind)
        name, equals, text = token.text.partition("=")
        if equals:
            if name not in fields:
                hint = nearest(name, fields) or f"; it has {', '.join(fields) or 'no arguments'}"
                self.fail(f"{kind.word} has no {shorten(name)}{hint}", token)
            self._value(kind, values, name, text, token)
            return
        for field, (value, _) in fields.items():
            if name in value.bare:
                self._value(kind, values, field, name, token)
                return
        known = [*(text for value, _ in fields.values() for text in value.bare), *(f"{f}=" for f in fields)]
        hint = _as_argument(kind, values, name) or nearest(name, known)
        self.fail(f"{kind.word} does not know {shorten(name)}{hint}; layers are separated by ->", token)

    def _value(self, kind: type[Any], values: dict[str, Any], name: str, text: str, token: Token) -> None:
        value, _ = arguments(kind)[name]
        if name in values:
            self.fail(f"{kind.word} has two values for {name}", token)
        try:
            values[name] = value.read(text)
        except ValueError as error:
            remedy = f"; {error.remedy}" if isinstance(error, TooLongError) else ""
            self.fail(f"{name} of {kind.word} is {value.expected}, not {shorten(text)}{remedy}", token)


def argument_that_reads(kind: type[Any], text: str, given: Collection[str] = ()) -> str:
    """The first argument that is not given, numbers before others, of which this can be the value."""
    fields = arguments(kind)
    for name in dict.fromkeys((*kind.numbers, *fields)):
        try:
            fields[name][0].read(text)
        except ValueError:
            continue
        if name not in given:
            return name
    return ""


def _as_argument(kind: type[Any], given: Collection[str], text: str) -> str:
    """How an argument whose = is left out, or its name as well, is written: pad1, 1:3x0:2."""
    form = re.fullmatch(r"([A-Za-z_]*?)([\d.:x-]+)", text)
    if form is None or len(text) > MOST:
        return ""
    fields, name = arguments(kind), form[1].lower()
    if not name:
        name = argument_that_reads(kind, text, given)
    return f" (write {name}={form[2]})" if name in fields and name not in given else ""


_EXAMPLES = {"filters": "6", "units": "120", "cap": "6", "pieces": "2", "groups": "3", "reduction": "16"}


def example(kind: type[Any]) -> str:
    """conv5-6, maxpool2, relu; the layer of its first case where other arguments have no default."""
    needed = {name for name, (_, default) in arguments(kind).items() if default is dataclasses.MISSING}
    if needed - {*kind.numbers} and issubclass(kind, Layer) and not kind.__abstractmethods__:
        return write_layer(next(iter(kind.cases())).layer)
    return kind.word + "-".join(_EXAMPLES.get(name, "5") for name in kind.numbers)


def in_own_words(kind: type[Any], name: str, numbers: str) -> str:
    """How the layer is written that another library calls `name`, with the numbers that stand behind it."""
    if not issubclass(kind, Layer) and kind.chains[1]:
        return str(kind.form)
    if name.startswith(("depthwise", "dw")):
        return f"{kind.word}3-16 groups=16, with as many groups as there are channels"
    if name == "gap" or name.startswith("global"):
        return f"{kind.word} global"
    if issubclass(kind, Layer) and kind.joins:
        return f"{kind.word}[one | other]"
    given = _NUMBERS.fullmatch(kind.word + numbers)
    fits = given and given[2] and given[2].count("-") < len(kind.numbers)
    share = re.fullmatch(r"\d*\.\d+", numbers)  # of a layer without numbers behind its word
    argument = argument_that_reads(kind, numbers) if share and not kind.numbers else ""
    if argument:
        return f"{kind.word} {argument}={numbers}"
    return kind.word + numbers if fits else example(kind)


def write_layer(layer: Any) -> str:
    """The layer, or block without chains, as text; it is read as an equal one."""
    fields = arguments(type(layer))
    texts = {}
    for name, (value, default) in fields.items():
        given = getattr(layer, name)
        if given != default:
            texts[name] = value.write(given)
    numbers = []
    for name in layer.numbers:
        if name not in texts or not re.fullmatch(r"[\d.x]+", texts[name]):
            break  # what follows is written by name
        numbers.append(texts.pop(name))
    text = layer.word + "-".join(numbers)
    if "stride" in texts:
        text += "/" + texts.pop("stride")
    for name, one in texts.items():
        text += f" {one}" if one in fields[name][0].bare else f" {name}={one}"
    return text


def describe(kind: type[Layer]) -> list[tuple[str, str, str]]:
    """(name, what is expected, default) of each of a layer's arguments, for `kitnet layers`."""
    return [
        (
            name,
            value.expected,
            "" if default is dataclasses.MISSING else "none" if default is None else value.write(default),
        )
        for name, (value, default) in arguments(kind).items()
    ]
