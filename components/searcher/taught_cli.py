"""``python -m components.searcher taught``: list, export, restore, erase what was taught, also while it is in use."""

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from components.core.errors import LookalikeError, UnavailableError
from components.core.taught import TaughtCatalog, TaughtItem, TaughtView
from components.searcher.configuration import SearcherConfiguration
from components.taught_archive import TaughtArchive, exported, read_archive, write_archive
from components.taught_store import TaughtStore

Say = Callable[[str], None]


def main(arguments: Sequence[str], say: Say, complain: Say) -> int:
    """Run one command; gives the exit code."""
    args = _parser().parse_args(arguments)
    store = TaughtStore(args.taught_dir, read_only=args.run in (_list, _export))
    try:
        args.run(args, store, say)
    except LookalikeError as error:
        complain(f"error: {error}")
        return 1
    finally:
        store.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m components.searcher taught", description=__doc__)
    default = Path(SearcherConfiguration().taught_dir)
    parser.add_argument("--taught-dir", type=Path, default=default, help=f"the searcher's taught_dir ({default})")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("list", help="the items, and how many views they have").set_defaults(run=_list)
    export = commands.add_parser("export", help="all items into one file: a backup, or for another device")
    export.set_defaults(run=_export)
    export.add_argument("file", type=Path)
    restore = commands.add_parser("restore", help="the items of such a file; what else was taught stays")
    restore.set_defaults(run=_restore)
    restore.add_argument("file", type=Path)
    restore.add_argument("--dry-run", action="store_true", help="verify the file and say what would change")
    erase = commands.add_parser("erase", help="everything that was taught, for good")
    erase.set_defaults(run=_erase)
    erase.add_argument("--yes", action="store_true", required=True, help="yes, without a way back")
    return parser


def _list(_: argparse.Namespace, store: TaughtStore, say: Say) -> None:
    taught = store.catalog()
    for item in taught.items.values():
        views = taught.views_of(item.item_id)
        waiting = sum(view.state == "quarantined" for view in views)
        more = f", {waiting} of them not confirmed yet" if waiting else ""
        say(f"{item.item_id}  {item.state}  {len(views)} views{more}  {item.title}")


def _export(args: argparse.Namespace, store: TaughtStore, say: Say) -> None:
    if not store.path.exists():
        raise UnavailableError(
            f"There is nothing in {store.path.parent}: no item was taught here, or name --taught-dir."
        )
    store.check()
    taught = exported(store.catalog())
    write_archive(args.file, taught, store.thumbnail)
    say(f"{args.file}: {len(taught.items)} items, {len(taught.views)} views")


def _restore(args: argparse.Namespace, store: TaughtStore, say: Say) -> None:
    archive = read_archive(args.file)
    items, views = differing(archive, store.catalog())
    verb = "would be" if args.dry_run else "are"
    if not args.dry_run and (items or views):
        store.change("restore", time.time(), items=items, views=views, thumbnails=archive.thumbnails)
    whole = archive.catalog
    say(f"{args.file} is whole: {len(whole.items)} items, {len(whole.views)} views")
    say(f"{len(items)} items and {len(views)} views {verb} added or changed; what else was taught stays")


def _erase(_: argparse.Namespace, store: TaughtStore, say: Say) -> None:
    store.erase()
    say("everything that was taught is erased")


def differing(archive: TaughtArchive, here: TaughtCatalog) -> tuple[list[TaughtItem], list[TaughtView]]:
    """What of an archive is not the same here already."""
    items = [item for item_id, item in archive.catalog.items.items() if here.items.get(item_id) != item]
    known = {view.view_id: dataclasses.replace(view, looked_like="") for view in here.views}
    views = [
        view for view in archive.catalog.views if known.get(view.view_id) != dataclasses.replace(view, looked_like="")
    ]
    return items, views
