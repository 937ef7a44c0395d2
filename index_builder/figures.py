"""The figures of a command: a table for a person, the same as JSON for a program."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from components.core.errors import UnavailableError
from components.files import write_whole

MOST_SHOWN = 10


def report(headline: str, figures: Any, json_path: Path | None) -> None:
    """Print a sentence and the fields of the dataclass ``figures``; write these to ``json_path`` where one is given."""
    fields = dataclasses.asdict(figures)
    print_fields(headline, fields)
    if json_path is not None:
        write_json(fields, json_path)


def print_fields(headline: str, fields: Mapping[str, Any]) -> None:
    """Print a sentence, and a line for each figure."""
    width = max(len(name) for name in fields)
    lines = [headline, *(f"  {name.replace('_', ' '):<{width}}  {_shown(value)}" for name, value in fields.items())]
    Console(soft_wrap=True, highlight=False, emoji=False).print("\n".join(lines), markup=False)


def write_json(fields: dict[str, Any], path: Path) -> None:
    """Write figures as JSON, whole or not at all; raises UnavailableError."""
    try:
        write_whole(path, (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror}): choose a folder of your own.") from error


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        more = [f"and {len(value) - MOST_SHOWN} more"] if len(value) > MOST_SHOWN else []
        return ", ".join([f"{name or '(none)'} {count}" for name, count in list(value.items())[:MOST_SHOWN]] + more)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return str(value)
