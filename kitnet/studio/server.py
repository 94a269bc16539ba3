"""The studio served to a browser on this machine."""

from __future__ import annotations

import socket
import threading

import uvicorn

from kitnet.base.error import KitnetError
from kitnet.studio.app import studio
from kitnet.studio.safety import HOST
from kitnet.studio.training import Training

PORTS = range(1, 1 << 16)
LEAVING = 2  # seconds that an answer may take when the studio ends
LONGEST = 1 << 12  # bytes of what a client sends over a socket, which nobody reads


class Server:
    """Answers from a thread of its own, from `open` to `close`. Port 0 is any that is free. Raises
    KitnetError for one that is taken."""

    def __init__(self, training: Training, port: int = 0) -> None:
        if port and port not in PORTS:
            raise KitnetError(f"--port {port} is not possible; use 1 to {PORTS[-1]}, or 0 for any")
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except OSError as error:
            self._socket.close()
            raise KitnetError(
                f"--port {port} cannot be listened to ({error.strerror}); choose another one, or leave it out"
            ) from None
        self._guard = studio(training, self._socket.getsockname()[1])
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._guard,
                log_level="critical",
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                ws="websockets-sansio",
                ws_max_size=LONGEST,
                ws_per_message_deflate=False,  # frames do not leave the machine
                timeout_graceful_shutdown=LEAVING,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="studio", daemon=True
        )

    @property
    def address(self) -> str:
        """Where a browser begins, with the token."""
        return self._guard.address

    def open(self) -> None:
        self._socket.listen()
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
