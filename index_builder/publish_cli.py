"""The commands publish, keys, sign, verify and copy: their arguments, and what they print."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud_sync.sources import open_source
from components.core.errors import UnavailableError
from components.store import Store
from index_builder.arguments import add_json
from index_builder.figures import report
from index_builder.progress import Steps
from index_builder.publish.channel import LIFE, read_channel, write_channel, write_roots, write_timestamp
from index_builder.publish.copying import copy
from index_builder.publish.home import another_home, remember_home
from index_builder.publish.keys import SIGNS_FOR, expiry, init, read_keys, rotate
from index_builder.publish.places import open_place
from index_builder.publish.publishing import publish
from index_builder.publish.verifying import verify

_PLACE = "s3://bucket/prefix, a folder, or a .tar file"
_INIT = "make the keys of a new channel"
_ROTATE = "replace a key; devices follow by themselves after the next `sign` or `publish`"
_KEY = "file (default) or awskms:<id, ARN or alias/name>; may come several times"


def add_publish(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``publish``."""
    parser.add_argument("--from", dest="generations", type=Path, required=True, help="folder that `build --out` made")
    parser.add_argument("--seq", type=int, help="which of its generations (default: the newest)")
    _add_to(parser)
    _add_channel(parser)
    parser.add_argument("--dry-run", action="store_true", help="write nothing, only say what a device will download")
    add_json(parser)


def run_publish(args: argparse.Namespace) -> int:
    """Publish a generation and print what a device downloads."""
    store, keys = Store(args.generations), read_keys(args.keys, args.channel)
    seq = store.require_active() if args.seq is None else args.seq
    if seq not in store.seqs():
        has = ", ".join(map(str, store.seqs())) or "none"
        raise UnavailableError(f"There is no generation {seq} in {args.generations}; there is: {has}.")
    _warn_of_another_home(args)
    with Steps() as steps, open_place(args.to, args.endpoint_url) as place:
        done = publish(store, seq, place, keys, steps.announce, dry_run=args.dry_run)
    if not args.dry_run:
        remember_home(args.keys, args.to)
    what = f"generation {done.generation} of channel {done.channel}"
    if done.unchanged:
        headline = f"Nothing to publish: {what} is the same already."
    elif args.dry_run:
        headline = f"This would be {what}; nothing was written."
    else:
        headline = f"Published as {what} to {args.to}."
    report(headline, done, args.json)
    return 0


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``keys``."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="init|rotate")
    first = commands.add_parser("init", help=_INIT, description=f"{_INIT.capitalize()}.")
    _add_keys(first)
    _add_channel(first)
    for purpose, words in (("root", "names all keys"), ("publish", "publishes"), ("timestamp", "signs every month")):
        first.add_argument(
            f"--{purpose}-key",
            action="append",
            metavar="KEY",
            help=f"the key that {words}: {_KEY}",
        )
    first.add_argument("--root-threshold", type=int, default=1, help="so many root keys sign together (default: 1)")
    again = commands.add_parser("rotate", help=_ROTATE, description=f"{_ROTATE.capitalize()}.")
    _add_keys(again)
    again.add_argument("purpose", choices=sorted(SIGNS_FOR), help="which key is replaced")
    again.add_argument("--key", action="append", metavar="KEY", help=f"the new key: {_KEY}")


def run_keys(args: argparse.Namespace) -> int:
    """Make or replace keys."""
    if args.what == "init":
        given = {purpose: getattr(args, f"{purpose}_key") or ["file"] for purpose in SIGNS_FOR}
        keys = init(args.keys, args.channel, given, args.root_threshold)
        print(f"The keys of channel {keys.channel} are in {args.keys}: keep a copy of them in a safe place.")
        print(f"Give every device {args.keys / '1.root.json'} as index.trusted_root.")
        return 0
    keys = rotate(read_keys(args.keys), args.purpose, args.key or ["file"])
    print(f"Channel {keys.channel} has a new {args.purpose} key; `publish` or `sign` brings it to the devices.")
    return 0


def add_sign(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sign``."""
    _add_to(parser)
    parser.add_argument("--timestamp", action="store_true", help="with the timestamp key alone: what a schedule does")


def run_sign(args: argparse.Namespace) -> int:
    """Sign what is published once more, so that it does not expire."""
    keys = read_keys(args.keys)
    _warn_of_another_home(args)
    with open_place(args.to, args.endpoint_url) as place:
        channel = read_channel(place, keys)
        if channel.snapshot is None:
            raise UnavailableError(f"Nothing is published as channel {keys.channel} in {args.to}: publish first.")
        if args.timestamp:
            write_timestamp(place, channel, channel.snapshot, keys)
        else:
            write_channel(place, channel, channel.targets, keys)
            write_roots(place, channel, keys)
    what = "The timestamp" if args.timestamp else "Everything"
    print(f"{what} of channel {keys.channel} is signed anew: generation {channel.last} stays the newest.")
    print(f"Sign the timestamp again before {expiry(LIFE['timestamp']):%Y-%m-%d}.")
    if args.timestamp and channel.expires is not None:
        print(f"It alone is enough until {channel.expires:%Y-%m-%d}; before, `publish` or `sign` without --timestamp.")
    return 0


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``verify``."""
    _add_from(parser)
    parser.add_argument("--version", type=int, help="which generation (default: the newest)")
    add_json(parser)


def run_verify(args: argparse.Namespace) -> int:
    """Fetch and check a generation with the device's own code."""
    source, root = open_source(args.source, args.endpoint_url), _file(args.root)
    with Steps() as steps, TemporaryDirectory(prefix="lookalike-") as folder:
        done = verify(source, args.channel, root, Path(folder), steps.announce, args.version)
    report(f"Generation {done.generation} of channel {done.channel} is what a device accepts.", done, args.json)
    return 0


def add_copy(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``copy``."""
    _add_from(parser)
    parser.add_argument("--to", required=True, metavar="PLACE", help=f"{_PLACE}: what goes onto a USB stick")
    add_json(parser)


def run_copy(args: argparse.Namespace) -> int:
    """Carry the newest generation to another place as it is."""
    source, root = open_source(args.source, args.endpoint_url), _file(args.root)
    with Steps() as steps, open_place(args.to, args.endpoint_url) as place:
        done = copy(source, place, args.channel, root, steps.announce)
    report(f"Generation {done.generation} of channel {done.channel} is in {args.to}, too.", done, args.json)
    return 0


def _warn_of_another_home(args: argparse.Namespace) -> None:
    if said := another_home(args.keys, args.to):
        print(f"warning: {said}", file=sys.stderr)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read ({error.strerror}): give the root.json of a device.") from error


def _add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", required=True, metavar="PLACE", help=_PLACE)
    parser.add_argument("--endpoint-url", default="", metavar="URL", help="of an S3 that is not Amazon's")
    _add_keys(parser)


def _add_from(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", required=True, metavar="PLACE", help=_PLACE)
    parser.add_argument("--endpoint-url", default="", metavar="URL", help="of an S3 that is not Amazon's")
    parser.add_argument("--root", type=Path, required=True, help="the root.json that devices trust")
    _add_channel(parser)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="folder that `keys init` made")


def _add_channel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", default="stable", help="default: stable")
