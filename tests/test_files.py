"""Files appear whole or not at all; a signal to stop never locks up."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from components.files import write_whole
from components.ram import forget_pictures, picture_path, preview_path, remove_empty, write_aside


def test_nothing_is_left_in_ram_after_both_who_use_it(tmp_path: Path) -> None:
    ram = tmp_path / "ram"
    write_aside(preview_path(ram, "camera"), b"jpeg")
    write_aside(picture_path(ram, "a1"), b"jpeg")
    remove_empty(ram)
    assert preview_path(ram, "camera").exists() and picture_path(ram, "a1").exists(), "what is in use stays"
    preview_path(ram, "camera").unlink()
    remove_empty(ram)
    assert sorted(path.name for path in ram.iterdir()) == ["pictures"]
    forget_pictures(ram)
    remove_empty(ram)
    assert not ram.exists()


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, b"old")
    write_whole(path, b"new", durable=True)
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_a_reader_meets_one_whole_content_while_threads_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([n]) * 200_000 for n in range(4)]
    write_whole(path, contents[0])
    failed: list[BaseException] = []

    def write(data: bytes) -> None:
        try:
            for _ in range(50):
                write_whole(path, data)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    assert not failed
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.mkdir()
    (folder / "inside").write_bytes(b"x")
    with pytest.raises(OSError):
        write_whole(folder, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    with pytest.raises(OSError):
        write_whole(folder / "inside" / "below", b"new")


def test_pictures_in_ram_are_for_this_user_alone(tmp_path: Path) -> None:
    for path in (picture_path(tmp_path / "ram", "q1"), preview_path(tmp_path / "ram", "camera")):
        write_aside(path, b"jpeg")
        assert path.read_bytes() == b"jpeg"
        assert path.parent.stat().st_mode & 0o077 == 0


MANY_SIGNALS = """
import signal
from components.lifecycle import stop_at_signal


def one_of_many(*arguments):
    # So many at most: on a busy machine one interrupts the handler of the other, and that is a recursion.
    global left
    left -= 1
    if left <= 0:
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.getsignal(signal.SIGTERM)(*arguments)

signal.signal(signal.SIGALRM, one_of_many)
for _ in range(300):
    stop, left = stop_at_signal(), 100
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.00005)
    while not stop.is_set():
        stop.wait(0.00001)
    signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""


def test_many_signals_at_once_stop_a_process_that_waits() -> None:
    done = subprocess.run([sys.executable, "-c", MANY_SIGNALS], capture_output=True, timeout=60, check=False)
    assert done.stdout == b"done\n", done.stderr.decode()[-500:]
