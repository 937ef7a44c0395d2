"""Who may do what: the ``accessControl`` of a recipe, as both nuclei read it."""

import re
from collections.abc import Mapping
from typing import Any

PUBSUB = "aws.greengrass.ipc.pubsub"
MQTT = "aws.greengrass.ipc.mqttproxy"


class Access:
    """The policies of one component; without any it may touch no topic."""

    def __init__(self, access_control: Mapping[str, Any]) -> None:
        self._services = access_control

    def allows(self, service: str, operation: str, resource: str) -> bool:
        """Whether ``operation`` (``aws.greengrass#...``) of ``service`` may be done on the topic ``resource``."""
        policies = self._services.get(service) or {}
        return any(_allows(policy, service, operation, resource) for policy in policies.values())


class FullAccess:
    """What an operator's own client may do: everything."""

    def allows(self, service: str, operation: str, resource: str) -> bool:
        """Everything."""
        return True


def _allows(policy: Mapping[str, Any], service: str, operation: str, resource: str) -> bool:
    if not {"*", operation} & set(policy.get("operations", ())):
        return False
    return any(_matches(pattern, service, resource) for pattern in policy.get("resources", ()))


def _matches(pattern: str, service: str, resource: str) -> bool:
    if _wildcard(pattern).fullmatch(resource):
        return True
    return service == MQTT and topic_matches(pattern, resource)


def _wildcard(pattern: str) -> re.Pattern[str]:
    # "*" stands for anything; "${*}" is a plain "*".
    parts = re.split(r"(\$\{[^}]*\}|\*)", pattern)
    text = "".join(
        ".*" if part == "*" else re.escape(part[2:-1] if part.startswith("${") else part) for part in parts if part
    )
    return re.compile(text, re.DOTALL)


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether ``topic`` is one of those that the MQTT ``topic_filter`` (with + and #) stands for."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return index == len(wanted) - 1
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
