"""recipes/: what is shipped works on both nuclei, and every rule finds its planted error."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nucleus_support import recipe

from cloud_sync.configuration import CloudSyncConfiguration
from components.core.configuration import from_mapping
from components.core.errors import ConfigurationError
from components.featurizer.configuration import FeaturizerConfiguration
from components.nucleus.access import PUBSUB
from components.nucleus.limits import LIMITS, as_recipe_values
from components.nucleus.recipe import MAX_RECIPE_BYTES, RecipeError, in_order, load_recipe, load_recipes, parse_recipe
from components.nucleus.variables import resolve
from components.searcher.configuration import SearcherConfiguration
from dashboard.configuration import DashboardConfiguration

RECIPES = Path(__file__).parents[1] / "recipes"
PREFIX = "com.lookalike."

# component: what it publishes, what it subscribes to
TOPICS = {
    "Featurizer": ({"lookalike/query", "lookalike/result", "lookalike/status"}, {"lookalike/picture"}),
    "Searcher": ({"lookalike/result", "lookalike/status"}, {"lookalike/query"}),
    "Dashboard": ({"lookalike/picture", "lookalike/status"}, {"lookalike/result", "lookalike/status"}),
    "CloudSync": ({"lookalike/status"}, {"lookalike/result"}),
}

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
    "classic's runtime": (lambda d: d["Manifests"][0]["Platform"].update(runtime="aws_nucleus"), "wants '*'"),
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


def test_shipped_recipes_are_good_and_the_umbrella_comes_last() -> None:
    names = [one.name.removeprefix(PREFIX) for one in load_recipes(RECIPES)]
    assert sorted(names) == sorted([*TOPICS, "Lookalike"])
    assert names[-1] == "Lookalike"


def test_umbrella_needs_every_other_component() -> None:
    umbrella = load_recipe(RECIPES / f"{PREFIX}Lookalike.yaml")
    assert {name.removeprefix(PREFIX) for name in umbrella.dependencies} == set(TOPICS)
    assert set(umbrella.dependencies.values()) == {">=1.0.0 <2.0.0"}
    assert umbrella.run == "true"


@pytest.mark.parametrize("name", TOPICS)
def test_component_may_use_its_own_topics_and_no_others(name: str) -> None:
    shipped = load_recipe(RECIPES / f"{PREFIX}{name}.yaml")
    granted: dict[str, set[str]] = {}
    assert list(shipped.configuration["accessControl"]) == [PUBSUB]
    for policy in shipped.configuration["accessControl"][PUBSUB].values():
        for operation in policy["operations"]:
            granted.setdefault(operation, set()).update(policy["resources"])
    publishes, subscribes = TOPICS[name]
    assert granted == {
        "aws.greengrass#PublishToTopic": publishes,
        "aws.greengrass#SubscribeToTopic": subscribes,
    }


def test_all_shipped_components_have_the_same_version_and_publisher() -> None:
    documents = [yaml.safe_load(file.read_text()) for file in RECIPES.glob("*.yaml")]
    assert {(d["ComponentVersion"], d["ComponentPublisher"]) for d in documents} == {("1.0.0", "Lookalike")}


@pytest.mark.parametrize("name", TOPICS)
def test_installation_needs_no_network(name: str) -> None:
    install = load_recipe(RECIPES / f"{PREFIX}{name}.yaml").install or ""
    assert "--no-index" in install
    assert "{work:path}/venv" in install


CONFIGURATIONS = {
    "com.lookalike.Featurizer": FeaturizerConfiguration,
    "com.lookalike.Searcher": SearcherConfiguration,
    "com.lookalike.Dashboard": DashboardConfiguration,
    "com.lookalike.CloudSync": CloudSyncConfiguration,
}


@pytest.mark.parametrize("limits", ["classic", "lite"])
@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_default_configuration_is_the_components_own(name: str, limits: str) -> None:
    recipe = next(recipe for recipe in load_recipes(RECIPES) if recipe.name == name)
    handed_over = as_recipe_values(LIMITS[limits], dict(recipe.configuration))
    cls = CONFIGURATIONS[name]
    assert from_mapping(cls, handed_over) == cls()
    named = {field.name for field in dataclasses.fields(cls)}
    assert set(handed_over) - {"accessControl"} == named, "the console shows every setting"
