"""The language: one line describes a network, and a network prints as its line.

    28x28x1 -> [conv5-6 same -> tanh -> maxpool2]*2 -> fc120 -> tanh -> fc10

    line    = input "->" chain
    input   = 28x28x1, or INPUT for one that is given elsewhere
    chain   = term ("->" term)*
    term    = [name ":"] item ["*" count] ["?"] ["=>" output]
    item    = layer | "[" chain "]" | block | join | "@" name | CAPITALS
    block   = word "[" chain ("|" chain)* "]"            residual[body | shortcut], side[body => name]
    join    = layer "[" chain ("|" chain)+ "]"           concat[a | b], add[a | b], one's own
    layer   = word [numbers] ["/" stride] (text | name "=" value)*      (`notation.py`; and se16)

`?` marks what may be left out; `count` is a number, 0 too, or a letter; the last and words in CAPITALS are
given elsewhere (`template.py`). `=> output` makes the term's result an output
of that name beside the line's end, which is the main output: `fc10 => classes`. `@name` is the part of that
name once more, with the same weights: `a:conv3-8 same -> relu -> @a`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from kitnet.base.error import KitnetError, LanguageError, shorten
from kitnet.base.shape import Shape
from kitnet.layers import LAYERS, Identity, Layer, Loss
from kitnet.layers.value import whole
from kitnet.net.block import BLOCKS, Block, Chain, Join, Part, Shared, Term
from kitnet.net.notation import LayerReader, Token, argument_that_reads, word_of, write_layer
from kitnet.net.template import MOST_TIMES, Template

DEEPEST = 50  # brackets within brackets
MOST_BRANCHES = 10**6
_TOKEN = re.compile(r"->|=>|→|[\[\]|?*]|(?:(?!->|=>)[^\s\[\]|?*→])+")
NAME = r"[A-Za-z_][\w-]*"  # of a layer or a block, as it is written in a line
_VOLUME = re.compile(r"\d+([x×]\d+){0,3}")
_MARKS = ("->", "=>", "→", "[", "]", "|", "?", "*")
_ARROWS = ("->", "→")


def read(
    line: str,
    *,
    input: Shape | None = None,
    optional: bool = True,
    given: Mapping[str, int | str] | None = None,
    on_misfit: str | None = None,
) -> tuple[Shape, Chain]:
    """A line -> its input volume and its chain. Raises LanguageError; see `kitnet.parse`."""
    if not isinstance(line, str):
        raise KitnetError(f"a network's line is a text such as '28x28x1 -> fc10', not {shorten(line)}")
    template = Template(given or {})
    found = _Reader(line, optional, template, on_misfit).read(input)
    template.check_used()
    return found


def read_volume(text: str) -> Shape:
    """'28x28x1' -> (28, 28, 1). Raises ValueError."""
    if not _VOLUME.fullmatch(text):
        raise ValueError(text)
    shape = tuple(whole(number) for number in re.split("[x×]", text))
    if 0 in shape:
        raise ValueError(text)
    return shape


class _Words(Mapping[str, type[Layer] | type[Block]]):
    """What a line is made of, by words: blocks, and the layers that are no losses."""

    def __getitem__(self, word: str) -> type[Layer] | type[Block]:
        kind = BLOCKS[word] if word in BLOCKS else LAYERS[word]
        if issubclass(kind, Loss):
            raise KeyError(word)
        return kind

    def __iter__(self) -> Iterator[str]:
        return (word for word in (*LAYERS, *BLOCKS) if word in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Reader:
    """Recursive descent over the tokens of one line."""

    def __init__(self, line: str, optional: bool, template: Template, on_misfit: str | None) -> None:
        self._line = line.replace("\n", " ").replace("\t", " ")
        self._optional, self._template = optional, template
        self._layers = LayerReader(self._line, on_misfit)
        self._tokens = [Token(found[0], found.start()) for found in _TOKEN.finditer(self._line)]
        self._last = self._last_fc()
        self._at = 0
        self._depth = 0

    def _last_fc(self) -> int:
        """The column of the last FC outside brackets, which may have a name; -1 where there is none."""
        depth, last = 0, -1
        for token in self._tokens:
            depth += (token.text == "[") - (token.text == "]")
            if depth == 0 and token.text.rpartition(":")[2] == "FC":
                last = token.column + len(token.text) - len("FC")
        return last

    def read(self, given: Shape | None) -> tuple[Shape, Chain]:
        first = self._take("an input volume such as 28x28x1")
        try:
            shape = read_volume(first.text)
        except ValueError:
            if first.text.lower() != "input":
                reason = f"a line begins with its input volume, such as 28x28x1, not {shorten(first.text)}"
                self._fail(reason, first)
            if given is None:
                self._fail("the size of INPUT is not given; write 28x28x1, or say --input 28x28x1", first)
            shape = given
        self._arrow("the input volume")
        chain = self._chain()
        if self._at < len(self._tokens):
            reason = f"expected -> or the end of the line, not {shorten(self._next)}"
            self._fail(reason, self._tokens[self._at])
        if not chain.terms:
            self._fail("nothing is left of this network: its layers are left out or repeated 0 times", first)
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
        if token.text not in _ARROWS:
            self._fail(f"expected -> after {after}, not {shorten(token.text)}", token)

    def _fail(self, reason: str, token: Token) -> NoReturn:
        self._layers.fail(reason, token)

    def _chain(self) -> Chain:
        terms: list[Term] = []
        while True:
            terms += self._term()
            if self._next not in _ARROWS:
                return Chain(tuple(terms))
            self._at += 1

    def _term(self) -> list[Term]:
        """One term, or none where it was optional and is left out."""
        token = self._take("a layer")
        name = re.match(rf"({NAME}):", token.text)
        if name:
            rest = token.text[name.end() :]
            if rest[:1].isdigit():  # pad1:3x0:2, of which the first pair looks like a name
                word = word_of(Token(name[1], token.column))
                pairs = f"{name[1][len(word) :]}:{rest}"
                argument = argument_that_reads(LAYERS[word], pairs) if word in LAYERS else ""
                how = f"; write {word} {argument}={pairs}" if argument else ""
                self._fail(
                    f"a layer stands behind the name {shorten(name[1])}, not {shorten(rest)}{how}", token
                )
            token = Token(rest, token.column + name.end()) if rest else self._take("a layer")
        begin, part = token.column, self._item(token)
        times, dropped = self._marks()
        output = self._output() if self._next == "=>" else ""
        if dropped or not times or part == Chain(()):
            return []
        if times == 1 and not name and not output and isinstance(part, Chain):
            return list(part.terms)  # brackets that group nothing
        return [Term(part, name[1] if name else "", times, output, begin)]

    def _marks(self) -> tuple[int, bool]:
        """How often a term is repeated, and whether it is left out."""
        times, dropped = 1, False
        while self._next in ("*", "?"):
            if self._take("").text == "?":
                dropped = not self._optional
                continue
            token = self._take("how often")
            times *= self._times(token)
            if times > MOST_TIMES:
                self._fail(f"a part is repeated 0 to {MOST_TIMES} times, not {times}", token)
        return times, dropped

    def _output(self) -> str:
        self._take("")
        token = self._take("the name of an output")
        if not re.fullmatch(NAME, token.text):
            self._fail(f"expected the name of an output after =>, not {shorten(token.text)}", token)
        return token.text

    def _times(self, token: Token) -> int:
        try:
            return self._template.times(token.text)
        except KitnetError as error:
            self._fail(str(error), token)

    def _item(self, token: Token) -> Part:
        if token.text == "[":
            (chain,) = self._branches(token, "[...]", 1, 1)
            return chain
        if token.text in _MARKS:
            self._fail(f"expected a layer, not {shorten(token.text)}", token)
        if token.text.startswith("@"):
            return Shared(token.text[1:])
        block = BLOCKS.get(token.text.lower())
        if block and block.chains[1] and self._next == "[":
            chains = self._branches(self._take("["), block.form, *block.chains)
            return block(*map(_passing_on, chains))
        return self._layer(token)

    def _layer(self, token: Token) -> Part:
        word = word_of(token)
        if word in BLOCKS and BLOCKS[word].chains[1]:
            self._fail(f"{word} joins branches; write {word}[one | other]", token)
        others = []
        while self._next and self._next not in _MARKS:
            others.append(self._take(""))
        layer = None if others else self._standing_for(token)
        if layer is None:
            layer = self._layers.layer(token, others, _Words())
        if not (isinstance(layer, Layer) and layer.joins):
            return layer
        if self._next != "[":
            self._fail(f"{word} joins branches; write {word}[one | other]", token)
        chains = self._branches(self._take("["), f"{word}[one | other]", 2, MOST_BRANCHES)
        return Join(layer, tuple(map(_passing_on, chains)))

    def _standing_for(self, token: Token) -> Part | None:
        """The layer that a word in capitals stands for."""
        try:
            return self._template.layer(token.text, token.column == self._last, self._layers.on_misfit)
        except LanguageError:
            raise
        except KitnetError as error:
            self._fail(str(error), token)

    def _branches(self, opening: Token, form: str, least: int, most: int) -> list[Chain]:
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
            expected = "holds one chain" if most == 1 else "holds two at most"
            expected = "joins two branches or more" if most == MOST_BRANCHES else expected
            self._fail(f"{form} {expected}, not {len(chains)}", opening)
        return chains


def _passing_on(chain: Chain) -> Chain:
    """A branch whose optional layers are left out passes its input on."""
    return chain if chain.terms else Chain((Term(Identity()),))


def write(part: Part | Term) -> str:
    """A layer, a block or a term as the language writes it; `read` gives back an equal one."""
    match part:
        case Term(inner, name, times, output):
            text = f"[{write(inner)}]" if isinstance(inner, Chain) else write(inner)
            text = (f"{name}:" if name else "") + text + (f"*{times}" if times > 1 else "")
            return f"{text} => {output}" if output else text
        case Chain(terms):
            return " -> ".join(map(write, terms))
        case Join(layer, branches):
            return f"{write_layer(layer)}[{' | '.join(map(write, branches))}]"
        case Shared(name):
            return f"@{name}"
        case Layer():
            return write_layer(part)
        case Block() if not part.chains[1]:
            return write_layer(part)
        case Block():
            chains = (chain for chain in vars(part).values() if chain is not None)
            return f"{part.word}[{' | '.join(map(write, chains))}]"
    raise KitnetError(f"{part!r} is no part of a network")


def in_rows(line: str, columns: int) -> str:
    """A line as a text of rows of so many columns, broken before arrows and bars; `read` gives back the same
    network. A row is longer where a layer alone is."""
    first, *others = re.split(r" (?=->|\||=>)", line)
    rows = [first]
    for piece in others:
        if len(rows[-1]) + 1 + len(piece) <= columns:
            rows[-1] += f" {piece}"
        else:
            rows.append(f"  {piece}")
    return "\n".join(rows)
