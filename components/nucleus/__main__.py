"""Runs the components of recipes/ on a laptop: ``python -m components.nucleus --root DIR``."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

import yaml

from components.core.errors import ConfigurationError, LookalikeError
from components.lifecycle import stop_at_signal
from components.nucleus.broker import Endpoint
from components.nucleus.deployment import Deployment
from components.nucleus.limits import LIMITS
from components.nucleus.nucleus import Nucleus
from components.nucleus.settings_store import merged

_HERE = Path(__file__).parents[2]


def main() -> int:
    """Parse the command line, run until a signal or --seconds, stop everything."""
    arguments = _parser().parse_args()
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s nucleus %(message)s", stream=sys.stderr)
    ended = stop_at_signal()
    try:
        with Nucleus(_deployment(arguments), print_line if arguments.verbose else None) as nucleus:
            print(f"The nucleus runs: {', '.join(nucleus.states()) or 'no components'}.", flush=True)
            print(f"Socket: {nucleus.socket}; logs: {arguments.root.absolute() / 'logs'}.", flush=True)
            ended.wait(arguments.seconds)
    except LookalikeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def print_line(component: str, line: str) -> None:
    """Show one line that a component printed."""
    print(f"{component.rpartition('.')[2]:>12} | {line}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.nucleus", description=__doc__)
    add = parser.add_argument
    add("--root", type=Path, required=True, metavar="DIR", help="the nucleus's own directory: work, logs, socket")
    add("--recipes", type=Path, default=_HERE / "recipes", metavar="DIR", help="default: %(default)s")
    add(
        "--set",
        action="append",
        default=[],
        metavar="COMPONENT.KEY=VALUE",
        help="change one setting (in a group: COMPONENT.GROUP.KEY=VALUE); repeatable",
    )
    add("--config", type=Path, metavar="FILE", help="JSON or YAML: settings by component")
    add("--limits", choices=sorted(LIMITS), default="lite", help="which nucleus to be as strict as; default: lite")
    add("--python-env", type=Path, metavar="VENV", help="link this environment instead of running install")
    add("--source", type=Path, default=_HERE, metavar="DIR", help="the tree that serves as artifact; default: this one")
    add("--artifacts", type=Path, metavar="DIR", help="built artifacts to install instead (greengrass-build/artifacts)")
    add("--only", nargs="+", default=[], metavar="NAME", help="start these components only")
    add("--seconds", type=float, metavar="N", help="stop after N seconds")
    add("--offline", action="store_true", help="AWS IoT Core cannot be reached")
    add("--iot-core-log", type=Path, metavar="FILE", help="write what goes to AWS IoT Core here, as JSON lines")
    add("--broker", metavar="HOST:PORT", help="an MQTT broker with TLS that plays AWS IoT Core")
    add("--certificates", type=Path, metavar="DIR", help="for it: ca.pem, device.pem and device.key of this device")
    add("--verbose", action="store_true", help="show what the components print")
    return parser


def _deployment(arguments: argparse.Namespace) -> Deployment:
    overrides = _config_file(arguments.config) if arguments.config else {}
    for text in arguments.set:
        component, changes = _setting(text)
        overrides[component] = merged(overrides.get(component, {}), changes)
    if arguments.artifacts and arguments.python_env:
        raise ConfigurationError("--python-env skips the install that --artifacts needs: leave one of them out.")
    return Deployment(
        root=arguments.root,
        recipes=arguments.recipes,
        overrides=overrides,
        limits=LIMITS[arguments.limits],
        python_env=arguments.python_env,
        source=arguments.source,
        artifacts=arguments.artifacts,
        only=tuple(arguments.only),
        online=not arguments.offline,
        iot_core_log=arguments.iot_core_log,
        broker=_broker(arguments.broker, arguments.certificates) if arguments.broker else None,
    )


def _broker(address: str, certificates: Path | None) -> Endpoint:
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and certificates is not None):
        raise ConfigurationError(f"--broker {address!r} must be of the form HOST:PORT, with --certificates beside it.")
    ca, certificate, key = (certificates / name for name in ("ca.pem", "device.pem", "device.key"))
    missing = [file.name for file in (ca, certificate, key) if not file.is_file()]
    if missing:
        raise ConfigurationError(f"--certificates {certificates} lacks {', '.join(missing)}.")
    return Endpoint(host=host, port=int(port), ca=ca, certificate=certificate, key=key)


def _setting(text: str) -> tuple[str, Any]:
    """The component, by its short or full name, and its setting; more than one key: a setting in a group."""
    name, equals, value = text.partition("=")
    parts = name.split(".")
    # A full name is like com.lookalike.Searcher; the names of settings have no capitals.
    last = next((number for number, part in enumerate(parts) if part[:1].isupper()), 0)
    component, keys = ".".join(parts[: last + 1]), parts[last + 1 :]
    if not (equals and keys and all(parts)):
        raise ConfigurationError(f"--set {text!r} is not of the form component.key=value.")
    setting: Any = value
    for key in reversed(keys):
        setting = {key: setting}
    return component, setting


def _config_file(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--config {file} cannot be read: {error}.") from error
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        raise ConfigurationError(f"--config {file} must map components to their settings.")
    return content


if __name__ == "__main__":
    sys.exit(main())
