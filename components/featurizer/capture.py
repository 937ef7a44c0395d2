"""A camera that heals by itself: watched from outside, killed when it hangs, opened again with growing pauses."""

import dataclasses
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing

from components.core.errors import UnavailableError
from components.featurizer.camera_process import CameraProcess
from components.featurizer.frame import Frame, Image
from components.featurizer.sources import is_live, parse_source, redacted
from components.pauses import GrowingPause

log = logging.getLogger(__name__)

_LONGEST_STILL_S = 300.0


class Capture:
    """The newest frames of the source ``source_url``, for as long as somebody wants them; it never gives up.

    ``on_health`` is called with a sentence when the camera is away and with "" when it is back. A camera that gives no
    frame, or (a real one) the very same picture, for ``frozen_after_s`` is opened anew; opening it may take
    ``open_within_s``. Raises ConfigurationError for a source that is not known.
    """

    def __init__(
        self,
        source_url: str,
        *,
        on_health: Callable[[str], None] = lambda reason: None,
        frozen_after_s: float = 5.0,
        open_within_s: float = 20.0,
        first_pause_s: float = 0.5,
        longest_pause_s: float = 30.0,
    ) -> None:
        parse_source(source_url)
        self._source_url = source_url
        self._on_health = on_health
        self._frozen_after_s = frozen_after_s
        self._open_within_s = open_within_s
        self._pause = GrowingPause(first_pause_s, longest_pause_s)
        self._stillness = Stillness(frozen_after_s) if is_live(source_url) else None
        self._seq = 0
        self._health: str | None = None

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield the newest frame each time, until ``stop``; the numbers rise across every reopening."""
        while not stop.is_set():
            try:
                with closing(CameraProcess(self._source_url)) as camera:
                    yield from self._watched(camera, stop)
            except UnavailableError as error:
                self._report(str(error))
            except OSError as error:
                self._report(f"The camera's process cannot be started ({error.strerror}): is the memory full?")
            stop.wait(self._pause.next_s())

    def _watched(self, camera: CameraProcess, stop: threading.Event) -> Iterator[Frame]:
        base, opened_s = self._seq, time.monotonic()
        frame = camera.newest(stop, self._open_within_s)
        while frame is not None:
            self._check(frame, time.monotonic() - opened_s)
            self._seq = base + frame.seq
            yield dataclasses.replace(frame, seq=self._seq)
            frame = camera.newest(stop, self._frozen_after_s)

    def _check(self, frame: Frame, open_for_s: float) -> None:
        """Note that the camera lives; raises UnavailableError where it only seems to."""
        if self._stillness is None or self._stillness.moves(frame.image, time.monotonic()):
            self._report("")
        if open_for_s > self._frozen_after_s:
            self._pause.reset()

    def _report(self, reason: str) -> None:
        if reason == self._health:
            return
        if reason:
            log.warning("%s: %s", redacted(self._source_url), reason)
        elif self._health:
            log.info("%s is back.", redacted(self._source_url))
        self._health = reason
        self._on_health(reason)


class Stillness:
    """Notices a camera that repeats one picture: a driver may do so for ever after the camera was unplugged.

    Two real pictures are never equal, except of a covered camera: so every reopening that does not help doubles the
    time until the next.
    """

    def __init__(self, frozen_after_s: float) -> None:
        self._frozen_after_s = frozen_after_s
        self._limit_s = frozen_after_s
        self._sum = 0
        self._since_s = 0.0

    def moves(self, image: Image, now_s: float) -> bool:
        """Whether ``image`` differs from the one before; raises UnavailableError when none has done so for too long."""
        sum_now = zlib.crc32(image[::8, ::8].tobytes())
        if sum_now != self._sum:
            self._sum, self._since_s, self._limit_s = sum_now, now_s, self._frozen_after_s
            return True
        still_s = now_s - self._since_s
        if still_s > self._limit_s:
            self._limit_s = min(2 * still_s, _LONGEST_STILL_S + still_s)
            raise UnavailableError(
                f"The camera has shown the very same picture for {still_s:.0f} s: is it frozen or covered?"
            )
        return False
