"""A socket before the nucleus's own, through which the components speak with it: it can be cut, or fall silent."""

import contextlib
import socket
import threading
from pathlib import Path


class BusSwitch:
    """Passes everything on to ``nucleus`` while it is ``on``; listens at ``path``."""

    def __init__(self, path: Path, nucleus: Path) -> None:
        self.path, self._nucleus = path, nucleus
        self._passes = threading.Event()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listening: socket.socket | None = None

    def __enter__(self) -> "BusSwitch":
        self.turn_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def turn_on(self) -> None:
        """Listen, and pass on what comes."""
        self._passes.set()
        if self._listening is None:
            self._listening = socket.socket(socket.AF_UNIX)
            self._listening.bind(str(self.path))
            self._listening.listen()
            threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        """End every connection; nobody listens any more."""
        listening, self._listening = self._listening, None
        self.path.unlink(missing_ok=True)
        if listening is not None:
            _end(listening)
        with self._lock:
            for end in self._ends:
                _end(end)
        self._passes.set()

    def fall_silent(self) -> None:
        """Every connection stands, and nothing passes."""
        self._passes.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:  # it was cut
                return
            nucleus = socket.socket(socket.AF_UNIX)
            try:
                nucleus.connect(str(self._nucleus))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._ends |= {client, nucleus}
            for source, sink in ((client, nucleus), (nucleus, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._passes.wait()
                sink.sendall(data)
        with self._lock:
            self._ends -= {source, sink}
        _end(source)
        _end(sink)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
