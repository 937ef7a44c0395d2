"""Keeps raw embeddings by picture and model, so that a build that was killed goes on where it was.

They are kept for good: a new projection is computed from them without looking at a picture again.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.core.errors import FormatError, UnavailableError
from components.core.messages import Embedding

_SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (
    picture TEXT NOT NULL, model TEXT NOT NULL, embedding BLOB NOT NULL, thumbnail TEXT NOT NULL,
    PRIMARY KEY (picture, model)) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Embedded:
    """What is known of one picture under one model."""

    picture: str
    """sha256 of the picture's bytes."""
    embedding: Embedding = field(repr=False)
    thumbnail: str
    """sha256 of its thumbnail object."""


class EmbeddingStore:
    """An SQLite file of raw embeddings (float32)."""

    def __init__(self, path: Path, model: str) -> None:
        self._model = model
        self._path = path
        with self._converting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = _opened(path)

    def get(self, picture: str) -> Embedded | None:
        """What was kept of the picture with this sha256."""
        with self._converting():
            found = self._database.execute(
                "SELECT embedding, thumbnail FROM embeddings WHERE picture = ? AND model = ?", (picture, self._model)
            ).fetchone()
        return None if found is None else Embedded(picture, np.frombuffer(found[0], "<f4").astype(np.float32), found[1])

    def thumbnails(self) -> dict[str, str]:
        """The sha256 of every picture that is kept under this model, with that of its thumbnail."""
        with self._converting():
            rows = self._database.execute("SELECT picture, thumbnail FROM embeddings WHERE model = ?", (self._model,))
            return dict(rows.fetchall())

    def add(self, several: Iterable[Embedded]) -> None:
        """Keep them all or none."""
        rows = [(e.picture, self._model, e.embedding.astype("<f4").tobytes(), e.thumbnail) for e in several]
        with self._converting(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def _converting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UnavailableError(
                f"{self._path} cannot be used ({error}): choose a folder that you may write to, on a disk with "
                "room, and run one build at a time."
            ) from error
        except sqlite3.DatabaseError as error:
            raise FormatError(
                f"{self._path} is damaged ({error}): remove it, and the pictures are embedded anew."
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"{self._path} cannot be written ({error.strerror}): choose another folder."
            ) from error


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
