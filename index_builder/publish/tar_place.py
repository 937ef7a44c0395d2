"""A tar file as a place to publish to: unpacked beside itself, and written whole at the end."""

import fcntl
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.core.errors import FormatError, UnavailableError
from index_builder.publish.folder_place import FolderPlace


@contextmanager
def tar_place(path: Path) -> Iterator[FolderPlace]:
    """The tree in the tar ``path``; the tar is replaced by one rename when all went well, else it stays as it was."""
    beside = path.with_name(f".{path.name}")
    folder, aside = beside.with_name(f"{beside.name}.tree"), beside.with_name(f"{beside.name}.new")
    with _converting(path), _alone(path):
        shutil.rmtree(folder, ignore_errors=True)  # of a publisher that was killed
        folder.mkdir(parents=True)
        try:
            before = _unpacked(path, folder)
            with FolderPlace(folder) as place:
                yield place
            if _names(folder) != before:
                _pack(folder, aside)
                aside.replace(path)
                _sync(path.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            aside.unlink(missing_ok=True)


def _unpacked(path: Path, folder: Path) -> dict[str, int]:
    if path.exists():
        with tarfile.open(path, "r:") as tar:
            tar.extractall(folder, filter="data")
    return _names(folder)


def _names(folder: Path) -> dict[str, int]:
    """Every file with the moment of its last change: what is replaced has another one."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def _pack(folder: Path, aside: Path) -> None:
    with aside.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    tar.add(path, path.relative_to(folder).as_posix(), filter=_nobodys)
        file.flush()
        os.fsync(file.fileno())


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A lock that ends with the process; raises UnavailableError where another publisher has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UnavailableError(
            f"Another publisher is writing in {path.parent}: publish again when it is done."
        ) from error
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _converting(path: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as error:
        raise FormatError(f"{path} is no tar file that was published to ({error}): remove it.") from error
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be used ({error.strerror}: {error.filename or path}): look at the address, the medium and "
            "its room."
        ) from error
