"""Whether AWS would allow an action: its policies' rules, as far as ours use them; offline."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

NO_CONTEXT: Mapping[str, str] = {}


def is_allowed(
    policies: Iterable[Any], action: str, resource: str, context: Mapping[str, str] = NO_CONTEXT, thing: str = ""
) -> bool:
    """As AWS decides for one request: a Deny that fits wins, else one Allow that fits is needed.

    ``policies`` are all that concern the request, of who asks and of what is asked for; ``context`` holds the condition
    keys of the request; ``thing`` is the value of the policy variable of AWS IoT.
    """
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if _fits(statement, action, resource, context, thing)
    }
    return effects == {"Allow"}


def _fits(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str], thing: str) -> bool:
    known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert set(statement) <= known, f"this evaluator does not know {set(statement) - known}"
    patterns = [one.replace("${iot:Connection.Thing.ThingName}", thing) for one in listed(statement["Resource"])]
    return (
        any(_matches(one.lower(), action.lower()) for one in listed(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in patterns)
        and all(_holds(operator, one, context) for operator, one in statement.get("Condition", {}).items())
    )


def _holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    assert operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"), operator
    # ArnEquals and ArnLike are the same to AWS.
    exact = operator in ("StringEquals", "Bool")
    return all(
        key in context and any(context[key] == one if exact else _matches(one, context[key]) for one in listed(values))
        for key, values in wanted.items()
    )


def _matches(pattern: str, text: str) -> bool:
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(one, re.escape(one)) for one in pattern), text, re.DOTALL) is not None


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
