"""Who may talk to the studio: a page of the studio itself, in a browser that has come by its address.

Before anything is looked at, for pages and sockets alike: Host is the studio's own, so that no name that
some site lets point to this machine gets in (DNS rebinding); Origin, where a browser sends one, is the
studio's own, and is there wherever something is asked for by POST or a socket; the token is in the cookie.
The address that is printed holds the token: that request alone gets the cookie, and is sent on to the address
without it.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from kitnet.web.body import answer, is_longer, limited, values
from kitnet.web.server import LOOPBACK, written

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 8 << 20  # bytes of a body: a picture file in base64
TOKEN_BYTES = 32
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
VIOLATION = 1008  # how a socket is closed that may not be there (RFC 6455, section 7.4.1)


class Guard:
    """An application behind the checks, served at this port of the loopback interface."""

    def __init__(self, app: ASGIApp, port: int, token: str | None = None) -> None:
        self._app = app
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        self.host = written(LOOPBACK, port)
        self.origin = f"http://{self.host}"
        self._cookie = f"kitnet-{port}"  # a cookie is for all ports of a host

    @property
    def address(self) -> str:
        """Where a browser begins."""
        return f"{self.origin}/?token={self.token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope)
        if scope["type"] == "websocket":
            if refused:
                await receive()
                await send({"type": "websocket.close", "code": VIOLATION, "reason": refused[1]})
                return
            await self._app(scope, receive, send)
            return
        if refused:
            await _answer(send, *refused)
        elif self._brings_token(scope):
            cookie = f"{self._cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, "", {"location": "/", "set-cookie": cookie})
        else:
            await self._app(scope, limited(receive, LARGEST), _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the reason why a request goes no further."""
        if values(scope, b"host") != [self.host]:
            return 421, "this is not the host that kitnet studio printed"
        origins, asks = values(scope, b"origin"), scope["type"] == "websocket" or scope["method"] != "GET"
        if origins != [self.origin] and (origins or asks):
            return 403, "this does not come from the studio's own page"
        if not (self._has_cookie(scope) or self._brings_token(scope)):
            return 403, "open the address that kitnet studio printed"
        if is_longer(scope, LARGEST):
            return 413, f"a body has at most {LARGEST} bytes"
        return None

    def _brings_token(self, scope: Scope) -> bool:
        """Whether it is the address that was printed."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return len(given) == 1 and self._is_token(given[0])

    def _has_cookie(self, scope: Scope) -> bool:
        for header in values(scope, b"cookie"):
            try:
                found = SimpleCookie(header).get(self._cookie)
            except CookieError:
                continue
            if found is not None and self._is_token(found.value):
                return True
        return False

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


async def _answer(send: Send, status: int, text: str, more: dict[str, str] | None = None) -> None:
    headers = {**HEADERS, "content-type": "text/plain; charset=utf-8", **(more or {})}
    await answer(send, status, text.encode(), headers)


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra: list[Any] = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sent
