"""An application that answers over HTTP from a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from kitnet.base.error import KitnetError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"  # the interface that only this machine reaches
PORTS = range(1, 1 << 16)
PATIENCE = 10  # seconds that a client may take for the head of a request, or to take an answer
TICKS = 10  # of uvicorn's loop a second


def bound(host: str, port: int) -> socket.socket:
    """A socket of this interface, by its name or address, that does not listen yet; port 0 is any that is
    free. Raises KitnetError."""
    if port and port not in PORTS:
        raise KitnetError(f"--port {port} is not possible; use 1 to {PORTS[-1]}, or 0 for any")
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise KitnetError(
            f"--host {host} is no interface of this machine; use {LOOPBACK}, or 0.0.0.0 for all"
        ) from None
    made = socket.socket(family, kind, number)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise KitnetError(
            f"--port {port} cannot be listened to ({error.strerror}); choose another one, or 0 for any"
        ) from None
    return made


def written(host: str, port: int) -> str:
    """Host and port as a browser writes them in a request."""
    name = f"[{host}]" if ":" in host else host
    return name if port == 80 else f"{name}:{port}"


class Server:
    """Answers from `open` to `close`, which waits at most `leaving` seconds for answers that are on their
    way. The sockets are closed with it. `options` are uvicorn's."""

    def __init__(self, app: ASGIApp, listening: socket.socket, leaving: int, **options: Any) -> None:
        self._socket = listening
        self._server = _Patient(
            uvicorn.Config(
                app,
                log_level="critical",
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                http="h11",  # which bounds the head of a request
                timeout_graceful_shutdown=leaving,
                **options,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="server", daemon=True
        )

    def open(self) -> None:
        self._socket.listen()
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


class _Patient(uvicorn.Server):
    """Closes connections that wait too long for their client: uvicorn has a limit for one that is silent
    behind an answer, and none for one that has never asked, or sends or takes a byte now and then."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._waiting: dict[Any, tuple[Any, int]] = {}

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS == 0:
            self._close_slow()
        return await super().on_tick(counter)

    def _close_slow(self) -> None:
        """One look a second: a connection that has no request, or one that is answered, and it is still the
        same one."""
        before, self._waiting = self._waiting, {}
        for connection in list(self.server_state.connections):
            if not isinstance(connection, H11Protocol):  # a socket, over which nothing may come for long
                continue
            cycle: Any = connection.cycle
            if cycle is not None and not cycle.response_complete:
                continue
            known, looks = before.get(connection, (None, 0))
            looks = looks + 1 if known is cycle else 1
            self._waiting[connection] = cycle, looks
            if looks > PATIENCE:
                # what is to be sent keeps a transport open that is only closed
                connection.transport.abort()
