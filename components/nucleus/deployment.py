"""What a deployment says: which components, with which configuration, in which directories."""

import os
import shutil
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.core.errors import ConfigurationError
from components.nucleus.broker import Endpoint
from components.nucleus.limits import LIMITS, Limits, as_recipe_values
from components.nucleus.recipe import Recipe, load_recipes
from components.nucleus.settings_store import merged
from components.nucleus.supervisor import STOP_GRACE_S
from components.nucleus.variables import resolve

# What our own shell was told must not reach the components; their recipes say what they need.
_NOT_FOR_COMPONENTS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SVCUID")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The settings of one nucleus."""

    root: Path
    """Its own directory: work directories, logs, the socket."""
    recipes: Path
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Configuration merged over the recipes' own, by component (full or short name)."""
    limits: Limits = LIMITS["lite"]
    python_env: Path | None = None
    """An environment that is linked as each component's venv, instead of running ``install``."""
    source: Path | None = None
    """A source tree that serves as every artifact."""
    artifacts: Path | None = None
    """Or the built ones (greengrass-build/artifacts), as a local deployment brings them."""
    only: tuple[str, ...] = ()
    """The components to start (full or short names); all without any."""
    online: bool = True
    iot_core_log: Path | None = None
    broker: Endpoint | None = None
    """What plays AWS IoT Core; without one, what is sent goes to the device's own subscribers."""
    stop_grace_s: float = STOP_GRACE_S
    """From SIGTERM to SIGKILL."""
    thing_name: str = "lookalike-laptop"
    region: str = "eu-central-1"


def chosen_recipes(deployment: Deployment) -> list[Recipe]:
    """The recipes of the components to start, in order; raises RecipeError or ConfigurationError."""
    recipes = load_recipes(deployment.recipes)
    names = [recipe.name for recipe in recipes]
    wanted = {full_name(names, name) for name in deployment.only} or set(names)
    return [recipe for recipe in recipes if recipe.name in wanted]


def configuration_of(deployment: Deployment, recipe: Recipe, names: Iterable[str]) -> dict[str, Any]:
    """The component's configuration: the recipe's default as this nucleus hands it over, the overrides merged in."""
    names = list(names)
    settings: dict[str, Any] = as_recipe_values(deployment.limits, dict(recipe.configuration))
    for given, changes in deployment.overrides.items():
        if full_name(names, given) == recipe.name:
            settings = merged(settings, changes)
    return settings


def full_name(names: Iterable[str], given: str) -> str:
    """The one of ``names`` that is ``given``, or whose last part is; raises ConfigurationError where none is."""
    names = list(names)
    for name in names:
        if given == name or given.lower() == name.rpartition(".")[2].lower():
            return name
    raise ConfigurationError(f"There is no component {given!r}; known: {', '.join(names)}.")


@dataclass(frozen=True)
class Places:
    """The directories of one component, named as on a device."""

    root: Path
    recipe: Recipe

    @property
    def work(self) -> Path:
        """The working directory."""
        return self.root / "work" / self.recipe.name

    @property
    def log(self) -> Path:
        """The log file."""
        return self.root / "logs" / f"{self.recipe.name}.log"

    @property
    def artifacts(self) -> Path:
        """The artifact as it was downloaded."""
        return self.root / "packages" / "artifacts" / self.recipe.name / self.recipe.version

    @property
    def unpacked(self) -> Path:
        """The artifact's archives, unpacked."""
        return self.root / "packages" / "artifacts-unarchived" / self.recipe.name / self.recipe.version

    def prepare(self, deployment: Deployment) -> None:
        """Make the directories; bring the artifacts, or link the source tree as every archive; link the environment.

        Raises ConfigurationError where something is missing or in the way.
        """
        for directory in (self.work, self.artifacts, self.unpacked):
            directory.mkdir(parents=True, exist_ok=True)
        if deployment.artifacts is not None:
            self._bring(deployment.artifacts.absolute(), deployment.limits.unpacks_local_artifacts)
        elif deployment.source is not None:
            for archive in self.recipe.archives:
                _link_entries(self.unpacked / archive, deployment.source.absolute(), self.root)
        venv = self.work / "venv"
        if deployment.python_env is not None:
            _link(venv, deployment.python_env)
        elif venv.is_symlink():
            # The environment of an earlier start is not install's to clear.
            venv.unlink()

    def _bring(self, artifacts: Path, unpack: bool) -> None:
        brought = artifacts / self.recipe.name / self.recipe.version
        for archive in self.recipe.archives:
            file, folder = brought / f"{archive}.zip", self.unpacked / archive
            if not file.exists():
                raise ConfigurationError(f"{file} is missing: python -m recipes build makes it.")
            _link(self.artifacts / file.name, file)
            if folder.exists():
                shutil.rmtree(folder)
            if unpack:
                _unpack(file, folder)

    def resolve(self, text: str, deployment: Deployment, configuration: Mapping[str, Any]) -> str:
        """``text`` of the recipe with its variables filled in."""
        values: dict[str, Path | str] = {
            "artifacts:path": self.artifacts,
            "artifacts:decompressedPath": self.unpacked,
            "work:path": self.work,
            "kernel:rootPath": self.root,
            "iot:thingName": deployment.thing_name,
        }
        return resolve(text, values, configuration)


def _unpack(file: Path, folder: Path) -> None:
    try:
        shutil.unpack_archive(file, folder)
    except (shutil.ReadError, zipfile.BadZipFile, OSError) as error:
        raise ConfigurationError(f"{file} cannot be unpacked: {error}. Build it again.") from error


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        link.unlink()
    if link.exists():
        raise ConfigurationError(f"{link} is not a link; it was installed without --python-env: use another --root.")
    link.symlink_to(target.absolute(), target_is_directory=True)


def _link_entries(directory: Path, source: Path, root: Path) -> None:
    """Link what lies in ``source``, not ``source`` itself: it may hold ``root``, and that would be an endless path."""
    if directory.is_symlink():
        directory.unlink()
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        if old.is_symlink():
            old.unlink()
    for entry in source.iterdir():
        if not entry.name.startswith(".") and not root.is_relative_to(entry):
            _link(directory / entry.name, entry)


def check_python_env(python_env: Path | None) -> None:
    """Raises ConfigurationError where ``python_env`` is no environment with a Python in it."""
    if python_env is not None and not (python_env / "bin" / "python").exists():
        raise ConfigurationError(f"{python_env} is no Python environment (no bin/python); try {sys.prefix}.")


def ipc_environment(deployment: Deployment, socket: Path, token: str) -> dict[str, str]:
    """What a client of this nucleus finds in its environment."""
    return {
        "SVCUID": token,
        "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": str(socket),
        "AWS_IOT_THING_NAME": deployment.thing_name,
        "AWS_REGION": deployment.region,
        "AWS_DEFAULT_REGION": deployment.region,
    }


def inherited_environment() -> dict[str, str]:
    """Our own environment, as far as components get it."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_FOR_COMPONENTS}
