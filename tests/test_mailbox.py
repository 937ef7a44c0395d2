"""The searcher's in-tray."""

import threading
from collections import Counter

from components.core.messages import Query
from components.searcher.mailbox import MAX_UPLOADS, Mailbox
from tests.generations import query, unit_vectors

VECTOR = unit_vectors(1)[0]


def asked(query_id: str, camera: str = "camera", origin: str = "camera", object_index: int = 0) -> Query:
    return query(VECTOR, query_id=query_id, camera=camera, origin=origin, object_index=object_index)


def drain(mailbox: Mailbox) -> list[str]:
    taken = iter(lambda: mailbox.take(0), None)
    return [one.query_id for one in taken if one is not None]


def test_a_newer_query_of_a_camera_replaces_the_older_one() -> None:
    mailbox = Mailbox()
    for query_id in ("old", "new"):
        mailbox.put(asked(query_id))
    assert drain(mailbox) == ["new"]


def test_every_object_of_a_frame_is_kept_and_a_newer_frame_replaces_it() -> None:
    mailbox = Mailbox()
    for query_id in ("old", "new"):
        for n in range(3):
            mailbox.put(asked(f"{query_id}{n}", object_index=n))
    assert drain(mailbox) == ["new0", "new1", "new2"]


def test_uploads_keep_their_order_and_come_first() -> None:
    mailbox = Mailbox()
    mailbox.put(asked("frame"))
    for n in range(3):
        mailbox.put(asked(f"upload{n}", origin="upload"))
    assert drain(mailbox) == ["upload0", "upload1", "upload2", "frame"]


def test_the_oldest_of_too_many_uploads_falls_out() -> None:
    mailbox = Mailbox()
    for n in range(MAX_UPLOADS + 2):
        mailbox.put(asked(f"u{n}", origin="upload"))
    assert drain(mailbox) == [f"u{n}" for n in range(2, MAX_UPLOADS + 2)]


def test_cameras_take_turns_even_when_the_searcher_is_slower_than_all_of_them() -> None:
    mailbox = Mailbox()
    served: Counter[str] = Counter()
    for n in range(30):
        for camera in ("left", "middle", "right"):
            mailbox.put(asked(f"{camera}{n}", camera=camera))
        taken = mailbox.take(0)
        assert taken is not None
        served[taken.camera] += 1
    assert served == {"left": 10, "middle": 10, "right": 10}


def test_taking_waits_for_a_query_and_gives_up_in_time() -> None:
    mailbox = Mailbox()
    assert mailbox.take(0.01) is None
    threading.Timer(0.05, mailbox.put, [asked("late")]).start()
    late = mailbox.take(30)
    assert late is not None
    assert late.query_id == "late"
