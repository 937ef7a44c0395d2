"""What docs/ says and holds: documents that AWS takes, policies that allow no more than they must, commands that exist.

``python tests/test_fleet_documents.py`` writes the tables of docs/greengrass.md anew.
"""

import dataclasses
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name
from botocore.model import Shape
from botocore.validate import ParamValidator

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from cloud_sync.configuration import CloudSyncConfiguration  # noqa: E402
from components.core.configuration import all_settings, from_mapping  # noqa: E402
from components.core.items import DEFAULT_LANGUAGE  # noqa: E402
from components.featurizer.configuration import FeaturizerConfiguration  # noqa: E402
from components.nucleus.recipe import load_recipes  # noqa: E402
from components.searcher.configuration import SearcherConfiguration  # noqa: E402
from dashboard.configuration import DashboardConfiguration  # noqa: E402
from index_builder.catalog import read_catalog  # noqa: E402

DOCS = ROOT / "docs"
FLEET = DOCS / "fleet"
GROUPS = ("canary", "early", "all")
PAGES = sorted(DOCS.glob("*.md"))
THING = "${iot:Connection.Thing.ThingName}"
LONGEST = {
    **{"REGION": "ap-southeast-1", "ACCOUNT_ID": "123456789012", "BUCKET": "lookalike-artifacts"},
    **{"VERSION": "1", "TRUSTED_ROOT": "/1.root.json"},
}
CONFIGURATIONS: Mapping[str, type] = {
    "com.lookalike.Featurizer": FeaturizerConfiguration,
    "com.lookalike.Searcher": SearcherConfiguration,
    "com.lookalike.Dashboard": DashboardConfiguration,
    "com.lookalike.CloudSync": CloudSyncConfiguration,
}
RECIPES = {recipe.name: recipe for recipe in load_recipes(ROOT / "recipes")}
PUBSUB, MQTT = "aws.greengrass.ipc.pubsub", "aws.greengrass.ipc.mqttproxy"


def filled(text: str) -> str:
    for name, value in LONGEST.items():
        text = text.replace(name, value)
    return text


def document(name: str) -> Any:
    return json.loads(filled((FLEET / f"{name}.json").read_text()))


# -- the tables -------------------------------------------------------------------------------------------------------


def settings_text() -> str:
    """The settings of every component, as its class has them."""
    return "\n\n".join(
        f"### {name}\n\n| key | default | takes | |\n|---|---|---|---|\n"
        + "\n".join(row(*setting) for setting in all_settings(cls))
        for name, cls in CONFIGURATIONS.items()
    )


def row(name: str, field: dataclasses.Field[Any]) -> str:
    default = str(field.default).lower() if isinstance(field.default, bool) else field.default
    shown = "(empty)" if default == "" else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    return f"| `{name}` | {shown} | {takes(field)} | {prose(field.metadata['help'])} |"


def prose(text: str) -> str:
    """``text`` as a cell of a table: Markdown takes <thing> for HTML."""
    return text.replace("|", "&#124;").replace("<", "&lt;").replace(">", "&gt;")


def takes(field: dataclasses.Field[Any]) -> str:
    low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
    if choices is not None:
        return ", ".join(f"`{choice}`" for choice in choices)
    if isinstance(field.default, bool):
        return "`true`, `false`"
    if low is None:
        return "text"
    kind = "whole number" if isinstance(field.default, int) else "number"
    return f"{kind}, {low:,} to {high:,}"


def components_text() -> str:
    """What each component is, hears and says, as its recipe has it."""
    head = "| component | | hears | says |\n|---|---|---|---|\n"
    return head + "\n".join(component_row(ROOT / "recipes" / f"{name}.yaml") for name in sorted(RECIPES))


def component_row(file: Path) -> str:
    recipe = yaml.safe_load(file.read_text())
    granted = recipe.get("ComponentConfiguration", {}).get("DefaultConfiguration", {}).get("accessControl", {})
    topics: dict[str, list[str]] = {"Subscribe": [], "Publish": []}
    for policies in granted.values():
        for policy in policies.values():
            kind = "Subscribe" if "Subscribe" in policy["operations"][0] else "Publish"
            topics[kind] += [f"`{topic.replace('+', '<thing>')}`" for topic in policy["resources"]]
    heard, said = ", ".join(topics["Subscribe"]), ", ".join(topics["Publish"])
    return f"| `{recipe['ComponentName']}` | {recipe['ComponentDescription']} | {heard} | {said} |"


TABLES = {"settings": settings_text, "components": components_text}


def with_tables(page: str) -> str:
    for name, text in TABLES.items():
        begin, end = f"<!-- {name}: python tests/test_fleet_documents.py -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n\n{text()}\n\n{end}{rest.partition(end)[2]}"
    return page


def test_tables_say_what_classes_and_recipes_say() -> None:
    page = (DOCS / "greengrass.md").read_text()
    assert page == with_tables(page), "run: python tests/test_fleet_documents.py"


def test_every_setting_of_every_component_is_in_the_table() -> None:
    page = (DOCS / "greengrass.md").read_text()
    for cls in CONFIGURATIONS.values():
        for name, _ in all_settings(cls):
            assert f"\n| `{name}` | " in page


# -- the deployments --------------------------------------------------------------------------------------------------


def faults(value: Any, shape: Shape, where: str = "") -> Iterator[str]:
    """What botocore's own validation leaves to the service: enumerations, patterns, ranges."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from faults(member, shape.members[name], f"{where}.{name}")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from faults(member, shape.value, f"{where}[{name}]")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from faults(member, shape.member, f"{where}[{index}]")
    else:
        yield from scalar_faults(value, shape, where)


def scalar_faults(value: Any, shape: Shape, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    size = len(value) if isinstance(value, str) else value
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{where}: {value!r} is not from {low} to {high}"
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"{where}: {value!r} is none of {shape.metadata['enum']}"
    if "pattern" in shape.metadata and not re.search(shape.metadata["pattern"], value):
        yield f"{where}: {value!r} does not match {shape.metadata['pattern']}"


def assert_aws_takes(service: str, operation: str, parameters: Any) -> None:
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    report = ParamValidator().validate(parameters, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    assert list(faults(parameters, model.input_shape)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_deployment_is_one_that_greengrass_takes(group: str) -> None:
    deployment = document(group)
    assert_aws_takes("greengrassv2", "CreateDeployment", deployment)
    assert deployment["targetArn"].endswith(f":thinggroup/lookalike-{group}")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"targetArn": "lookalike-canary"}, "targetArn"),
        ({"deploymentPolicies": {"failureHandlingPolicy": "RETRY"}}, "failureHandlingPolicy"),
        ({"deploymentName": ""}, "deploymentName"),
    ],
)
def test_deployment_that_greengrass_refuses_is_noticed(change: dict[str, Any], fault: str) -> None:
    model = botocore.session.get_session().get_service_model("greengrassv2").operation_model("CreateDeployment")
    assert fault in "".join(faults({**document("canary"), **change}, model.input_shape))


@pytest.mark.parametrize("group", GROUPS)
def test_deployment_names_our_components_and_settings_that_they_accept(group: str) -> None:
    components = document(group)["components"]
    assert {name: one["componentVersion"] for name, one in components.items()} == {
        name: recipe.version for name, recipe in RECIPES.items()
    }
    for name, component in components.items():
        if "configurationUpdate" in component:
            from_mapping(CONFIGURATIONS[name], json.loads(component["configurationUpdate"]["merge"]))


def test_groups_differ_in_their_pace_and_in_who_takes_the_newest_index() -> None:
    common = []
    for group in GROUPS:
        deployment = document(group)
        assert deployment["deploymentName"] == f"Lookalike {group}"
        update = deployment["components"]["com.lookalike.CloudSync"]["configurationUpdate"]
        update["merge"] = json.loads(update["merge"])
        assert update["merge"]["index"].pop("version") == ("latest" if group == "canary" else "1")
        common.append((deployment["components"], deployment["deploymentPolicies"]))
    assert common[0] == common[1] == common[2]


@pytest.mark.parametrize("group", GROUPS)
def test_deployment_rolls_back_grows_slowly_and_stops_early(group: str) -> None:
    deployment = document(group)
    assert deployment["deploymentPolicies"]["failureHandlingPolicy"] == "ROLLBACK"
    job = deployment["iotJobConfiguration"]
    pace = job["jobExecutionsRolloutConfig"]
    assert 1.1 <= pace["exponentialRate"]["incrementFactor"] <= 5, "the range of AWS IoT's jobs"
    assert pace["exponentialRate"]["baseRatePerMinute"] < pace["maximumPerMinute"]
    (criterion,) = job["abortConfig"]["criteriaList"]
    assert (criterion["failureType"], criterion["action"]) == ("ALL", "CANCEL")
    assert criterion["thresholdPercentage"] <= 10
    assert 1 <= job["timeoutConfig"]["inProgressTimeoutInMinutes"] <= 10_080


def test_table_of_paces_says_what_the_deployments_say() -> None:
    page = (DOCS / "fleet.md").read_text()
    jobs = [document(group)["iotJobConfiguration"] for group in GROUPS]
    paces = [job["jobExecutionsRolloutConfig"] for job in jobs]
    rates = [pace["exponentialRate"] for pace in paces]
    aborts = [job["abortConfig"]["criteriaList"][0] for job in jobs]
    succeeded = [rate["rateIncreaseCriteria"]["numberOfSucceededThings"] for rate in rates]
    rows = [
        ["devices a minute at first", *(str(rate["baseRatePerMinute"]) for rate in rates)],
        [
            "... times",
            *(f"{r['incrementFactor']:g} after {n} successes" for r, n in zip(rates, succeeded, strict=True)),
        ],
        ["... at most", *(str(pace["maximumPerMinute"]) for pace in paces)],
        [
            "canceled for the rest when failed",
            *(f"{one['thresholdPercentage']:g} % of at least {one['minNumberOfExecutedThings']}" for one in aborts),
        ],
        ["a device has failed after", *(f"{job['timeoutConfig']['inProgressTimeoutInMinutes']} min" for job in jobs)],
    ]
    for cells in rows:
        assert f"| {' | '.join(cells)} |\n" in page


@pytest.mark.parametrize("file", sorted(FLEET.glob("*.json")), ids=lambda file: file.name)
def test_document_is_known_and_has_no_place_of_ours_in_it(file: Path) -> None:
    assert file.stem in GROUPS
    assert re.findall(r"\b\d{12}\b", file.read_text()) == []
    assert f"fleet/{file.name}" in (DOCS / "fleet.md").read_text()


# -- the text ---------------------------------------------------------------------------------------------------------


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page, those in lists without their indentation."""
    found = re.findall(r"^( *)```sh\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


BLOCKS = [pytest.param(block, id=f"{page.stem}-{n}") for page in PAGES for n, block in enumerate(blocks(page))]
SCRIPTS = re.sub(r"\\\n *", "", "\n".join(block for page in PAGES for block in blocks(page)))


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert fragment in map(anchor, headings), target


@pytest.mark.parametrize("block", BLOCKS)
def test_commands_are_shell(block: str) -> None:
    ended = subprocess.run(["bash", "-n"], input=block, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_commands_name_modules_targets_and_files_that_are_there() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    modules = set(re.findall(r"python -m ([a-z_.]+)", text)) - {"pip", "venv"}
    assert modules
    for module in modules:
        place = ROOT / module.replace(".", "/")
        assert (place / "__main__.py").exists() or place.with_suffix(".py").exists(), module
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) - {"install"} <= targets
    for file in re.findall(r"(?<![\w./-])((?:docs|recipes|components|tests|cloud_sync)/[\w./-]+\w)", text):
        assert (ROOT / file).exists(), file


def aws_commands() -> list[list[str]]:
    lines = re.findall(r"^ *aws ((?:[^'\n]|'[^']*')*)$", SCRIPTS, re.MULTILINE)
    return [shlex.split(re.split(r" [|>]", line)[0]) for line in lines]


# No operations of a service, with those of their options that we use.
OF_THE_COMMAND_LINE = {
    ("s3", "sync"): {"--region"},
    ("s3", "cp"): {"--region"},
    ("cloudformation", "deploy"): {"--region", "--stack-name", "--template-file", "--capabilities"},
}


@pytest.mark.parametrize("command", aws_commands(), ids=lambda words: "-".join(words[:2]))
def test_aws_commands_are_operations_with_these_parameters(command: list[str]) -> None:
    service, operation, *rest = command
    if (service, operation) in OF_THE_COMMAND_LINE:
        options = {word for word in rest if word.startswith("--")}
        assert options <= OF_THE_COMMAND_LINE[service, operation]
        return
    model = botocore.session.get_session().get_service_model("s3" if service == "s3api" else service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    known = {xform_name(name, "-"): name for name in shape.members}
    given = {word[2:] for word in rest if word.startswith("--")}
    assert given <= {*known, "region", "output", "cli-input-json"}
    for option, value in itertools.pairwise(rest):
        if value.startswith("{"):
            member = known[option[2:]]
            assert list(faults(json.loads(value), shape.members[member])) == []
            required = {one: value for one in shape.required_members if one != member}
            assert not ParamValidator().validate({**required, member: json.loads(value)}, shape).has_errors()
    if "cli-input-json" not in given:
        assert set(shape.required_members) <= {known[name] for name in given if name in known}


def test_documents_are_filled_in_as_the_page_says(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    every, words = blocks(DOCS / "fleet.md"), ("export REGION", "export VERSION", "sed ")
    script = "".join(next(block for block in every if word in block) for word in words)
    shutil.copytree(FLEET, tmp_path / "docs" / "fleet")
    root = '{"signed": {"_type": "root"},\n "signatures": [{"sig": "a\\\\b"}]}\n'
    (tmp_path / "my-keys").mkdir()
    (tmp_path / "my-keys" / "1.root.json").write_text(root)
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True)
    made = sorted((tmp_path / "filled").glob("*.json"))
    assert [file.name for file in made] == sorted(file.name for file in FLEET.glob("*.json"))
    for file in made:
        assert not set(LONGEST) & set(re.findall(r"[A-Z_]{4,}", file.read_text()))
        component = json.loads(file.read_text())["components"]["com.lookalike.CloudSync"]
        settings = from_mapping(CloudSyncConfiguration, json.loads(component["configurationUpdate"]["merge"]))
        assert settings.index.trusted_root == root.strip()
        assert settings.index.source == "s3://lookalike-artifacts-eu-central-1-123456789012/index"


def test_bucket_of_the_page_is_the_one_that_is_published_to() -> None:
    (component,) = json.loads((ROOT / "gdk-config.json").read_text())["component"].values()
    assert f"export BUCKET={component['publish']['bucket']}-$REGION-$ACCOUNT_ID\n" in SCRIPTS


def jq(marker: str, data: Any) -> str:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    (program,) = re.findall(rf"jq -c '([^'\n]*{marker}[^'\n]*)'", SCRIPTS)
    ended = subprocess.run(["jq", "-c", program], input=json.dumps(data), check=True, capture_output=True, text=True)
    return ended.stdout


def test_items_of_the_predecessors_become_a_catalog(tmp_path: Path) -> None:
    table = {"Items": [{"id": {"S": "mug-07"}, "title": {"S": "Mug"}, "url": {"S": "https://example.com/mug"}}]}
    (tmp_path / "items.jsonl").write_text(jq("item_id: .id.S", table))
    (item,) = read_catalog(tmp_path / "items.jsonl")
    assert (item.item_id, item.title, item.url) == ("mug-07", {DEFAULT_LANGUAGE: "Mug"}, "https://example.com/mug")
    assert [Path(picture.location).name for picture in item.pictures] == ["mug-07.jpg"]


def test_feidegger_becomes_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text(jq("feidegger", [{"url": "https://example.com/a.jpg", "descriptions": []}]))
    (item,) = read_catalog(tmp_path / "f.jsonl")
    assert (item.item_id, item.pictures[0].location) == ("feidegger-0", "https://example.com/a.jpg")


def test_reasons_of_the_device_are_those_that_the_featurizer_gives() -> None:
    page = (DOCS / "device.md").read_text().partition("## Is the GPU used?")[2]
    reasons = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)[1:]
    said = "\n".join(file.read_text() for file in (ROOT / "components" / "featurizer").glob("*.py"))
    assert len(reasons) >= 4
    assert [reason for reason in reasons if reason not in said] == []


@pytest.mark.parametrize("page", [*PAGES, *sorted(FLEET.glob("*.json"))], ids=lambda page: page.name)
def test_text_names_no_workplace_and_no_registry(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"(?<![\w.])/(?:work|tmp|root|home/(?!kiosk))\b\S*", text) == []
    assert re.findall(r"\b\S*(?:pypi|pythonhosted|npmjs|dkr\.ecr|docker\.io|ghcr\.io)\S*", text) == []
    british = (
        r"\b\w*(?:colour|catalogue|behaviou?r(?<=our)|neighbour|licence|centre|optimis|recognis|organis|cancelled)\w*"
    )
    assert re.findall(british, text, re.IGNORECASE) == []


if __name__ == "__main__":
    target = DOCS / "greengrass.md"
    target.write_text(with_tables(target.read_text()))
