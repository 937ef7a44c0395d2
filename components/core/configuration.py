"""Turns a deployment's configuration into one frozen dataclass per component.

One nucleus hands over typed values, the other hands over every scalar as a string; both end up the same here.
"""

import dataclasses
import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from components.core.errors import ConfigurationError
from components.core.redaction import IS_SECRET, without_users

T = TypeVar("T")

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
# Greengrass keeps a component's permissions beside its settings; they are the nucleus's business.
_NOT_OURS = {"accessControl"}
_MAX_SHOWN = 100


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """Declare one setting: its default, what it does in one line, and the values that it takes (both ends included)."""
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


def all_settings(cls: type[Any], prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Every setting of ``cls`` by its name, those of a group as ``group.name``."""
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(field.default_factory):
            yield from all_settings(typing.cast(type[Any], field.default_factory), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field


def from_mapping(cls: type[T], mapping: Mapping[str, object], prefix: str = "") -> T:
    """Build the configuration ``cls`` from a mapping of names to strings or typed values.

    ``prefix`` is the group's name with a dot. Raises ConfigurationError that names the key, the value (without
    passwords) and what is allowed.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # cls is a dataclass
    types = typing.get_type_hints(cls)
    values = {}
    for key, value in mapping.items():
        if key in _NOT_OURS:
            continue
        if key not in fields:
            close = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known settings: {', '.join(sorted(fields))}."
            raise ConfigurationError(f"Unknown setting {shown('', prefix + key)}; {hint}")
        values[key] = _coerce(prefix + key, value, types[key], fields[key].metadata)
    try:
        return cls(**values)
    except (ValueError, TypeError, OverflowError) as error:  # a check of one class that met what it did not expect
        text = without_users(str(error))[:_MAX_SHOWN]
        raise ConfigurationError(f"The settings cannot be used: {text}.") from error


def shown(key: str, value: object) -> str:
    """``value`` of the setting ``key`` for a log or a status: short, without passwords."""
    if IS_SECRET.search(key):
        return "'***'"
    text = without_users(repr(value))
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _coerce(key: str, value: object, kind: type, allowed: Mapping[str, Any]) -> object:
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"Setting {key!r} is {shown(key, value)}; expected a map of settings.")
        return from_mapping(kind, value, f"{key}.")
    try:
        result = _COERCIONS[kind](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigurationError(
            f"Setting {key!r} is {shown(key, value)}; expected {_expected(kind, allowed)}."
        ) from error
    low, high, choices = allowed["low"], allowed["high"], allowed["choices"]
    in_range = (low is None or result >= low) and (high is None or result <= high)
    if not in_range or (choices is not None and result not in choices):
        raise ConfigurationError(f"Setting {key!r} is {shown(key, value)}; expected {_expected(kind, allowed)}.")
    return result


def _to_bool(value: object) -> bool:
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(value)


def _to_int(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError(value)
    number = float(str(value))
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _to_float(value: object) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    number = float(str(value))
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(value)
    return number


def _to_str(value: object) -> str:
    if isinstance(value, (dict, list)) or value is None:
        raise TypeError(value)
    return str(value).strip()


_COERCIONS: dict[type, Any] = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_str}
_KIND_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _expected(kind: type, allowed: Mapping[str, Any]) -> str:
    if allowed["choices"] is not None:
        return "one of " + ", ".join(allowed["choices"])
    low, high = allowed["low"], allowed["high"]
    name = _KIND_NAMES[kind]
    if low is not None and high is not None:
        return f"{name} from {low} to {high}"
    if low is not None:
        return f"{name} of at least {low}"
    return f"{name} of at most {high}" if high is not None else name
