"""What the dashboard and the searcher say to each other about items taught at the camera."""

from dataclasses import dataclass
from typing import ClassVar

from components.core.errors import MessageError
from components.core.messages import GUIDANCE, MAX_ID_LENGTH
from components.core.taught import MAX_CATEGORY, MAX_DESCRIPTION, MAX_TITLE

ACTIONS = ("begin", "view", "picture", "drop", "save", "move", "edit", "hide", "show", "remove", "undo", "feedback")
VERDICTS = ("", "right", "wrong", "none")
"""What a person says of an answer: it is this item, it is not, it is none of those shown."""
MAX_SENTENCE = 400


def _require(condition: bool, kind: str, problem: str) -> None:
    if not condition:
        raise MessageError(f"A {kind} message is not valid: {problem}.")


def _is_id(value: object, *, needed: bool = False) -> bool:
    return isinstance(value, str) and len(value) <= MAX_ID_LENGTH and (bool(value) or not needed)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_text(value: object, longest: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= longest)


@dataclass(frozen=True, kw_only=True)
class Teach:
    """One wish of the person who teaches; answered by one ``Taught`` with the same ``request_id``."""

    KIND: ClassVar[str] = "teach"
    request_id: str
    action: str
    camera: str = "camera"
    item_id: str = ""
    into: str = ""
    """With ``move``: the item that gets the views of the draft ``item_id``."""
    view_id: str = ""
    query_id: str = ""
    """With ``feedback``: the query whose answer is judged."""
    verdict: str = ""
    title: str | None = None
    """None leaves a text as it is."""
    category: str | None = None
    description: str | None = None
    sure: bool = False
    """The person was asked, and wants it all the same."""
    operation: int = 0
    """With ``undo``: the number of what is undone."""

    def __post_init__(self) -> None:
        good = _is_id(self.request_id, needed=True) and self.request_id.isalnum()
        _require(good, self.KIND, "request_id must be letters and digits")
        _require(self.action in ACTIONS, self.KIND, f"action {self.action!r} is none of {', '.join(ACTIONS)}")
        for name in ("camera", "item_id", "into", "view_id", "query_id"):
            _require(_is_id(getattr(self, name)), self.KIND, f"{name} must be at most {MAX_ID_LENGTH} characters")
        _require(self.verdict in VERDICTS, self.KIND, f"verdict {self.verdict!r} is none of {', '.join(VERDICTS[1:])}")
        for name, longest in (("title", MAX_TITLE), ("category", MAX_CATEGORY), ("description", MAX_DESCRIPTION)):
            _require(
                _is_text(getattr(self, name), longest),
                self.KIND,
                f"{name} must be text of at most {longest} characters",
            )
        good = _is_count(self.operation) and isinstance(self.sure, bool)
        _require(good, self.KIND, "operation must be a count, sure true or false")


@dataclass(frozen=True, kw_only=True)
class Taught:
    """The answer to ``Teach``: done, or ``why`` not."""

    KIND: ClassVar[str] = "taught"
    request_id: str
    why: str = ""
    """"" where it was done; else one of teaching.WHYS."""
    sentence: str = ""
    """The same in words."""
    guidance: str = ""
    """One of GUIDANCE, where the person can do something about the picture."""
    item_id: str = ""
    view_id: str = ""
    operation: int = 0
    """What ``undo`` takes; 0 where nothing was changed."""
    looks_like: str = ""
    """The item that the views look like, where there is one already."""

    def __post_init__(self) -> None:
        _require(_is_id(self.request_id, needed=True), self.KIND, "request_id must be an id")
        for name in ("item_id", "view_id", "looks_like", "why"):
            _require(_is_id(getattr(self, name)), self.KIND, f"{name} must be at most {MAX_ID_LENGTH} characters")
        _require(self.guidance in GUIDANCE, self.KIND, f"guidance {self.guidance!r} is not known")
        short = isinstance(self.sentence, str) and len(self.sentence) <= MAX_SENTENCE
        _require(short, self.KIND, "sentence must be short text")
        _require(_is_count(self.operation), self.KIND, "operation must be a count")
