"""The mean embedding of each camera, kept over restarts."""

import base64
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from components.core.camera_mean import MAX_SCENES, CameraMean
from components.core.errors import FormatError
from components.core.fields import count
from components.core.messages import Query
from components.core.segments import Vectors
from components.files import write_whole

log = logging.getLogger(__name__)

FORMAT = 1
SAVE_INTERVAL_S = 300.0
MAX_CAMERAS = 64
_MAX_BYTES = 100_000


class CameraMeans:
    """One mean per camera; one file each in ``folder``, without which nothing is kept.

    Another source or model of a camera begins anew, as does a file that is damaged.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._means: dict[str, tuple[tuple[str, str], CameraMean]] = {}
        self._saved: dict[str, Vectors] = {}
        self._due_s: float | None = None

    def of(self, query: Query) -> CameraMean:
        """The mean of the camera that ``query`` comes from, as of now."""
        identity = (query.camera_digest, query.model)
        known = self._means.get(query.camera)
        if known is not None and known[0] == identity:
            return known[1]
        mean = self._restored(query) or CameraMean(query.embedding.size)
        if known is None and len(self._means) >= MAX_CAMERAS:
            return mean  # no camera is called by so many names: nothing of it is worth keeping
        self._means[query.camera], self._saved[query.camera] = (identity, mean), mean.own
        return mean

    def center(self, model: str, start: Vectors) -> Vectors:
        """By what to center views that were taught at this device's camera, shape (dim,): the one that saw most.

        ``start`` is the generation's own mean, for embeddings of the model with this digest.
        """
        known = [mean for (_, digest), mean in list(self._means.values()) if digest == model]
        if not known or not start.any():
            return start
        return max(known, key=lambda mean: mean.scenes).around(start)

    @property
    def stage(self) -> int:
        """Changes whenever a camera has seen about twice as much as before."""
        return sum(mean.scenes.bit_length() for _, mean in list(self._means.values()))

    def save(self, now_s: float | None = None) -> None:
        """Write what changed: every five minutes of the monotonic clock's ``now_s`` at most, at once without it."""
        if self._due_s is None and now_s is not None:
            self._due_s = now_s + SAVE_INTERVAL_S
        if self._folder is None or (now_s is not None and self._due_s is not None and now_s < self._due_s):
            return
        self._due_s = None
        for camera, (identity, mean) in self._means.items():
            if mean.own is not self._saved[camera]:
                self._write(self._folder, camera, identity, mean)

    def _write(self, folder: Path, camera: str, identity: tuple[str, str], mean: CameraMean) -> None:
        try:
            write_whole(_path(folder, camera), encode_mean(camera, identity, mean))
            self._saved[camera] = mean.own
        except OSError as error:
            log.warning("The mean of the camera %s cannot be kept in %s (%s).", camera, folder, error.strerror)

    def _restored(self, query: Query) -> CameraMean | None:
        if self._folder is None:
            return None
        path = _path(self._folder, query.camera)
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES)
            identity, mean = decode_mean(data, query.camera)
        except FileNotFoundError:
            return None
        except (OSError, FormatError) as error:
            log.warning("%s is of no use (%s); the mean of the camera %s starts anew.", path, error, query.camera)
            return None
        if identity != (query.camera_digest, query.model) or mean.own.size != query.embedding.size:
            log.info("The camera %s or the model is another one now; its mean starts anew.", query.camera)
            return None
        return mean


def encode_mean(camera: str, identity: tuple[str, str], mean: CameraMean) -> bytes:
    """The file of one camera's mean: a hash, a line feed, JSON with the mean in base64, float32, little-endian."""
    fields = {
        "format": FORMAT,
        "camera": camera,
        "camera_digest": identity[0],
        "model": identity[1],
        "scenes": mean.scenes,
        "mean": base64.b64encode(mean.own.astype("<f4").tobytes()).decode(),
    }
    body = json.dumps(fields).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode_mean(data: bytes, camera: str) -> tuple[tuple[str, str], CameraMean]:
    """The digests of camera and model with the mean in the bytes of a file; raises FormatError for anything else."""
    digest, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise FormatError("its content does not have the hash at its beginning")
    fields: dict[str, Any] = json.loads(body)
    if fields.get("format") != FORMAT or fields.get("camera") != camera:
        raise FormatError("it is of another version or camera")
    own = np.frombuffer(base64.b64decode(fields["mean"]), "<f4").astype(np.float32)
    return (fields["camera_digest"], fields["model"]), CameraMean(
        own.size, own, min(count(fields["scenes"]), MAX_SCENES)
    )


def _path(folder: Path, camera: str) -> Path:
    return folder / f"camera-mean-{hashlib.sha256(camera.encode()).hexdigest()[:16]}.json"
