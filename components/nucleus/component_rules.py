"""What a recipe must say about one component of ours: the topics that its code uses, the settings that it knows."""

import dataclasses
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from components.core import messages
from components.core.configuration import all_settings, from_mapping
from components.core.errors import ConfigurationError
from components.nucleus.access import MQTT, PUBSUB
from components.nucleus.limits import LIMITS, as_recipe_values


@dataclass(frozen=True)
class Topics:
    """The topics that a component uses: between the components, and towards AWS IoT Core."""

    publishes: Set[str]
    subscribes: Set[str]
    cloud: Set[str] = frozenset()
    """With + where the thing's name stands."""
    from_cloud: Set[str] = frozenset()


TOPICS: Mapping[str, Topics] = {
    "com.lookalike.Featurizer": Topics(
        {messages.QUERY_TOPIC, messages.RESULT_TOPIC, messages.STATUS_TOPIC}, {messages.PICTURE_TOPIC}
    ),
    "com.lookalike.Searcher": Topics(
        {messages.RESULT_TOPIC, messages.STATUS_TOPIC, messages.TAUGHT_TOPIC},
        {messages.QUERY_TOPIC, messages.TEACH_TOPIC},
    ),
    "com.lookalike.Dashboard": Topics(
        {messages.PICTURE_TOPIC, messages.STATUS_TOPIC, messages.TEACH_TOPIC},
        {messages.RESULT_TOPIC, messages.STATUS_TOPIC, messages.TAUGHT_TOPIC},
    ),
    "com.lookalike.CloudSync": Topics(
        {messages.STATUS_TOPIC},
        {messages.QUERY_TOPIC, messages.RESULT_TOPIC, messages.STATUS_TOPIC},
        {
            *("lookalike/+/status", "lookalike/+/matches", "lookalike/+/taught", "lookalike/+/feedback"),
            *("$aws/things/+/infer", "$aws/things/+/shadow/name/lookalike/update"),
        },
        {"lookalike/+/acks"},
    ),
}
"""By component; what a recipe grants is compared with this, and this with the code."""


def topic_problems(configuration: Mapping[str, Any], topics: Topics) -> Iterator[str]:
    """Where a recipe's ``DefaultConfiguration`` grants other topics than the component uses, one sentence each."""
    for service, operation, used in (
        (PUBSUB, "PublishToTopic", topics.publishes),
        (PUBSUB, "SubscribeToTopic", topics.subscribes),
        (MQTT, "PublishToIoTCore", topics.cloud),
        (MQTT, "SubscribeToIoTCore", topics.from_cloud),
    ):
        granted = _granted(configuration, service, f"aws.greengrass#{operation}")
        for topic in sorted(used - granted):
            yield f"accessControl does not grant {operation} on {topic}, which the component uses."
        for topic in sorted(granted - used):
            yield f"accessControl grants {operation} on {topic}, which the component does not use."
    for service in sorted(set(configuration.get("accessControl", {})) - {PUBSUB, MQTT}):
        yield f"accessControl grants something of {service}, which no component uses."


def _granted(configuration: Mapping[str, Any], service: str, operation: str) -> set[str]:
    policies = configuration.get("accessControl", {}).get(service, {}).values()
    return {
        topic for policy in policies if {operation, "*"} & set(policy["operations"]) for topic in policy["resources"]
    }


def setting_problems(configuration: Mapping[str, Any], settings: type[Any]) -> Iterator[str]:
    """Where a recipe's ``DefaultConfiguration`` is not that of the class ``settings``, on either nucleus.

    Every setting must be there, so that the console shows it, with the default of the class.
    """
    lacking = {name for name, _ in all_settings(settings)} - set(_names(configuration))
    for name in sorted(lacking):
        yield f"DefaultConfiguration lacks the setting {name!r}."
    for limits in LIMITS.values():
        try:
            parsed = from_mapping(settings, as_recipe_values(limits, dict(configuration)))
        except ConfigurationError as error:
            yield f"DefaultConfiguration is refused as the {limits.name} nucleus hands it over: {error}"
            continue
        for name, value in _differing(parsed, settings()):
            yield f"DefaultConfiguration has another {name!r} than the component's own default, {value!r}."


def _names(configuration: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in configuration.items():
        if isinstance(value, Mapping) and name != "accessControl":
            yield from _names(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _differing(parsed: Any, own: Any) -> Iterator[tuple[str, object]]:
    for field in dataclasses.fields(own):
        value = getattr(own, field.name)
        if getattr(parsed, field.name) != value:
            yield field.name, value
