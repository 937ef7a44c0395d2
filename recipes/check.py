"""Whether the recipes can be built and published: our rules, one version everywhere, GDK's schema where GDK is."""

import importlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from recipes.parts import RECIPES, ROOT, UMBRELLA, Part, one_version

_VERSION = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)


def problems(parts: list[Part]) -> Iterator[str]:
    """What is wrong beyond what reading the recipes already refused, one sentence each."""
    version = one_version(parts)
    project = _VERSION.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if project is None or project[1] != version:
        yield f"pyproject.toml has the version {project and project[1]}, the recipes have {version}."
    component = gdk_component()
    if component.get("version") != version:
        yield f"gdk-config.json has the version {component.get('version')}, the recipes have {version}."
    link = ROOT / "recipe.yaml"
    if link.resolve() != RECIPES / f"{UMBRELLA}.yaml":
        yield f"recipe.yaml must be a link to recipes/{UMBRELLA}.yaml."


def gdk_component() -> dict[str, object]:
    """What gdk-config.json says of the umbrella."""
    configuration = json.loads((ROOT / "gdk-config.json").read_text(encoding="utf-8"))
    return dict(configuration["component"][UMBRELLA])


def gdk_schema() -> Path | None:
    """GDK's schema of recipes; None where GDK is not installed."""
    found = importlib.util.find_spec("gdk")
    places = list(found.submodule_search_locations or ()) if found else []
    files = [Path(place, "static", "recipe_schema.json") for place in places]
    return next((file for file in files if file.exists()), None)


def schema_problems(parts: list[Part], schema: Path) -> Iterator[str]:
    """What GDK's own schema says against the recipes; needs jsonschema, which comes with GDK."""
    jsonschema = importlib.import_module("jsonschema")
    validator = jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))
    for part in parts:
        document = _lowered(yaml.safe_load(part.file.read_bytes()))
        for error in validator.iter_errors(document):
            yield f"{part.file.name}: {error.message}"


def _lowered(value: object) -> object:
    """``value`` with the keys of all its maps in lower case, as GDK has them when it looks."""
    if isinstance(value, dict):
        return {str(key).lower(): _lowered(item) for key, item in value.items()}
    return [_lowered(item) for item in value] if isinstance(value, list) else value
