"""A deployment's settings, from a nucleus that types them and from one that sends strings."""

import contextlib
from dataclasses import dataclass, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.configuration import from_mapping, setting, shown
from components.core.errors import ConfigurationError
from components.searcher.configuration import SearcherConfiguration


@dataclass(frozen=True)
class Example:
    """One setting of each kind."""

    on: bool = setting(False, "a switch")
    count: int = setting(5, "a count", low=1, high=50)
    share: float = setting(0.5, "a share", low=0.0, high=1.0)
    least: float = setting(2.0, "open above", low=1.0)
    most: int = setting(2, "open below", high=9)
    mode: str = setting("auto", "a choice", choices=("auto", "cpu"))
    folder: str = setting("/tmp", "a folder")


@dataclass(frozen=True)
class Pair:
    """Settings that check each other."""

    left: int = setting(1, "a number")
    right: int = setting(1, "a number")

    def __post_init__(self) -> None:
        if self.left != self.right:
            raise ValueError("not a pair")


def test_strings_and_typed_values_give_the_same() -> None:
    typed = {"on": True, "count": 7, "share": 0.25, "mode": "cpu", "folder": "/a"}
    strings = {"on": "true", "count": "7", "share": "0.25", "mode": "cpu", "folder": " /a "}
    floats = {"on": "yes", "count": 7.0, "share": "2.5e-1", "mode": "cpu", "folder": "/a"}
    assert from_mapping(Example, typed) == from_mapping(Example, strings) == from_mapping(Example, floats)


def test_what_is_not_set_has_its_default() -> None:
    assert from_mapping(Example, {}) == Example()
    assert from_mapping(SearcherConfiguration, {}) == SearcherConfiguration()


def test_both_ends_of_a_range_are_allowed() -> None:
    assert from_mapping(Example, {"count": "1"}).count == 1
    assert from_mapping(Example, {"count": "50"}).count == 50


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("count", "0", "a whole number from 1 to 50"),
        ("count", "51", "a whole number from 1 to 50"),
        ("count", "1.5", "a whole number from 1 to 50"),
        ("count", True, "a whole number from 1 to 50"),
        ("count", "inf", "a whole number from 1 to 50"),
        ("count", "1e400", "a whole number from 1 to 50"),
        ("count", 10**400, "a whole number from 1 to 50"),
        ("count", "nan", "a whole number from 1 to 50"),
        ("count", None, "a whole number from 1 to 50"),
        ("share", "much", "a number from 0.0 to 1.0"),
        ("share", "nan", "a number from 0.0 to 1.0"),
        ("share", False, "a number from 0.0 to 1.0"),
        ("least", "0.5", "a number of at least 1.0"),
        ("most", "10", "a whole number of at most 9"),
        ("on", "maybe", "true or false"),
        ("mode", "gpu", "one of auto, cpu"),
        ("folder", {"a": 1}, "text"),
        ("folder", None, "text"),
    ],
)
def test_a_refusal_names_the_key_the_value_and_what_is_allowed(key: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        from_mapping(Example, {key: value})
    assert str(refused.value) == f"Setting {key!r} is {shown(key, value)}; expected {expected}."


def test_what_a_refusal_shows_is_short_and_holds_no_password() -> None:
    assert shown("count", "0") == "'0'"
    assert shown("count", "x" * 101) == "'" + "x" * 99 + "..."
    assert shown("source", "rtsp://me:pass@word@camera/1") == "'rtsp://***@camera/1'"
    assert shown("camera_password", "open sesame") == "'***'"


def test_a_check_that_met_what_it_did_not_expect_is_a_refusal() -> None:
    with pytest.raises(ConfigurationError, match="cannot be used: not a pair"):
        from_mapping(Pair, {"left": "2"})


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match=r"'cuont'; did you mean 'count'\?"):
        from_mapping(Example, {"cuont": 1})
    with pytest.raises(ConfigurationError, match="known settings: count, folder"):
        from_mapping(Example, {"zzzz": 1})


def test_the_permissions_of_the_component_are_not_settings() -> None:
    assert from_mapping(Example, {"accessControl": {"aws.greengrass.ipc.pubsub": {}}}) == Example()


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(key=st.sampled_from([f.name for f in fields(Example)]), value=VALUES)
def test_no_value_raises_anything_but_the_declared_error(key: str, value: object) -> None:
    with contextlib.suppress(ConfigurationError):
        from_mapping(Example, {key: value})


@pytest.mark.parametrize("name", ["api_key", "pwd", "aws_secret", "session_token"])
def test_value_of_a_secret_name_is_never_shown(name: str) -> None:
    assert shown(name, "geheim") == "'***'"
