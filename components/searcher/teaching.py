"""Does what the person wishes who teaches: judges views, keeps items, undoes, learns from confirmed answers."""

import hashlib
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from components.core.errors import LookalikeError
from components.core.messages import Query
from components.core.outbox_documents import Document
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView
from components.core.taught_documents import feedback_document
from components.core.teach_messages import MAX_SENTENCE, Taught, Teach
from components.core.teaching import (
    MOST_VIEWS,
    Verdict,
    contradicted,
    judge_confirmation,
    judge_item,
    judge_view,
    looks_like,
)
from components.ram import taught_picture_path
from components.searcher.recent import Recent, Seen
from components.taught_store import MAX_THUMBNAIL_BYTES, TaughtStore

log = logging.getLogger(__name__)

WAIT_FOR_VIEW_S = 2.0

LEARN_OFF, LEARN_NEVER = "off", "never"
"""Verdicts are not taken; taken, but nothing is learned from them."""


class Refused(Exception):
    """A wish that is not done, and why."""

    def __init__(self, verdict: Verdict, looks_like: str = "") -> None:
        super().__init__(verdict.sentence)
        self.verdict = verdict
        self.looks_like = looks_like


class Teaching:
    """Answers wishes one after the other; what it answered with ``why == ""`` is on the disk."""

    def __init__(
        self,
        store: TaughtStore,
        recent: Recent,
        *,
        in_catalog: Callable[[str], bool],
        ram_dir: Path,
        learn: str = LEARN_OFF,
        tell: Callable[[Document], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
        wait_s: float = WAIT_FOR_VIEW_S,
    ) -> None:
        self._store = store
        self._recent = recent
        self._in_catalog = in_catalog
        self._ram_dir = ram_dir
        self._learn = learn
        self._tell = tell
        self._wall = wall
        self._wait_s = wait_s
        self._actions: dict[str, Callable[[Teach, TaughtCatalog], Taught]] = {
            "begin": self._begin,
            "view": self._view,
            "picture": self._picture,
            "drop": self._drop,
            "save": self._save,
            "move": self._move,
            "edit": self._edit,
            "hide": lambda wish, taught: self._set_state(wish, taught, "hidden"),
            "show": lambda wish, taught: self._set_state(wish, taught, "active"),
            "remove": self._remove,
            "undo": self._undo,
            "feedback": self._feedback,
        }

    def do(self, wish: Teach) -> Taught:
        """Do it, or say why not."""
        try:
            return self._actions[wish.action](wish, self._store.catalog())
        except Refused as refusal:
            verdict, alike = refusal.verdict, refusal.looks_like
            return _answer(wish, verdict.why, verdict.sentence, guidance=verdict.guidance, looks_like=alike)
        except LookalikeError as error:
            log.warning("%s", error)
            return _answer(wish, "not_saved", str(error)[:MAX_SENTENCE])

    def _begin(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        if wish.item_id:
            item = self._require_item(taught, wish.item_id)
            return _answer(wish, item_id=item.item_id)
        item = TaughtItem(item_id=f"taught-{uuid.uuid4().hex[:16]}")
        # A draft that was left lying about is of no use any more; its removal can be undone.
        old = [replace(other, state="removed") for other in taught.items.values() if other.state == "draft"]
        views = [view for other in old for view in taught.views_of(other.item_id)]
        return self._changed(wish, items=[item, *old], views=_removed(views), item_id=item.item_id)

    def _view(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        item = self._require_item(taught, wish.item_id)
        seen = self._recent.good_view(wish.camera, time.monotonic_ns(), self._wait_s)
        if isinstance(seen, Verdict):
            raise Refused(seen)
        if seen.result.cause == "unavailable":
            raise Refused(Verdict("no_index", f"Nothing can be taught now: {seen.result.reason}."[:MAX_SENTENCE]))
        query = seen.query
        others = [view for view in taught.views_of(item.item_id) if view.source == "taught"]
        if item.state == "draft" and any(view.model != query.model for view in others):
            raise Refused(Verdict("other_model", "The device has another model than for the first views: begin anew."))
        near = [view.embedding for view in others if view.model == query.model]
        verdict = judge_view(query.embedding, near, sure=wish.sure, most=MOST_VIEWS)
        if verdict.why:
            raise Refused(verdict)
        view = _view_of(query, item.item_id, self._wall(), recognized=_recognized(seen))
        draft_views = [*taught.views_of(item.item_id), view]
        alike = looks_like(draft_views) if item.state == "draft" else ""
        items = [] if item.item_id in taught.items else [item]
        return self._changed(
            wish, items=items, views=[view], item_id=item.item_id, view_id=view.view_id, looks_like=alike
        )

    def _picture(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        """The dashboard has put the view's thumbnail into RAM, under the id of the request."""
        view = _require_view(taught, wish.view_id)
        path = taught_picture_path(self._ram_dir, wish.request_id)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_THUMBNAIL_BYTES + 1)
        except OSError as error:
            sentence = f"The view's picture is not in RAM ({error.strerror})."
            raise Refused(Verdict("no_picture", sentence)) from error
        finally:
            path.unlink(missing_ok=True)
        if len(data) > MAX_THUMBNAIL_BYTES or not (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
            raise Refused(
                Verdict("no_picture", f"The view's picture is no WebP of at most {MAX_THUMBNAIL_BYTES} bytes.")
            )
        digest = hashlib.sha256(data).hexdigest()
        self._store.add_thumbnail(view.view_id, digest, data)
        return _answer(wish, item_id=view.item_id, view_id=view.view_id)

    def _drop(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        view = _require_view(taught, wish.view_id)
        return self._changed(wish, views=_removed([view]), item_id=view.item_id, view_id=view.view_id)

    def _save(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        item = self._require_item(taught, wish.item_id)
        if item.state != "draft":
            raise Refused(Verdict("unknown_item", "This item is saved already: edit it."))
        views = taught.views_of(item.item_id)
        item = _with_texts(item, wish)
        verdict = judge_item(views, item.title, sure=wish.sure)
        if verdict.why:
            raise Refused(verdict, looks_like(views))
        return self._changed(wish, items=[replace(item, state="active")], item_id=item.item_id)

    def _move(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        draft, into = self._require_item(taught, wish.item_id), self._require_item(taught, wish.into)
        if draft.state != "draft" or into.state == "draft":
            raise Refused(Verdict("unknown_item", "Only the views of a draft can be added to an item."))
        views = [replace(view, item_id=into.item_id) for view in taught.views_of(draft.item_id)]
        items = [replace(draft, state="removed"), *([] if into.item_id in taught.items else [into])]
        return self._changed(wish, items=items, views=views, item_id=into.item_id)

    def _edit(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        item = self._require_item(taught, wish.item_id)
        if not item.own and wish.category:
            raise Refused(Verdict("of_catalog", "The category of a catalog item can only be changed in the catalog."))
        edited = _with_texts(item, wish)
        if item.own and item.state != "draft" and not edited.title:
            raise Refused(Verdict("no_title", "The item has no title: say what it is called."))
        return self._changed(wish, items=[edited], item_id=item.item_id)

    def _set_state(self, wish: Teach, taught: TaughtCatalog, state: str) -> Taught:
        item = self._require_item(taught, wish.item_id)
        if item.state not in ("active", "hidden"):
            raise Refused(Verdict("unknown_item", "This item is not saved yet."))
        return self._changed(wish, items=[replace(item, state=state)], item_id=item.item_id)

    def _remove(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        item = self._require_item(taught, wish.item_id)
        views = _removed(taught.views_of(item.item_id))
        return self._changed(wish, items=[replace(item, state="removed")], views=views, item_id=item.item_id)

    def _undo(self, wish: Teach, _: TaughtCatalog) -> Taught:
        undone = self._store.undo(wish.operation, self._wall())
        if undone is None:
            sentence = "This cannot be undone: it is not known any more, or something newer changed the same item."
            raise Refused(Verdict("not_undoable", sentence))
        return _answer(wish, operation=undone)

    def _feedback(self, wish: Teach, taught: TaughtCatalog) -> Taught:
        if self._learn == LEARN_OFF:
            raise Refused(Verdict("learning_off", "Verdicts are not taken: set 'learn' of the searcher."))
        seen = self._recent.find(wish.query_id)
        if seen is None:
            raise Refused(Verdict("unknown_query", "This answer is too old to be judged."))
        log.info("Somebody says of an answer: %s %s.", wish.verdict, wish.item_id)
        self._tell(feedback_document(wish.verdict, wish.item_id, seen.result, self._wall()))
        if self._learn == LEARN_NEVER or wish.verdict not in ("right", "wrong"):
            return _answer(wish, item_id=wish.item_id)
        learn = self._confirm if wish.verdict == "right" else self._contradict
        return learn(wish, self._require_item(taught, wish.item_id), seen.query, taught)

    def _confirm(self, wish: Teach, item: TaughtItem, query: Query, taught: TaughtCatalog) -> Taught:
        now = self._wall()
        views = [view for view in taught.views_of(item.item_id) if view.model == query.model]
        lesson = judge_confirmation(query.embedding, now, views)
        if lesson.release:
            released = [replace(view, state="active") for view in views if view.view_id == lesson.release]
            return self._changed(wish, views=released, item_id=item.item_id, view_id=lesson.release)
        if not lesson.learn:
            return _answer(wish, item_id=item.item_id)
        view = replace(
            _view_of(query, item.item_id, now, recognized=item.item_id), source="confirmed", state="quarantined"
        )
        items = [] if item.item_id in taught.items else [item]
        return self._changed(wish, items=items, views=[view], item_id=item.item_id, view_id=view.view_id)

    def _contradict(self, wish: Teach, item: TaughtItem, query: Query, taught: TaughtCatalog) -> Taught:
        views = [view for view in taught.views_of(item.item_id) if view.model == query.model]
        wrong = contradicted(query.embedding, views)
        if not wrong:
            return _answer(wish, item_id=item.item_id)
        return self._changed(wish, views=_removed(wrong), item_id=item.item_id)

    def _require_item(self, taught: TaughtCatalog, item_id: str) -> TaughtItem:
        """The item as it is kept, or a new record for one of the catalog."""
        item = taught.items.get(item_id)
        if item is None and self._in_catalog(item_id):
            return TaughtItem(item_id=item_id, own=False, state="active")
        if item is None or item.state == "removed":
            raise Refused(Verdict("unknown_item", f"There is no item {item_id!r} here."))
        return item

    def _changed(
        self,
        wish: Teach,
        *,
        items: list[TaughtItem] | None = None,
        views: list[TaughtView] | None = None,
        item_id: str = "",
        view_id: str = "",
        looks_like: str = "",
    ) -> Taught:
        number = self._store.change(wish.action, self._wall(), items=items or [], views=views or [])
        return _answer(wish, operation=number, item_id=item_id, view_id=view_id, looks_like=looks_like)


def _answer(wish: Teach, why: str = "", sentence: str = "", **more: str | int) -> Taught:
    return Taught(request_id=wish.request_id, why=why, sentence=sentence, **more)  # type: ignore[arg-type]  # Taught's


def _require_view(taught: TaughtCatalog, view_id: str) -> TaughtView:
    view = next((view for view in taught.views if view.view_id == view_id), None)
    if view is None:
        raise Refused(Verdict("unknown_view", "There is no such view."))
    return view


def _removed(views: list[TaughtView]) -> list[TaughtView]:
    return [replace(view, state="removed") for view in views]


def _with_texts(item: TaughtItem, wish: Teach) -> TaughtItem:
    return replace(
        item,
        title=item.title if wish.title is None else wish.title.strip(),
        category=item.category if wish.category is None else wish.category.strip(),
        description=item.description if wish.description is None else wish.description.strip(),
    )


def _recognized(seen: Seen) -> str:
    """The item that the device takes this picture for, "" for none."""
    return seen.result.matches[0].item_id if seen.result.decision == "match" else ""


def _view_of(query: Query, item_id: str, now: float, *, recognized: str) -> TaughtView:
    return TaughtView(
        view_id=uuid.uuid4().hex,
        item_id=item_id,
        model=query.model,
        embedding=query.embedding,
        taken_at=now,
        looked_like=recognized,
    )
