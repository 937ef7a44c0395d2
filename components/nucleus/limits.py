"""What the two nuclei take and how they differ, as data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits and habits of one nucleus; None is "no limit"."""

    name: str
    max_frame_bytes: int
    """A larger frame closes the connection."""
    max_binary_bytes: int | None
    """A larger binary message closes the connection, too: with its envelope it would not fit the frame."""
    max_list_items: int | None
    max_keys: int | None
    """A JSON message with more is lost, and with it, silently, all subscriptions that it would have reached."""
    spools_when_offline: bool
    """False: PublishToIoTCore fails at once while there is no network."""
    ends_answered_streams: bool
    """Whether the answer to a plain request also closes its stream."""
    recipe_scalars_are_strings: bool
    restarts_on_configuration: bool
    """True: a deployment that changes a component's configuration restarts it; False: it is notified."""
    unpacks_local_artifacts: bool
    """Whether a local deployment's zip files are unpacked before install; those of the cloud are by both nuclei."""


LIMITS: Mapping[str, Limits] = {
    "lite": Limits(
        name="lite",
        # Its buffer of 10,000 bytes holds a frame without the first 12.
        max_frame_bytes=10_012,
        max_binary_bytes=7_300,
        max_list_items=42,
        max_keys=23,
        spools_when_offline=False,
        ends_answered_streams=False,
        recipe_scalars_are_strings=True,
        restarts_on_configuration=True,
        unpacks_local_artifacts=False,
    ),
    "classic": Limits(
        name="classic",
        max_frame_bytes=128 * 1024,
        max_binary_bytes=None,
        max_list_items=None,
        max_keys=None,
        spools_when_offline=True,
        ends_answered_streams=True,
        recipe_scalars_are_strings=False,
        restarts_on_configuration=False,
        unpacks_local_artifacts=True,
    ),
}


def json_is_lost(limits: Limits, message: object) -> bool:
    """Whether this JSON message has more list items or keys, all levels together, than the nucleus can pass on."""
    items = keys = 0
    for value in _walk(message):
        items += len(value) if isinstance(value, list) else 0
        keys += len(value) if isinstance(value, dict) else 0
    too_long = limits.max_list_items is not None and items > limits.max_list_items
    return too_long or (limits.max_keys is not None and keys > limits.max_keys)


def _walk(value: object) -> Iterator[object]:
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(child)


def as_recipe_values(limits: Limits, value: Any) -> Any:
    """Default configuration as components get it: on one nucleus every scalar of a recipe becomes a string."""
    if not limits.recipe_scalars_are_strings:
        return value
    if isinstance(value, dict):
        return {key: as_recipe_values(limits, child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_recipe_values(limits, child) for child in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
