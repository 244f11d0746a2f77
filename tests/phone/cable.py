"""A cable between the adb server and a phone: it can be slow, and be pulled at an exact byte."""

from __future__ import annotations

import socket
import struct
import threading
import time

_RESET = struct.pack("ii", 1, 0)
_CHUNK = 65536


class Cable:
    """Forwards a port of its own to the phone's. Connections to it after `pull` are refused."""

    def __init__(self, phone_port: int) -> None:
        self._target = ("127.0.0.1", phone_port)
        self._bytes_per_s: float | None = None
        self._budget: int | None = None
        self._lock = threading.Lock()
        self._pulled = False
        self._links: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name=f"cable {self.port}", daemon=True).start()

    @property
    def serial(self) -> str:
        """How adb lists the phone behind it."""
        return f"127.0.0.1:{self.port}"

    def limit(self, bytes_per_s: float | None) -> None:
        """Slow down both directions; None for full speed."""
        self._bytes_per_s = bytes_per_s

    def pull_after(self, sent_bytes: int) -> None:
        """Pull the cable once so many more bytes went to the phone."""
        self._budget = sent_bytes

    def pull(self) -> None:
        """Cut every connection and accept no more."""
        with self._lock:
            self._pulled = True
            links, self._links = self._links, []
            try:
                self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who waits in accept
            except OSError:
                pass
        for link in links:
            try:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            link.close()

    def _accept(self) -> None:
        with self._listener:
            while not self._pulled:
                try:
                    near, _ = self._listener.accept()
                except OSError:
                    return
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=5.0)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            if self._pulled:
                near.close()
                far.close()
                return
            self._links += [near, far]
        for source, sink, counted in ((near, far, True), (far, near, False)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(source, sink, counted), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(_CHUNK):
                if self._bytes_per_s:
                    time.sleep(len(data) / self._bytes_per_s)
                if counted and self._budget is not None:
                    if len(data) >= self._budget:
                        sink.sendall(data[: self._budget])
                        return self.pull()
                    self._budget -= len(data)
                sink.sendall(data)
        except OSError:
            pass
        for link in (source, sink):
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            link.close()
        return None
