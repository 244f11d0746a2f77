"""An adb server at the wire: real sockets, and answers that a test chooses, also broken ones."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[socket.socket, str], None]


def okay(text: str) -> bytes:
    """An accepted request and the text that answers it."""
    return b"OKAY" + block(text)


def fail(text: str) -> bytes:
    return b"FAIL" + block(text)


def block(text: str) -> bytes:
    return b"%04x" % len(text.encode()) + text.encode()


def packet(kind: int, payload: bytes) -> bytes:
    return struct.pack("<BI", kind, len(payload)) + payload


class FakeAdbServer:
    """Answers each request by `answers[request]`, bytes or a function of the socket and the request.

    The longest key that begins the request counts. What has no answer is refused. A connection stays open after a
    transport was chosen, as adb's does. `requests` are all that came.
    """

    def __init__(self, answers: dict[str, bytes | Answer]) -> None:
        self.answers = {
            "host:version": okay("0029"),
            "host-serial:": okay("shell_v2,cmd,stat_v2"),
            "host:transport": b"OKAY",
            **answers,
        }
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._open:
            link.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while size := link.recv(4, socket.MSG_WAITALL):
                request = link.recv(int(size, 16), socket.MSG_WAITALL).decode()
                self.requests.append(request)
                key = max((key for key in self.answers if request.startswith(key)), key=len, default="")
                answer = self.answers.get(key, fail("no such service"))
                if callable(answer):
                    answer(link, request)
                    break
                link.sendall(answer)
                if not request.startswith("host:transport"):
                    break
            # Closing with something unread would reset the connection and throw away what was sent.
            link.shutdown(socket.SHUT_WR)
            link.settimeout(5)
            while link.recv(65536):
                pass
        link.close()


@contextmanager
def serving(answers: dict[str, bytes | Answer]) -> Iterator[FakeAdbServer]:
    server = FakeAdbServer(answers)
    try:
        yield server
    finally:
        server.close()
