"""What comes with a request, as far as it may, and what goes with an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message, Receive, Scope, Send


class TooLargeError(Exception):
    """A body that goes on beyond what is allowed."""


def values(scope: Scope, name: bytes) -> list[str]:
    """The values of a header, whose name is in small letters; one that stands several times has several."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def is_longer(scope: Scope, most: int) -> bool:
    """Whether the body is said to have more than so many bytes, or a length that is no number."""
    return any(not said.isdecimal() or int(said) > most for said in values(scope, b"content-length"))


def limited(receive: Receive, most: int) -> Receive:
    """The body, as far as it may go, whatever its length was said to be. Raises TooLargeError."""
    seen = 0

    async def next_message() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLargeError
        return message

    return next_message


async def answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """A whole answer."""
    raw: list[Any] = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
