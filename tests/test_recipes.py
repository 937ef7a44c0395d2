"""recipes/: what is shipped works on both nuclei, and every rule finds its planted error."""

import ast
import copy
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nucleus_support import recipe

from cloud_sync.component import legacy_topic
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.drain import acknowledgement_topic, outbox_topic
from cloud_sync.shadow import shadow_topic
from cloud_sync.status_event import status_topic
from components.core import messages
from components.core.errors import ConfigurationError
from components.core.outbox_documents import KINDS
from components.featurizer.configuration import FeaturizerConfiguration
from components.nucleus.access import MQTT, PUBSUB
from components.nucleus.component_rules import TOPICS, setting_problems, topic_problems
from components.nucleus.recipe import (
    MAX_RECIPE_BYTES,
    Recipe,
    RecipeError,
    in_order,
    load_recipe,
    load_recipes,
    parse_recipe,
)
from components.nucleus.variables import resolve
from components.searcher.configuration import SearcherConfiguration
from dashboard.configuration import DashboardConfiguration

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"
UMBRELLA = "com.lookalike.Lookalike"
SEARCHER = "com.lookalike.Searcher"

PACKAGES = {
    "com.lookalike.Featurizer": ("components/featurizer", FeaturizerConfiguration),
    "com.lookalike.Searcher": ("components/searcher", SearcherConfiguration),
    "com.lookalike.Dashboard": ("dashboard", DashboardConfiguration),
    "com.lookalike.CloudSync": ("cloud_sync", CloudSyncConfiguration),
}
# What lifecycle.py says for every component.
FOR_ALL = {messages.STATUS_TOPIC}

Change = Callable[[dict[str, Any]], object]


def lifecycle(document: dict[str, Any]) -> dict[str, Any]:
    return document["Manifests"][0]["Lifecycle"]  # type: ignore[no-any-return]


def policies(document: dict[str, Any]) -> dict[str, Any]:
    return document["ComponentConfiguration"]["DefaultConfiguration"]["accessControl"][PUBSUB]  # type: ignore[no-any-return]


def set_dependency(key: str, value: str) -> Change:
    return lambda d: d["ComponentDependencies"]["other"].update({key: value})


PLANTED: dict[str, tuple[Change, str]] = {
    "case of a key": (lambda d: d.update(componentname=d.pop("ComponentName")), "write 'ComponentName', the case"),
    "unknown key": (lambda d: d.update(Colour="red"), "has the key 'Colour'"),
    "no version": (lambda d: d.pop("ComponentVersion"), "lacks ComponentVersion"),
    "version as a number": (lambda d: d.update(ComponentVersion=1.0), "three numbers in quotes"),
    "format as a date": (lambda d: d.update(RecipeFormatVersion="2021-01-01"), "must be '2020-01-25'"),
    "name with a blank": (lambda d: d.update(ComponentName="my component"), "letters, digits"),
    "caret range": (set_dependency("VersionRequirement", "^1.0.0"), "knows only =, >"),
    "tilde range": (set_dependency("VersionRequirement", "~1.0.0"), "knows only =, >"),
    "HARD dependency": (set_dependency("DependencyType", "HARD"), "must be SOFT"),
    "no kind of dependency": (lambda d: d["ComponentDependencies"]["other"].pop("DependencyType"), "DependencyType"),
    "two manifests": (lambda d: d["Manifests"].append(d["Manifests"][0]), "one manifest"),
    "no runtime": (lambda d: d["Manifests"][0]["Platform"].pop("runtime"), "lacks runtime"),
    "classic's runtime": (lambda d: d["Manifests"][0]["Platform"].update(runtime="aws_nucleus"), "only '*' is taken"),
    "lite's runtime": (lambda d: d["Manifests"][0]["Platform"].update(runtime="aws_nucleus_lite"), "only '*' is taken"),
    "capital Run": (lambda d: lifecycle(d).update(Run=lifecycle(d).pop("run")), "write 'run', the case"),
    "no run": (lambda d: lifecycle(d).pop("run"), "lacks run"),
    "run is true, not 'true'": (lambda d: lifecycle(d).update(run=True), "script in quotes"),
    "shutdown": (lambda d: lifecycle(d).update(shutdown="true"), "has the key 'shutdown'"),
    "shell braces": (lambda d: lifecycle(d).update(run="exec ${HOME}/x"), "write $HOME"),
    "shell brace of a known name": (lambda d: lifecycle(d).update(run="exec ${work:path}/x"), "write $HOME"),
    "variable of a dependency": (lambda d: lifecycle(d).update(run="exec {other:work:path}/x"), "no variable"),
    "json in a script": (lambda d: lifecycle(d).update(install="echo '{\"a\": 1}'"), "no variable"),
    "brace in Setenv": (lambda d: lifecycle(d).update(Setenv={"A": "{nothing}"}), "Setenv A"),
    "run without exec": (lambda d: lifecycle(d).update(run="python -m x"), "with exec"),
    "Skipif": (lambda d: lifecycle(d).update(install={"Script": "true", "Skipif": "exists /x"}), "'Skipif'"),
    "short operation": (lambda d: policies(d)["c:SubscribeToTopic"].update(operations=["SubscribeToTopic"]), "in full"),
    "no resources": (lambda d: policies(d)["c:SubscribeToTopic"].update(resources=[]), "list its resources"),
    "artifact without URI": (lambda d: d["Manifests"][0].update(Artifacts=[{"Unarchive": "ZIP"}]), "lacks URI"),
}


def document() -> dict[str, Any]:
    return recipe("c", "exec sleep 1", subscribes=["a/b"], settings={"k": 8}, needs=["other"])


def test_a_good_recipe_is_taken() -> None:
    parsed = parse_recipe(yaml.safe_dump(document()).encode(), "c.yaml")
    assert (parsed.name, parsed.run, dict(parsed.dependencies)) == ("c", "exec sleep 1", {"other": ">=1.0.0 <2.0.0"})


@pytest.mark.parametrize("name", PLANTED)
def test_planted_error_is_found(name: str) -> None:
    planted = document()
    change, words = PLANTED[name]
    change(planted)
    with pytest.raises(RecipeError, match=words.replace("*", r"\*").replace("$", r"\$")):
        parse_recipe(yaml.safe_dump(planted).encode(), "c.yaml")


def test_all_problems_of_a_file_are_named_at_once() -> None:
    planted = document()
    planted["Colour"] = "red"
    lifecycle(planted)["run"] = "python ${HOME}"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(yaml.safe_dump(planted).encode(), "c.yaml")
    assert len(str(caught.value).splitlines()) == 3


def test_policy_names_are_unique_on_a_device() -> None:
    planted = document()
    control = planted["ComponentConfiguration"]["DefaultConfiguration"]["accessControl"]
    control["aws.greengrass.ipc.mqttproxy"] = dict(control[PUBSUB])
    with pytest.raises(RecipeError, match="must be unique"):
        parse_recipe(yaml.safe_dump(planted).encode(), "c.yaml")


def test_too_large_recipe_is_refused() -> None:
    data = yaml.safe_dump(document()).encode() + b"#" * MAX_RECIPE_BYTES
    with pytest.raises(RecipeError, match="at most 16000"):
        parse_recipe(data, "c.yaml")


@pytest.mark.parametrize("data", [b"a: b: c", b"- a list", b"\xff\xfe\x00"])
def test_what_is_no_recipe_is_refused(data: bytes) -> None:
    with pytest.raises(RecipeError, match=r"c\.yaml"):
        parse_recipe(data, "c.yaml")


def test_file_is_named_like_its_component(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(document()))
    with pytest.raises(RecipeError, match=r"named like its component: c\.yaml"):
        load_recipe(tmp_path / "d.yaml")


def test_directory_without_recipes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe"):
        load_recipes(tmp_path)


def test_components_come_after_those_that_they_depend_on() -> None:
    parsed = [
        parse_recipe(yaml.safe_dump(recipe(name, needs=needs)).encode(), name)
        for name, needs in (("a", ["b", "c"]), ("b", ["c", "elsewhere"]), ("c", []))
    ]
    assert [one.name for one in in_order(parsed)] == ["c", "b", "a"]


def test_circle_of_dependencies_is_refused() -> None:
    parsed = [
        parse_recipe(yaml.safe_dump(recipe(name, needs=[other])).encode(), name)
        for name, other in (("a", "b"), ("b", "a"))
    ]
    with pytest.raises(RecipeError, match="a -> b -> a"):
        in_order(parsed)


def test_variables_are_filled_in() -> None:
    values = {"work:path": Path("/w"), "iot:thingName": "thing"}
    text = "{work:path}/venv {iot:thingName} {configuration:/a~1b/c} {configuration:/n}"
    assert resolve(text, values, {"a/b": {"c": "deep"}, "n": 5}) == "/w/venv thing deep 5"


def test_variable_of_a_setting_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="/nothing"):
        resolve("{configuration:/nothing}", {}, {})


def shipped(name: str) -> Recipe:
    return load_recipe(RECIPES / f"{name}.yaml")


def test_shipped_recipes_are_good_and_the_umbrella_comes_last() -> None:
    names = [one.name for one in load_recipes(RECIPES)]
    assert sorted(names) == sorted([*PACKAGES, UMBRELLA])
    assert names[-1] == UMBRELLA


def test_umbrella_needs_every_other_component() -> None:
    umbrella = shipped(UMBRELLA)
    assert set(umbrella.dependencies) == set(PACKAGES)
    assert set(umbrella.dependencies.values()) == {">=1.0.0 <2.0.0"}
    assert umbrella.run == "true"


@pytest.mark.parametrize("name", PACKAGES)
def test_component_may_use_the_topics_of_its_code_and_no_others(name: str) -> None:
    assert list(topic_problems(shipped(name).configuration, TOPICS[name])) == []


def topics_in(sources: Iterable[str], calls: str = "") -> set[str]:
    """The topics of core/messages.py that ``sources`` name; with ``calls``, as the first argument of such a call."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    if calls:
        made = [node for node in nodes if isinstance(node, ast.Call)]
        wanted = [call for call in made if re.split(r"[._]", ast.unparse(call.func))[-1] == calls]
        nodes = [call.args[0] for call in wanted if call.args]
    names = [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes]
    return {getattr(messages, name) for name in names if name.endswith("_TOPIC") and hasattr(messages, name)}


@pytest.mark.parametrize("name", PACKAGES)
def test_topics_of_a_component_are_those_that_its_code_names(name: str) -> None:
    sources = [file.read_text() for file in (ROOT / PACKAGES[name][0]).rglob("*.py")]
    topics = TOPICS[name]
    assert topics_in(sources) | FOR_ALL == topics.publishes | topics.subscribes
    assert topics_in(sources, "publish") | FOR_ALL == topics.publishes
    assert topics_in(sources, "subscribe") == topics.subscribes


def test_topics_of_the_cloud_are_those_that_the_code_makes() -> None:
    assert TOPICS["com.lookalike.CloudSync"].cloud == {
        status_topic("+"),
        legacy_topic("+"),
        shadow_topic("+"),
        *(outbox_topic("+", kind) for kind in KINDS),
    }
    assert TOPICS["com.lookalike.CloudSync"].from_cloud == {acknowledgement_topic("+")}


def test_topics_are_found_in_code() -> None:
    code = "bus.publish(messages.QUERY_TOPIC, b'')\nself._publish(RESULT_TOPIC)\nself.bus.subscribe(STATUS_TOPIC, x)"
    assert topics_in([code]) == {messages.QUERY_TOPIC, messages.RESULT_TOPIC, messages.STATUS_TOPIC}
    assert topics_in([code], "publish") == {messages.QUERY_TOPIC, messages.RESULT_TOPIC}
    assert topics_in([code], "subscribe") == {messages.STATUS_TOPIC}


def granted(configuration: dict[str, Any]) -> list[str]:
    """The topics that the Searcher may publish on."""
    policies = configuration["accessControl"][PUBSUB]
    return policies["com.lookalike.Searcher:publish"]["resources"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: granted(c).append("lookalike/picture"), "grants PublishToTopic on lookalike/picture, which the"),
        (lambda c: granted(c).append("#"), "grants PublishToTopic on #, which"),
        (lambda c: granted(c).remove("lookalike/result"), "does not grant PublishToTopic on lookalike/result"),
        (lambda c: c["accessControl"].update(other={}), "grants something of other"),
        (
            lambda c: c["accessControl"].update({MQTT: {"x": {"operations": ["*"], "resources": ["a/b"]}}}),
            "grants PublishToIoTCore on a/b",
        ),
        (lambda c: c.pop("accessControl"), "does not grant SubscribeToTopic on lookalike/query"),
    ],
)
def test_planted_error_in_the_topics_is_found(change: Change, words: str) -> None:
    planted = copy.deepcopy(dict(shipped(SEARCHER).configuration))
    change(planted)
    assert words in " ".join(topic_problems(planted, TOPICS[SEARCHER]))


@pytest.mark.parametrize("name", PACKAGES)
def test_default_configuration_is_the_components_own(name: str) -> None:
    assert list(setting_problems(shipped(name).configuration, PACKAGES[name][1])) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poll_interval_s": 0}, "as the classic nucleus hands it over: Setting 'poll_interval_s' is 0;"),
        ({"poll_interval_s": 0}, "as the lite nucleus hands it over: Setting 'poll_interval_s' is '0';"),
        ({"annoy": None}, "hands it over: Setting 'annoy' is ''"),
        ({"anoy": "true"}, "Unknown setting 'anoy'; did you mean 'annoy'?"),
        ({"poll_interval_s": 2}, "another 'poll_interval_s' than the component's own default, 1.0"),
    ],
)
def test_planted_error_in_the_settings_is_found(changes: dict[str, object], words: str) -> None:
    planted = {**shipped(SEARCHER).configuration, **changes}
    assert words in " ".join(setting_problems(planted, SearcherConfiguration))


def test_setting_that_the_console_would_not_show_is_found() -> None:
    planted = {key: value for key, value in shipped(SEARCHER).configuration.items() if key != "annoy"}
    assert list(setting_problems(planted, SearcherConfiguration)) == ["DefaultConfiguration lacks the setting 'annoy'."]


def test_all_shipped_components_have_the_same_version_and_publisher() -> None:
    documents = [yaml.safe_load(file.read_text()) for file in RECIPES.glob("*.yaml")]
    assert {(d["ComponentVersion"], d["ComponentPublisher"]) for d in documents} == {("1.0.0", "Lookalike")}


@pytest.mark.parametrize("name", PACKAGES)
def test_installation_needs_no_network(name: str) -> None:
    install = shipped(name).install or ""
    assert "--no-index" in install
    assert "{work:path}/venv" in install
