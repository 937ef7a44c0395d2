"""A network camera: MJPEG over HTTP, and all that such a camera can suffer."""

import contextlib
import http.server
import os
import threading
from pathlib import Path

import cv2
import numpy as np

FPS = 12


class HttpCamera:
    """Shows one picture with the noise of a sensor.

    ``mode`` is live, hang (sends nothing more), frozen (the very same bytes again and again) or garbage. ``unplug``
    closes it, ``plug_in`` opens it at the same address.
    """

    def __init__(self, picture: Path) -> None:
        self._picture = cv2.imread(str(picture))
        self._server: http.server.ThreadingHTTPServer | None = None
        self._stop = threading.Event()
        self._port = 0
        self.mode = "live"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/stream"

    def __enter__(self) -> "HttpCamera":
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def plug_in(self) -> None:
        camera, stop = self, threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    while not stop.wait(1 / FPS):
                        self.wfile.write(camera.part())

            def log_message(self, *_: object) -> None:
                pass

        self._stop, self._server = stop, http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def unplug(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            self._stop.set()
            server.shutdown()
            server.server_close()

    def part(self) -> bytes:
        """What goes out next."""
        if self.mode == "hang":
            return b""
        if self.mode == "garbage":
            return os.urandom(20_000)
        jpeg = _jpeg(self._picture, 0 if self.mode == "frozen" else None)
        return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)


def _jpeg(picture: np.ndarray, seed: int | None) -> bytes:
    noise = np.random.default_rng(seed).integers(-3, 4, picture.shape, np.int16)
    return cv2.imencode(".jpg", np.clip(picture + noise, 0, 255).astype(np.uint8))[1].tobytes()
