"""``python -m cloud_sync fleet``: what every device runs, and a version for the next group."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cloud_sync.fleet.aws import Account
from cloud_sync.fleet.promotion import COMPONENT, Bar, next_deployment, objections, version_of
from cloud_sync.fleet.report import as_json, summary, table
from cloud_sync.index.orders import LATEST, VERSION
from components.core.errors import ConfigurationError

_STATUS = "say what every device runs, from the shadows"
_PROMOTE = "give a version that one group has proved to the next one"


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; 1 where a version may not be promoted. Raises LookalikeError."""
    args = _parser().parse_args(arguments)
    return int(args.command(args))


def _status(args: argparse.Namespace) -> int:
    account = Account(args.region)
    groups = [args.prefix + group for group in args.group] or account.groups(args.prefix)
    if not groups:
        raise ConfigurationError(f"There is no thing group whose name begins with {args.prefix!r}: look at --prefix.")
    devices = [device for group in groups for device in account.devices(group)]
    print(as_json(devices, time.time()) if args.json else table(devices, time.time()))
    if not args.json:
        for group in sorted(set(groups) - {device.group for device in devices}):
            print(f"{group}: no devices")
    return 0


def _promote(args: argparse.Namespace) -> int:
    if args.of == args.to:
        raise ConfigurationError(f"--from and --to are both {args.to}: name the next group, like --to early.")
    account = Account(args.region)
    bar = Bar(share=args.share, hours=args.hours, silent_hours=args.silent_hours)
    devices = account.devices(args.prefix + args.of)
    for line in summary(devices, time.time()):
        print(line)
    against = objections(args.version, devices, bar, time.time())
    for objection in against:
        print(f"error: {objection}", file=sys.stderr)
    if against:
        print(f"Version {args.version} is not promoted.", file=sys.stderr)
        return 1
    current = account.deployment(args.prefix + args.to)
    channels = {device.channel for device in devices if device.active == args.version and device.channel}
    deployment = next_deployment(current, args.version, sorted(channels))
    if current is not None and version_of(current) == str(args.version):
        print(f"{args.prefix}{args.to} has version {args.version} already.")
    elif args.dry_run:
        print(f"would deploy to {args.prefix}{args.to}: {_changed(deployment)}")
    else:
        print(f"{args.prefix}{args.to} gets version {args.version}: deployment {account.deploy(deployment)}.")
    return 0


def _changed(deployment: Mapping[str, Any]) -> str:
    update = deployment["components"][COMPONENT]["configurationUpdate"]
    index = {name: value for name, value in json.loads(update["merge"])["index"].items() if name != "trusted_root"}
    return f"{COMPONENT} {json.dumps(index)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cloud_sync fleet", description="What every device runs, and a version for the next group."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help=_STATUS, description=f"{_STATUS.capitalize()}.")
    status.add_argument("--group", nargs="+", default=[], metavar="NAME", help="these, like canary; default: all")
    status.add_argument("--json", action="store_true", help="for a program")
    status.set_defaults(command=_status)
    promote = commands.add_parser("promote", help=_PROMOTE, description=f"{_PROMOTE.capitalize()}.")
    add = promote.add_argument
    add("version", type=_version, help="of the index, like 42")
    add("--from", dest="of", required=True, metavar="GROUP", help="that has proved it, like canary")
    add("--to", required=True, metavar="GROUP", help="that shall get it, like early")
    add("--share", type=_share, default=Bar.share, help="of the devices that must run it; default: %(default)s")
    add("--hours", type=_hours, default=Bar.hours, help="that they must have run it; default: %(default)s")
    add("--silent-hours", type=_hours, default=Bar.silent_hours, help="a device silent for longer does not count")
    add("--dry-run", action="store_true", help="check, and say what would be deployed")
    promote.set_defaults(command=_promote)
    for one in (status, promote):
        one.add_argument("--region", help="default: that of the environment")
        one.add_argument("--prefix", default="lookalike-", help="of the groups' names; default: %(default)s")
    return parser


def _version(text: str) -> int:
    if text == LATEST or not VERSION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no generation of the index; expected a number from 1 on")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; expected a number above 0, up to 1")
    return value


def _hours(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; expected hours from 0 on")
    return value
