"""What a recipe must and must not say, so that it works on both nuclei; every problem of a file at once."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.nucleus.variables import unknown_braces

_TOP = {
    "RecipeFormatVersion",
    "ComponentName",
    "ComponentVersion",
    "ComponentDescription",
    "ComponentPublisher",
    "ComponentType",
    "ComponentDependencies",
    "ComponentConfiguration",
    "Manifests",
}
_REQUIRED = ("RecipeFormatVersion", "ComponentName", "ComponentVersion", "Manifests")
_MANIFEST = {"Name", "Platform", "Lifecycle", "Artifacts"}
_LIFECYCLE = {"install", "run", "Setenv"}
_PHASE = {"Script", "RequiresPrivilege", "Timeout"}
_ARTIFACT = {"URI", "Unarchive", "Permission", "Digest", "Algorithm"}
_DEPENDENCY = {"VersionRequirement", "DependencyType"}
_POLICY = {"policyDescription", "operations", "resources"}

_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_LAST_IS_EXEC = re.compile(r"(^|[;&\n])\s*exec [^\n]*\Z")
_RANGE = re.compile(r"(>=|<=|=|>|<)\d+\.\d+\.\d+( (>=|<=|=|>|<)\d+\.\d+\.\d+)*")


def problems_of(document: object) -> list[str]:
    """Every problem of the recipe ``document``, each one sentence; empty where it works on both nuclei."""
    if not isinstance(document, dict):
        return ["a recipe must be a map."]
    return [
        *_keys(document, _TOP, "the recipe", _REQUIRED),
        *_head(document),
        *_dependencies(document.get("ComponentDependencies", {})),
        *_access_control(document.get("ComponentConfiguration", {})),
        *_manifests(document.get("Manifests")),
    ]


def _keys(value: object, known: set[str], where: str, required: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} must be a map."
        return
    lower = {key.lower(): key for key in known}
    for key in value:
        if key not in known:
            meant = lower.get(str(key).lower())
            hint = f"write {meant!r}, the case of keys counts" if meant else f"known: {', '.join(sorted(known))}"
            yield f"{where} has the key {key!r}; {hint}."
    for key in required:
        if key not in value:
            yield f"{where} lacks {key}."


def _head(document: Mapping[str, Any]) -> Iterator[str]:
    if document.get("RecipeFormatVersion") not in ("2020-01-25", None):
        yield "RecipeFormatVersion must be '2020-01-25', in quotes."
    if not _NAME.fullmatch(str(document.get("ComponentName", "x"))):
        yield f"ComponentName {document['ComponentName']!r} may have letters, digits, dots, - and _ only."
    version = document.get("ComponentVersion", "1.0.0")
    if not (isinstance(version, str) and _VERSION.fullmatch(version)):
        yield f"ComponentVersion {version!r} must be three numbers in quotes, like '1.0.0'."


def _dependencies(value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield "ComponentDependencies must be a map."
        return
    for name, dependency in value.items():
        where = f"the dependency {name}"
        yield from _keys(dependency, _DEPENDENCY, where, ("VersionRequirement", "DependencyType"))
        if not isinstance(dependency, dict):
            continue
        wanted = dependency.get("VersionRequirement", "=1.0.0")
        if not _RANGE.fullmatch(str(wanted)):
            yield f"{where} requires {wanted!r}; one nucleus knows only =, >, >=, <, <=: write '>=1.0.0 <2.0.0'."
        if dependency.get("DependencyType", "SOFT") != "SOFT":
            yield f"{where} must be SOFT: a HARD one keeps this component down when that one crashes."


def _access_control(configuration: object) -> Iterator[str]:
    yield from _keys(configuration, {"DefaultConfiguration"}, "ComponentConfiguration")
    defaults = configuration.get("DefaultConfiguration", {}) if isinstance(configuration, dict) else {}
    if not isinstance(defaults, dict):
        yield "DefaultConfiguration must be a map."
        return
    names: set[str] = set()
    for service, policies in (defaults.get("accessControl") or {}).items():
        for name, policy in policies.items() if isinstance(policies, dict) else ():
            where = f"the policy {name} of {service}"
            if name in names:
                yield f"{where} has the name of another; names of policies must be unique on a device."
            names.add(name)
            yield from _policy(policy, where)


def _policy(policy: object, where: str) -> Iterator[str]:
    yield from _keys(policy, _POLICY, where, ("operations", "resources"))
    for key in ("operations", "resources"):
        values = policy.get(key) if isinstance(policy, dict) else None
        if not (isinstance(values, list) and values and all(isinstance(v, str) for v in values)):
            yield f"{where} must list its {key}."
        elif key == "operations" and not all(v == "*" or v.startswith("aws.greengrass#") for v in values):
            yield f"{where} must name operations in full, like aws.greengrass#PublishToTopic."


def _manifests(value: object) -> Iterator[str]:
    if not (isinstance(value, list) and len(value) == 1):
        yield "Manifests must be a list with one manifest, for every Linux."
        return
    manifest = value[0]
    yield from _keys(manifest, _MANIFEST, "the manifest", ("Platform", "Lifecycle"))
    if isinstance(manifest, dict):
        yield from _platform(manifest.get("Platform", {}))
        yield from _lifecycle(manifest.get("Lifecycle", {}))
        for artifact in manifest.get("Artifacts", ()):
            yield from _keys(artifact, _ARTIFACT, "an artifact", ("URI",))


def _platform(value: object) -> Iterator[str]:
    yield from _keys(value, {"os", "runtime", "architecture"}, "Platform", ("os", "runtime"))
    if isinstance(value, dict) and value.get("runtime", "*") != "*":
        yield f"Platform has the runtime {value['runtime']!r}; only '*' is taken by both nuclei."


def _lifecycle(value: object) -> Iterator[str]:
    yield from _keys(value, _LIFECYCLE, "Lifecycle", ("run",))
    if not isinstance(value, dict):
        return
    for name in ("install", "run"):
        if name in value:
            yield from _phase(name, value[name])
    for name, text in (value.get("Setenv") or {}).items():
        yield from _braces(f"Setenv {name}", str(text))


def _phase(name: str, phase: object) -> Iterator[str]:
    if isinstance(phase, dict):
        yield from _keys(phase, _PHASE, name, ("Script",))
        phase = phase.get("Script", "true")
    if not isinstance(phase, str):
        yield f"{name} must be a script in quotes, not {phase!r}."
        return
    yield from _braces(name, phase)
    if name == "run" and phase.strip() != "true" and not _LAST_IS_EXEC.search(phase.strip()):
        yield "run must start its program with exec, in its last command, so that signals reach it."


def _braces(where: str, text: str) -> Iterator[str]:
    for piece in unknown_braces(text):
        yield f"{where} has {piece!r}; a brace that is no variable breaks one nucleus: write $HOME, not ${{HOME}}."
