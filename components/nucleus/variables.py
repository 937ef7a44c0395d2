"""The variables of a recipe: those that both nuclei know."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.core.errors import ConfigurationError

NAMES = ("artifacts:path", "artifacts:decompressedPath", "work:path", "kernel:rootPath", "iot:thingName")
CONFIGURATION = "configuration:"

_VARIABLE = re.compile(r"\{([^{}\s]*)\}")


def unknown_braces(text: str) -> list[str]:
    """Every piece of ``text`` with a brace that is no variable of both nuclei; such a script breaks on one of them."""
    rest = _VARIABLE.sub(lambda found: "" if _is_known(found[1]) and not _is_shell(text, found) else found[0], text)
    return re.findall(r"\$?\{[^}\n]{0,40}\}?", rest)


def _is_known(name: str) -> bool:
    return name in NAMES or name.startswith(CONFIGURATION + "/")


def _is_shell(text: str, found: re.Match[str]) -> bool:
    return text[: found.start()].endswith("$")


def resolve(text: str, values: Mapping[str, Path | str], configuration: Mapping[str, Any]) -> str:
    """``text`` with its variables filled in; raises ConfigurationError for a configuration that is not there."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name.startswith(CONFIGURATION):
            return _configured(configuration, name.removeprefix(CONFIGURATION))
        return str(values[name]) if name in values else found[0]

    return _VARIABLE.sub(fill, text)


def _configured(configuration: Mapping[str, Any], pointer: str) -> str:
    value: Any = configuration
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or key not in value:
            raise ConfigurationError(
                f"A recipe refers to the setting {pointer}, which its configuration does not have."
            )
        value = value[key]
    return value if isinstance(value, str) else json.dumps(value)
