"""The one module that knows Annoy: builds its file from verified vectors, asks it for candidates.

A damaged Annoy file crashes the process that loads it, so the file is only a cache of our own making: built by a child
process at low priority, and loaded only while it has the hash that was noted beside it.
"""

import hashlib
import logging
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from annoy import AnnoyIndex

from components.child import start_module
from components.core.errors import UnavailableError
from components.core.generations import Manifest
from components.core.segments import Vectors
from components.files import write_whole

log = logging.getLogger(__name__)

SEED = 20180
# Catalog vectors have unit length, so the nearest ones are those of the highest cosine. Unlike the angular metric's,
# Euclidean planes need not pass through the origin: half the nodes give the same recall where vectors share a mean.
_METRIC: Literal["euclidean"] = "euclidean"


class AnnoyCandidates:
    """Candidates from an Annoy file; the file is unmapped when the last query lets go of this object."""

    def __init__(self, path: Path, dim: int) -> None:
        self._index = AnnoyIndex(dim, _METRIC)
        self._index.load(str(path))

    def near(self, vector: Vectors, n: int, search_k: int) -> list[int]:
        """At most ``n`` ordinals near ``vector``; a list goes through Annoy's wrapper faster than an array."""
        found: list[int] = self._index.get_nns_by_vector(vector.tolist(), n, search_k)
        return found


def build_file(vectors: Vectors, path: Path, n_trees: int) -> None:
    """Build Annoy's file from (n, dim) vectors; one job and a fixed seed, so that it is reproducible."""
    index = AnnoyIndex(vectors.shape[1], _METRIC)
    index.set_seed(SEED)
    for ordinal, vector in enumerate(vectors):
        index.add_item(ordinal, vector.tolist())
    index.build(n_trees, n_jobs=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    index.save(str(aside))
    write_whole(_noted(path), _digest(aside).encode())
    aside.replace(path)


def cache_path(index_dir: Path, manifest: Manifest) -> Path:
    """Where the Annoy file of a generation's base belongs: named by all that decides its content."""
    base = [segment.vectors.sha256 for segment in manifest.segments if not segment.tail]
    parts = [*base, str(manifest.search.n_trees), str(SEED), _METRIC, version("annoy")]
    return index_dir / "annoy" / (hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32] + ".ann")


def open_cached(path: Path, dim: int) -> AnnoyCandidates | None:
    """The index in a file that is whole, or None where it is missing or damaged."""
    try:
        whole = _noted(path).read_text() == _digest(path)
    except (OSError, ValueError):
        return None
    return AnnoyCandidates(path, dim) if whole else None


def open_or_build(path: Path, vectors: Vectors, n_trees: int) -> AnnoyCandidates:
    """The index in the file of these (n, dim) vectors, which is built where it is not there whole. Raises OSError."""
    dim = vectors.shape[1]
    candidates = open_cached(path, dim)
    if candidates is None:
        build_file(vectors, path, n_trees)
        candidates = AnnoyCandidates(path, dim)
    return candidates


class AnnoyBuild:
    """Builds the Annoy file of generation ``seq`` in a child process at low priority. Raises OSError."""

    def __init__(self, index_dir: Path, manifest: Manifest) -> None:
        self.path = cache_path(index_dir, manifest)
        """Where the file will be."""
        self._seq = manifest.seq
        _remove_left(self.path.parent)
        self._child = start_module(
            "components.searcher.annoy_build",
            str(index_dir),
            str(manifest.seq),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    @property
    def process_id(self) -> int:
        """Of the child."""
        return self._child.pid

    def finished(self) -> bool:
        """Whether the file is there; raises UnavailableError where it could not be built."""
        if self._child.poll() is None:
            return False
        _, errors = self._child.communicate()
        if self._child.returncode != 0:
            last = errors.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {self._child.returncode}"]
            raise UnavailableError(f"Annoy's index of generation {self._seq} could not be built ({last[0]}).")
        return True

    def stop(self) -> None:
        """Nobody needs the file any more."""
        self._child.kill()
        self._child.communicate()
        for left in self.path.parent.glob(f".*.{self._child.pid}*"):
            left.unlink(missing_ok=True)


def remove_others(keep: set[Path]) -> None:
    """Remove the cached files of generations that are no longer in use; what cannot be removed stays, and is told."""
    for folder in {path.parent for path in keep}:
        for path in folder.glob("*.ann"):
            if path not in keep:
                log.info("removing the Annoy file %s of an older generation", path.name)
                try:
                    path.unlink(missing_ok=True)
                    _noted(path).unlink(missing_ok=True)
                except OSError as error:  # the next generation's turn removes it; no search is the worse for it
                    log.warning("An older Annoy file stays on the disk: %s", error)


def _remove_left(folder: Path) -> None:
    """Remove what builds left that were killed, not what a builder beside this process is writing."""
    for left in folder.glob(".*"):
        pid = left.name.rpartition(".")[2].partition("-")[0]
        if not (pid.isdecimal() and Path("/proc", pid).exists()):
            left.unlink(missing_ok=True)


def _noted(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()
