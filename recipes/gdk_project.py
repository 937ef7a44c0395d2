"""A GDK project for one component: GDK knows one component per project, and finds it in the working directory."""

import json
import shlex
import sys
from pathlib import Path

from components.core.errors import ConfigurationError
from recipes.build import BUILD_DIR
from recipes.check import gdk_component
from recipes.parts import ROOT, Part


def write_project(part: Part, folder: Path) -> None:
    """Write gdk-config.json and recipe.yaml (a link to the one source) for ``part`` into ``folder``.

    ``gdk component build`` and ``publish`` work there, with the variable BUILD as in the Makefile; raises
    ConfigurationError where another project is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "recipe.yaml"
    if link.exists() and link.resolve() != part.file:
        raise ConfigurationError(f"{folder} is the project of another recipe already: choose another folder.")
    link.unlink(missing_ok=True)
    link.symlink_to(part.file)
    component = {
        **gdk_component(),
        "build": {"build_system": "custom", "custom_build_command": ["sh", "-c", _command(part, folder)]},
    }
    document = {"component": {part.name: component}, "gdk_version": "1.6.2"}
    (folder / "gdk-config.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _command(part: Part, folder: Path) -> str:
    build = [sys.executable, "-m", "recipes", "build", "--only", part.name, "--out", str(folder.resolve() / BUILD_DIR)]
    # BUILD holds options, as it does for make.
    return f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(build)} $BUILD"
