"""Builds, checks and publishes the components: ``python -m recipes build``."""

import argparse
import sys
from pathlib import Path

from components.core.errors import ConfigurationError, LookalikeError
from recipes.build import BUILD_DIR, PYTHONS, Order, build, table
from recipes.check import gdk_component, gdk_schema, problems, schema_problems
from recipes.gdk_project import write_project
from recipes.locks import PROFILES, make_locks
from recipes.parts import ROOT, Part, all_parts, chosen
from recipes.publish import Aws, publish, releases
from recipes.wheels import is_version


def main() -> int:
    """Parse the command line and do what it says; 1 with a sentence where that is not possible."""
    arguments = _parser().parse_args()
    try:
        parts = all_parts()
        return int(arguments.command(parts, arguments))
    except LookalikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(parts: list[Part], _: argparse.Namespace | None = None) -> int:
    found = list(problems(parts))
    schema = gdk_schema()
    found += schema_problems(parts, schema) if schema else []
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    against = (
        "our rules and GDK's schema" if schema else "our rules (GDK is not installed here, its schema was not asked)"
    )
    if not found:
        print(f"{len(parts)} recipes are good by {against}.")
    return 1 if found else 0


def _build(parts: list[Part], arguments: argparse.Namespace) -> int:
    pythons = tuple(arguments.python) or PYTHONS
    for python in pythons:
        if not is_version(python):
            raise ConfigurationError(f"--python {python!r} is not of the form 3.11.")
    if _check(parts) != 0:
        return 1
    order = Order(arguments.out, pythons, arguments.profile, not arguments.no_wheels, arguments.wheelhouse)
    made = build(chosen(parts, arguments.only), order)
    print(table(made))
    for one in made:
        for sentence in one.missing:
            print(f"warning: {one.name}: {sentence}; it cannot be installed there.", file=sys.stderr)
    print(f"Everything is in {arguments.out}.")
    return 0


def _lock(parts: list[Part], _: argparse.Namespace) -> int:
    for file in make_locks([part.extra for part in parts if part.extra]):
        print(f"{file} is made.")
    return 0


def _publish(parts: list[Part], arguments: argparse.Namespace) -> int:
    own = gdk_component()["publish"]
    settings = own if isinstance(own, dict) else {}
    region, prefix = arguments.region or settings["region"], arguments.bucket or settings["bucket"]
    wanted = chosen(parts, arguments.only)
    if arguments.dry_run:
        for release in releases(wanted, arguments.out, f"{prefix}-{region}-ACCOUNT"):
            for file in release.files:
                print(f"would upload {file.name} ({file.stat().st_size} bytes) as {release.key(file)}")
            print(f"would create {release.name} {release.version}")
        return 0
    # What is not built is told before AWS is asked for anything.
    releases(wanted, arguments.out, prefix)
    cloud = Aws(region, prefix)
    publish(releases(wanted, arguments.out, cloud.bucket), cloud, print)
    return 0


def _project(parts: list[Part], arguments: argparse.Namespace) -> int:
    (part,) = chosen(parts, [arguments.component])
    write_project(part, arguments.folder)
    print(f"{arguments.folder} is a GDK project of {part.name}: gdk component build works there.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipes", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _build_options(commands.add_parser("build", help="fill greengrass-build/ with recipes and artifacts"))
    commands.add_parser("check", help="check the recipes").set_defaults(command=_check)
    commands.add_parser("lock", help="resolve the requirements of every component anew").set_defaults(command=_lock)
    _publish_options(commands.add_parser("publish", help="publish what was built, in the order of dependencies"))
    project = commands.add_parser("gdk-project", help="make a folder in which GDK builds one component")
    project.add_argument("component", help="like featurizer")
    project.add_argument("folder", type=Path)
    project.set_defaults(command=_project)
    return parser


def _places(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--only", nargs="+", default=[], metavar="NAME", help="these components, like featurizer; default: all")
    add("--out", type=Path, default=ROOT / BUILD_DIR, metavar="DIR", help="default: %(default)s")


def _build_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_build)
    _places(parser)
    add = parser.add_argument
    add("--python", nargs="+", default=[], metavar="3.N", help=f"wheels for these; default: {' '.join(PYTHONS)}")
    add("--profile", choices=sorted(PROFILES), help="gen9: with the last OpenVINO for Gen9 GPUs")
    add("--wheelhouse", type=Path, metavar="DIR", help="take wheels from DIR, not from the network")
    add("--no-wheels", action="store_true", help="code only: to look at, not to install")


def _publish_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_publish)
    _places(parser)
    add = parser.add_argument
    add("--region", help="default: that of gdk-config.json")
    add("--bucket", metavar="PREFIX", help="region and account are appended; default: that of gdk-config.json")
    add("--dry-run", action="store_true", help="say what would be published, ask AWS for nothing")


if __name__ == "__main__":
    sys.exit(main())
