"""The language: one line describes a network, and a network prints as its line.

    28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc120 -> tanh -> fc10

    line   = input "->" chain               input   28x28x1, or INPUT for one that is given elsewhere chain  =
    term ("->" term)* term   = [name ":"] item ["*" count] ["?"]        ? marks what may be left out; count is
    a number or a letter item   = layer | "[" chain "]" | "residual[" chain ["|" chain] "]" | "concat[" chain
    ("|" chain)+ "]" | "add[...]" layer  = word [numbers] ["/" stride] (text | name "=" value)*

`numbers` fill the fields that the layer's class lists (conv5-6: window 5, filters 6); a text that only one
field knows, such as `same`, needs no name. Words are read in any case. Nothing of the line is ever evaluated
as Python.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from kitnet.base.error import KitnetError, LanguageError, ShapeError, nearest
from kitnet.base.shape import Shape
from kitnet.layers import LAYERS, Identity, Layer, Loss
from kitnet.layers.value import arguments, whole
from kitnet.net.block import Branch, Chain, Part, Residual, Term

DEEPEST = 50  # brackets within brackets
MOST_TIMES = 1000
BLOCKS = ("residual", "concat", "add")
_TOKEN = re.compile(r"->|→|[\[\]|?*]|(?:(?!->)[^\s\[\]|?*→])+")
_NUMBERS = re.compile(r"([A-Za-z_]+)([\d.x]+(?:-[\d.x]+)*)?(?:/([\dx]+))?")
_VOLUME = re.compile(r"\d+([x×]\d+){0,3}")
_MARK = re.compile(r"->|→|[\[\]|?*]")


@dataclass(frozen=True)
class Token:
    text: str
    column: int


def read(
    line: str, *, input: Shape | None = None, optional: bool = True, counts: Mapping[str, int] | None = None
) -> tuple[Shape, Chain]:
    """A line -> its input volume and its chain. Raises LanguageError; see `kitnet.parse`."""
    return _Reader(line, optional, counts or {}).line(input)


def read_volume(text: str) -> Shape:
    """'28x28x1' -> (28, 28, 1). Raises ValueError."""
    if not _VOLUME.fullmatch(text):
        raise ValueError(text)
    shape = tuple(whole(number) for number in re.split("[x×]", text))
    if 0 in shape:
        raise ValueError(text)
    return shape


def checked_volume(given: object) -> Shape:
    """A volume given as any sequence of whole numbers, as a tuple of Python's integers. Raises ShapeError."""
    try:
        shape = tuple(map(operator.index, given))  # type: ignore[call-overload]  # that is the question
    except TypeError:
        shape = ()
    if not 1 <= len(shape) <= 4 or min(shape) < 1:
        raise ShapeError(
            f"an input volume is one to four whole numbers of 1 or more, channels last, not {given!r}",
            "write it like (28, 28, 1)",
        )
    return shape


class _Reader:
    """Recursive descent over the tokens of one line."""

    def __init__(self, line: str, optional: bool, counts: Mapping[str, int]) -> None:
        self._line, self._optional, self._counts = (
            line.replace("\n", " ").replace("\t", " "),
            optional,
            counts,
        )
        self._tokens = [Token(found[0], found.start()) for found in _TOKEN.finditer(self._line)]
        self._at = 0
        self._depth = 0

    def line(self, given: Shape | None) -> tuple[Shape, Chain]:
        first = self._take("an input volume such as 28x28x1")
        try:
            shape = read_volume(first.text)
        except ValueError:
            if first.text.lower() != "input":
                self._fail(f"a line begins with its input volume, such as 28x28x1, not {first.text!r}", first)
            if given is None:
                self._fail("the size of INPUT is not given; write it, such as 28x28x1", first)
            shape = given
        self._arrow("the input volume")
        chain = self._chain()
        if self._at < len(self._tokens):
            self._fail(f"expected -> or the end of the line, not {self._next!r}", self._tokens[self._at])
        if not chain.terms:
            self._fail("nothing is left of this network without its optional layers", first)
        return given or shape, chain

    @property
    def _next(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _take(self, expected: str) -> Token:
        if self._at == len(self._tokens):
            self._fail(
                f"the line ends where {expected} should follow", Token("", len(self._line.rstrip()) + 1)
            )
        self._at += 1
        return self._tokens[self._at - 1]

    def _arrow(self, after: str) -> None:
        token = self._take("-> and a layer")
        if token.text not in ("->", "→"):
            self._fail(f"expected -> after {after}, not {token.text!r}", token)

    def _fail(self, reason: str, token: Token) -> NoReturn:
        raise LanguageError(reason, self._line, token.column)

    def _chain(self) -> Chain:
        terms: list[Term] = []
        while True:
            terms += self._term()
            if self._next not in ("->", "→"):
                return Chain(tuple(terms))
            self._at += 1

    def _term(self) -> list[Term]:
        """One term, or none where it was optional and is left out."""
        token = self._take("a layer")
        name = re.match(r"([A-Za-z_]\w*):", token.text)
        if name:
            rest = token.text[name.end() :]
            token = Token(rest, token.column + name.end()) if rest else self._take("a layer")
        part = self._item(token)
        times, dropped = 1, False
        while self._next in ("*", "?"):
            mark = self._take("")
            if mark.text == "*":
                token = self._take("how often")
                times *= self._times(token)
                if times > MOST_TIMES:
                    self._fail(f"a part is repeated 1 to {MOST_TIMES} times, not {times}", token)
            else:
                dropped = not self._optional
        if dropped or not times or part == Chain(()):
            return []
        if times == 1 and not name and isinstance(part, Chain):
            return list(part.terms)  # brackets that group nothing
        return [Term(part, name[1] if name else "", times)]

    def _times(self, token: Token) -> int:
        text = token.text
        if text in self._counts:
            count = self._counts[text]
            if count not in range(MOST_TIMES + 1):
                self._fail(f"a part is repeated 0 to {MOST_TIMES} times, but {text} is {count}", token)
            return int(count)
        if not text.isdecimal():
            self._fail(f"expected a number of repetitions after *, not {text!r}", token)
        if not 1 <= int(text[:9]) <= MOST_TIMES:
            self._fail(f"a part is repeated 1 to {MOST_TIMES} times, not {text}", token)
        return int(text)

    def _item(self, token: Token) -> Part:
        if token.text == "[":
            (chain,) = self._branches(token, "]", 1, 1)
            return chain
        word = token.text.lower()
        if word in BLOCKS and self._next == "[":
            opening = self._take("[")
            if word == "residual":
                body, *shortcut = self._branches(opening, word, 1, 2)
                return Residual(body, *shortcut)
            return Branch(
                tuple(self._branches(opening, word, 2, 10**6)), "add" if word == "add" else "concat"
            )
        if token.text in ("->", "→", "]", "|", "?", "*"):
            self._fail(f"expected a layer, not {token.text!r}", token)
        return self._layer(token)

    def _branches(self, opening: Token, word: str, least: int, most: int) -> list[Chain]:
        """The chains up to the closing bracket; the opening one has been read."""
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"more than {DEEPEST} brackets within brackets", opening)
        chains = [self._chain()]
        while self._next == "|":
            self._at += 1
            chains.append(self._chain())
        if self._next != "]":
            self._fail("this bracket is not closed", opening)
        self._at += 1
        self._depth -= 1
        if not least <= len(chains) <= most:
            expected = {1: "[...] holds one chain", 2: "residual[body | shortcut] holds two at most"}.get(
                most, f"{word}[one | other] joins two branches or more"
            )
            self._fail(f"{expected}, not {len(chains)}", opening)
        if word in BLOCKS:  # a branch whose optional layers are left out passes its input on
            chains = [chain if chain.terms else Chain((Term(Identity()),)) for chain in chains]
        return chains

    def _layer(self, token: Token) -> Layer:
        form = _NUMBERS.fullmatch(token.text)
        word = form[1].lower() if form else re.split(r"[\d/]", token.text.lower())[0]
        known = [w for w, layer in LAYERS.items() if not issubclass(layer, Loss) and w not in BLOCKS] + [
            *BLOCKS
        ]
        if word not in known:
            self._fail(f"unknown layer {word or token.text!r}{nearest(word, known)}", token)
        if word in BLOCKS:
            self._fail(f"{word} joins branches; write {word}[one | other]", token)
        kind = LAYERS[word]
        fields = arguments(kind)
        if form is None:
            self._fail(f"{word} is written {_example(kind)}, not {token.text!r}", token)
        values: dict[str, Any] = {}
        numbers = form[2].split("-") if form[2] else []
        if len(numbers) > len(kind.numbers):
            self._fail(f"{word} is written {_example(kind)}, not {token.text!r}", token)
        for name, text in zip(kind.numbers, numbers, strict=False):
            self._value(kind, values, name, text, token)
        if form[3]:
            if "stride" not in fields:
                self._fail(f"{word} has no stride", token)
            self._value(kind, values, "stride", form[3], token)
        while self._next and not _MARK.fullmatch(self._next):
            self._argument(kind, values, self._take(""))
        missing = [
            name
            for name, (_, default) in fields.items()
            if default is dataclasses.MISSING and name not in values
        ]
        if missing:
            self._fail(f"{word} needs {' and '.join(missing)}, such as {_example(kind)}", token)
        return kind(**values)

    def _argument(self, kind: type[Layer], values: dict[str, Any], token: Token) -> None:
        fields = arguments(kind)
        name, equals, text = token.text.partition("=")
        if equals:
            if name not in fields:
                self._fail(f"{kind.word} has no {name!r}{nearest(name, fields)}", token)
            self._value(kind, values, name, text, token)
            return
        for field, (value, _) in fields.items():
            if name in value.bare:
                self._value(kind, values, field, name, token)
                return
        bare = [text for value, _ in fields.values() for text in value.bare]
        known = [*bare, *(f"{field}=" for field in fields)]
        self._fail(
            f"{kind.word} does not know {name!r}{nearest(name, known)}; layers are separated by ->", token
        )

    def _value(self, kind: type[Layer], values: dict[str, Any], name: str, text: str, token: Token) -> None:
        value, _ = arguments(kind)[name]
        if name in values:
            self._fail(f"{kind.word} has two values for {name}", token)
        try:
            values[name] = value.read(text)
        except ValueError:
            self._fail(f"{name} of {kind.word} is {value.expected}, not {text!r}", token)


def _example(kind: type[Layer]) -> str:
    """conv5-6, maxpool2, relu."""
    return kind.word + "-".join({"filters": "6", "units": "120"}.get(name, "5") for name in kind.numbers)


def write(part: Part | Term) -> str:
    """A layer, a block or a term as the language writes it; `read` gives back an equal one."""
    match part:
        case Term(inner, name, times):
            text = f"[{write(inner)}]" if isinstance(inner, Chain) else write(inner)
            return (f"{name}:" if name else "") + text + (f"*{times}" if times > 1 else "")
        case Chain(terms):
            return " -> ".join(map(write, terms))
        case Residual(body, shortcut):
            return f"residual[{write(body)}{f' | {write(shortcut)}' if shortcut else ''}]"
        case Branch(branches, join):
            return f"{join}[{' | '.join(map(write, branches))}]"
        case Layer():
            return _write_layer(part)
    raise KitnetError(f"{part!r} is no part of a network")


def _write_layer(layer: Layer) -> str:
    fields = arguments(type(layer))
    texts = {}
    for name, (value, default) in fields.items():
        given = getattr(layer, name)
        if given == default:
            continue
        text = value.write(given)
        if default in (None, dataclasses.MISSING) or text != value.write(default):  # (1,) is a default of 1
            texts[name] = text
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
