"""The text format of protocol buffers, as far as descriptions of networks have it: a message is a row of
fields, `name: value`, `name: [1, 2]` and `name { ... }`, with comments behind `#`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kitnet.base.error import DataError, shorten
from kitnet.interop.caffe.message import Message, Value, Word

MOST_TOKENS = 1 << 20
DEEPEST = 16  # messages in each other
TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f\v]+|\#[^\n]*)
      |(?P<text>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')
      |(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fF]?(?![\w.]))
      |(?P<word>[A-Za-z_]\w*)
      |(?P<sign>[{}<>\[\]:,;])""",
    re.VERBOSE | re.ASCII,
)
CLOSING = {"{": "}", "<": ">"}
ESCAPE = re.compile(r"\\(.)")
ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Tokens:
    """The tokens of a text, one of them seen ahead. Raises DataError for what is none."""

    text: str
    line: int = 1
    _place: int = 0
    _ahead: list[Token] = field(default_factory=list)
    _count: int = 0

    def next(self) -> Token:
        return self._ahead.pop() if self._ahead else self._read()

    def peek(self) -> Token:
        if not self._ahead:
            self._ahead.append(self._read())
        return self._ahead[-1]

    def take(self, *signs: str) -> bool:
        """Whether one of these signs is next, which is then behind."""
        found = self.peek().kind == "sign" and self.peek().text in signs
        if found:
            self.next()
        return found

    def _read(self) -> Token:
        while self._place < len(self.text):
            match = TOKEN.match(self.text, self._place)
            if match is None:
                raise DataError(f"line {self.line}: {shorten(self.text[self._place :][:20])} is no field")
            line, self._place = self.line, match.end()
            self.line += match.group().count("\n")
            self._count += 1
            if self._count > MOST_TOKENS:
                raise DataError(f"more than {MOST_TOKENS:,} words, which no network has")
            if match.lastgroup != "space":
                return Token(str(match.lastgroup), match.group(), line)
        return Token("end", "", self.line)


def parse_text(text: str) -> Message:
    """The message that a text is. Raises DataError with the line."""
    tokens = Tokens(text)
    message, around = Message(1), list[tuple[Message, str]]()
    while True:
        token = tokens.next()
        if token.kind == "end":
            if around:
                raise DataError(f"line {message.line}: what begins here has no end; take a fresh copy")
            return message
        if around and token.text == around[-1][1]:
            message, _ = around.pop()
        elif token.kind != "word":
            raise DataError(f"line {token.line}: {shorten(token.text)} stands where a name was expected")
        else:
            colon = tokens.take(":")
            opening = tokens.peek()
            if tokens.take("{", "<"):
                if len(around) == DEEPEST:
                    raise DataError(f"line {token.line}: more than {DEEPEST} messages lie in each other")
                inner = Message(token.line)
                message.add(token.text, inner, token.line)
                around.append((message, CLOSING[opening.text]))
                message = inner
                continue
            if not colon:
                raise DataError(
                    f"line {token.line}: {shorten(token.text)} has no value; write one behind ':'"
                )
            for value in _values(tokens):
                message.add(token.text, value, token.line)
        tokens.take(",", ";")


def _values(tokens: Tokens) -> Iterator[Value]:
    """What stands behind a colon: a value, or several in brackets."""
    if not tokens.take("["):
        yield _value(tokens)
        return
    while not tokens.take("]"):
        yield _value(tokens)
        if not tokens.take(",") and tokens.peek().text != "]":
            raise DataError(f"line {tokens.peek().line}: a row of values needs ',' between them, and ']'")


def _value(tokens: Tokens) -> Value:
    token = tokens.next()
    match token.kind:
        case "word":
            return Word(token.text)
        case "number":
            return float(token.text.rstrip("fF"))
        case "text":
            found = _inside(token.text)
            while tokens.peek().kind == "text":  # texts side by side are one
                found += _inside(tokens.next().text)
            return found
    raise DataError(f"line {token.line}: {shorten(token.text)} stands where a value was expected")


def _inside(quoted: str) -> str:
    return ESCAPE.sub(lambda match: ESCAPED.get(match[1], match[1]), quoted[1:-1])
