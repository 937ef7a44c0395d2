"""Real cameras for tests: a pipe that somebody writes pictures into, and MJPEG over HTTP."""

import contextlib
import errno
import http.server
import os
import threading
import time

import cv2
import numpy as np

from tests.meanwhile import served


def scene(number, width=320, height=240):
    """A picture that differs from every other number's."""
    shade = 60 + 37 * number % 150 if isinstance(number, int) else 60
    image = np.full((height, width, 3), shade, np.uint8)
    cv2.putText(image, str(number), (20, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 220, 255), 3)
    return image


def jpeg(number, **size):
    return cv2.imencode(".jpg", scene(number, **size))[1].tobytes()


def wait_for(condition, deadline_s=15.0):
    """What ``condition()`` gives once it is true; fails the test after the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


class PipeCamera:
    """Writes pictures into a pipe, as a DeepLens does; ``mode`` is live, frozen (writes nothing), same or away."""

    def __init__(self, path, mode="live"):
        self.path = path
        self.mode = mode
        os.mkfifo(path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        number = 0
        while not self._stop.is_set():
            fd = self._open()
            if fd is None:
                continue
            with contextlib.suppress(BrokenPipeError), os.fdopen(fd, "wb", buffering=0) as pipe:
                while self.mode != "away" and not self._stop.wait(0.02):
                    number += 1
                    if self.mode != "frozen":
                        pipe.write(jpeg("same" if self.mode == "same" else number))

    def _open(self):
        time.sleep(0.02)
        if self.mode == "away":
            return None
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO  # nobody reads yet
            return None
        os.set_blocking(fd, True)
        return fd


@contextlib.contextmanager
def http_camera():
    """The address of a camera that sends MJPEG over HTTP."""
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for number in range(10_000):
                    if stop.wait(0.03):
                        return
                    data = jpeg(number)
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data + b"\r\n")

        def log_message(self, *_):
            pass

    with served(Handler) as address:
        try:
            yield f"{address}/stream"
        finally:
            stop.set()
