"""``python -m cloud_sync import|status|rollback|scrub``: what a person does with the index of the device in reach."""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.index.orders import CHANNEL, LATEST, SCRUB, UPDATE, VERSION, Orders, Outcome
from cloud_sync.index.transitions import go_back
from components.core.errors import ConfigurationError, UnavailableError
from components.index_state import IndexState, read_state
from components.store import Store

_GOOD = ("idle", "trial")
_KEPT_ROOT = "root.json"
_More = Callable[[argparse.ArgumentParser], object]


def bring(arguments: Sequence[str]) -> int:
    """``import``: bring a generation from a place, as an update would."""
    args = _parser("import", "bring a generation from a place, as an update would", _bring_options).parse_args(
        arguments
    )
    if not (VERSION.fullmatch(args.version) and CHANNEL.fullmatch(args.channel)):
        raise ConfigurationError(
            f"There is no version {args.version!r} of a channel {args.channel!r}: a version is latest or a number "
            "from 1 on, a channel has a to z, 0 to 9 and -."
        )
    _require_readable(args.index_dir)
    kept = args.index_dir / "tuf" / args.channel / _KEPT_ROOT
    if args.trusted_root is None and not kept.exists():
        raise UnavailableError(
            f"This device has never had anything of channel {args.channel}: name the root.json that you trust with "
            "--trusted-root."
        )
    orders = Orders(
        work=UPDATE,
        index_dir=str(args.index_dir),
        source=args.place,
        endpoint_url=args.endpoint_url,
        channel=args.channel,
        version=args.version,
        trusted_root=str((args.trusted_root or kept).absolute()),
        keep_free_bytes=args.keep_free_mbytes * 1_000_000,
        again=True,
    )
    with _left_to_its_owner(args.index_dir):
        outcome = _perform(orders)
    active = Store(args.index_dir).active()
    if outcome.state == "trial":
        print(
            f"Generation {active} is active. The searcher takes it up within seconds; if it is not well, it goes again."
        )
    elif outcome.state == "idle":
        print(f"Generation {active} is active already: there was nothing to do.")
    return _end(outcome)


def scrub(arguments: Sequence[str]) -> int:
    """``scrub``: read the whole index, and repair what is damaged."""
    args = _parser("scrub", "read the whole index, and repair what is damaged", _scrub_options).parse_args(arguments)
    _require_index(args.index_dir)
    with _left_to_its_owner(args.index_dir):
        outcome = _perform(Orders(work=SCRUB, index_dir=str(args.index_dir), source=args.place))
    if outcome.state == "idle" and not outcome.reason:
        print("Everything is whole.")
    return _end(outcome)


def rollback(arguments: Sequence[str]) -> int:
    """``rollback``: the previous generation is active again, and the active one is refused."""
    args = _parser(
        "rollback", "go back to the previous generation, and refuse the active one until it is imported"
    ).parse_args(arguments)
    _require_index(args.index_dir)
    with _left_to_its_owner(args.index_dir):
        print(f"Generation {go_back(args.index_dir)} is active again.")
    return 0


def status(arguments: Sequence[str]) -> int:
    """``status``: which generations there are, and what became of others."""
    args = _parser("status", "say which generations there are, and what became of others", _status_options).parse_args(
        arguments
    )
    _require_readable(args.index_dir)
    state = read_state(args.index_dir)
    if args.json:
        print(json.dumps(None if state is None else dataclasses.asdict(state), indent=1))
    else:
        print("\n".join(_lines(state, Store(args.index_dir))))
    return 0


def _require_readable(index_dir: Path) -> None:
    """Else what is there would pass for nothing."""
    try:
        os.scandir(index_dir).close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnavailableError(
            f"{index_dir} cannot be read ({error.strerror}): name the device's index with --index-dir, and run this as "
            "its user or as root."
        ) from error


def _require_index(index_dir: Path) -> None:
    _require_readable(index_dir)
    if Store(index_dir).active() is None:
        raise UnavailableError(f"There is no index in {index_dir}: name the device's with --index-dir.")


def _lines(state: IndexState | None, store: Store) -> list[str]:
    if state is None:
        seq = store.active()
        said = "no generation" if seq is None else f"generation {seq}, the newest"
        return [f"No update has been here yet: {said} is in use in {store.index_dir}."]
    trial = " on trial" if state.trial else ""
    named = {"active": state.active, "previous": state.previous, "staged": state.staged}
    lines = [f"{name:<9} {'-' if seq is None else seq}" for name, seq in named.items()]
    lines[0] += f"{trial} (channel {state.channel or 'unknown'})"
    marks = ", ".join(f"{channel} {seq}" for channel, seq in sorted(state.high_water_mark.items()))
    lines.append(f"newest    {marks or '-'}")
    return lines + [f"refused   {seq}: {refusal.reason}" for seq, refusal in state.refused.items()]


def _perform(orders: Orders) -> Outcome:
    # Only here: it takes a second, and the component does it in a process of its own.
    from cloud_sync.index.pass_child import perform

    said = ""

    def say(state: str, progress: int) -> None:
        nonlocal said
        text = f"{state} {progress} %" if state == "fetching" else state
        if text != said and sys.stderr.isatty():
            print(text, file=sys.stderr)
        said = text

    return perform(orders, say)


def _end(outcome: Outcome) -> int:
    if outcome.reason:
        print(f"error: {outcome.reason}", file=sys.stderr)
    return 0 if outcome.state in _GOOD and not outcome.reason else 1


@contextlib.contextmanager
def _left_to_its_owner(index_dir: Path) -> Iterator[None]:
    """What root makes in the block is the index's owner's after it: the component must be able to change it."""
    try:
        yield
    finally:
        if os.geteuid() == 0 and index_dir.exists():
            owner = index_dir.stat()
            for path in index_dir.rglob("*"):
                if path.lstat().st_uid == 0 != owner.st_uid:
                    os.lchown(path, owner.st_uid, owner.st_gid)


def _parser(name: str, does: str, more: _More = lambda parser: None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m cloud_sync {name}", description=f"{does.capitalize()}.")
    default = Path(CloudSyncConfiguration().index_dir)
    more(parser)
    parser.add_argument("--index-dir", type=Path, default=default, metavar="DIR", help="default: %(default)s")
    return parser


def _bring_options(parser: argparse.ArgumentParser) -> None:
    settings = CloudSyncConfiguration()
    add = parser.add_argument
    add("place", metavar="PLACE", help="a folder, a tar file, or s3://bucket/prefix")
    add("--channel", default=settings.index.channel, help="default: %(default)s")
    add("--version", default=LATEST, help="latest, or the number of a generation; default: %(default)s")
    add("--trusted-root", type=Path, metavar="FILE", help="a root.json of the channel; default: the device's own")
    add("--endpoint-url", default="", metavar="URL", help="of an S3 that is not Amazon's")
    add("--keep-free-mbytes", type=int, default=settings.keep_free_mbytes, metavar="N", help="default: %(default)s")


def _status_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for a program")


def _scrub_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="place", default="", metavar="PLACE", help="where to fetch what is damaged from")
