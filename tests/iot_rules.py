"""AWS IoT's rules, as far as the template uses their SQL: what becomes of a message, where it goes."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.nucleus.access import topic_matches

_SQL = re.compile(r"SELECT (?P<columns>.+?)\s+FROM '(?P<topic>[^']+)'(?: WHERE (?P<condition>.+))?")


@dataclass(frozen=True)
class Message:
    """One message as a rule sees it."""

    topic: str
    document: Mapping[str, Any]
    now_ms: int = 1_800_000_000_000

    def value(self, expression: str) -> Any:
        """The value of ``expression``: a literal, a field, a function, a sum or a product."""
        expression = expression.strip()
        for operator in (" + ", " * ", " / "):
            left, found, right = expression.rpartition(operator)
            if found and left.count("(") == left.count(")"):
                return _calculated(operator, self.value(left), self.value(right))
        if call := re.fullmatch(r"(\w+)\((.*)\)", expression):
            return self._function(call[1], [self.value(one) for one in _arguments(call[2])])
        if re.fullmatch(r"'[^']*'", expression):
            return expression[1:-1]
        return int(expression) if expression.isdigit() else self.document[expression]

    def _function(self, name: str, values: list[Any]) -> Any:
        if name == "topic":
            return self.topic.split("/")[values[0] - 1]
        if name == "concat":
            return "".join(map(str, values))
        return {"timestamp": lambda: self.now_ms, "floor": lambda: math.floor(values[0])}[name]()

    def filled(self, template: str) -> str:
        """``template`` with its ${...} filled in."""
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(self.value(found[1])), template)

    def selected(self, sql: str) -> dict[str, Any] | None:
        """What the rule hands to its actions; None where it is not concerned."""
        parts = _SQL.fullmatch(" ".join(sql.split()))
        assert parts is not None, sql
        conditions = re.split(" AND ", parts["condition"] or "1 = 1")
        if not topic_matches(parts["topic"], self.topic) or not all(map(self._holds, conditions)):
            return None
        selected: dict[str, Any] = {}
        for column in _arguments(parts["columns"]):
            expression, _, name = column.strip().partition(" AS ")
            selected |= self.document if expression == "*" else {name or expression: self.value(expression)}
        return selected

    def _holds(self, condition: str) -> bool:
        left, _, right = condition.partition(" = ")
        # A field that is missing is undefined: nothing equals it.
        return all(one in self.document for one in (left, right) if one.isidentifier()) and (
            self.value(left) == self.value(right)
        )


def _calculated(operator: str, left: float, right: float) -> float:
    return {" + ": left + right, " * ": left * right, " / ": left / right}[operator]


def _arguments(text: str) -> Iterator[str]:
    """``text`` cut at the commas that stand in no brackets and no quotes."""
    depth, begin = 0, 0
    for found in re.finditer(r"'[^']*'|[(),]", text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if found[0] == "," and depth == 0:
            yield text[begin : found.start()]
            begin = found.end()
    if text[begin:].strip():
        yield text[begin:]


class Cloud:
    """What the rules of ``stack`` make of messages: objects, items, acknowledgements."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._rules = [one["TopicRulePayload"] for one in rules.values()]
        self.objects: dict[str, dict[str, Any]] = {}
        """By bucket/key."""
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        """Of the table, by thing and batch."""
        self.published: list[tuple[str, dict[str, Any]]] = []

    def receive(self, topic: str, payload: bytes) -> None:
        """A device published ``payload``."""
        message = Message(topic, json.loads(payload))
        for rule in self._rules:
            selected = message.selected(rule["Sql"])
            for action in rule["Actions"] if selected is not None else ():
                ((kind, settings),) = action.items()
                getattr(self, f"_{kind.lower()}")(message, selected, settings)

    def events(self) -> dict[tuple[str, str, int], Any]:
        """Every event that was kept, by (thing, epoch, seq): in the bucket, which must say the same as the table."""
        stored = [_numbered(batch) for batch in self.objects.values()]
        tabled = [_numbered(batch) for batch in self.items.values()]
        assert sorted(map(repr, stored)) == sorted(map(repr, tabled))
        return {key: event for batch in stored for key, event in batch.items()}

    def _s3(self, message: Message, selected: dict[str, Any], settings: Mapping[str, str]) -> None:
        self.objects[f"{settings['BucketName']}/{message.filled(settings['Key'])}"] = selected

    def _dynamodbv2(self, message: Message, selected: dict[str, Any], settings: Mapping[str, Any]) -> None:
        self.items[selected["thing"], selected["batch"]] = selected

    def _republish(self, message: Message, selected: dict[str, Any], settings: Mapping[str, Any]) -> None:
        self.published.append((message.filled(settings["Topic"]), selected))


def _numbered(batch: Mapping[str, Any]) -> dict[tuple[str, str, int], Any]:
    return {(batch["thing"], batch["epoch"], one["seq"]): one for one in batch["events"]}
