"""Where what was taught at cameras lies: the file that a device exported, or what the cloud received of all of them.

The cloud keeps ``<thing>/<epoch>/<first_seq>-<last_seq>.json``, a batch of events each; batches may overlap. An epoch
begins anew where a device lost its outbox; then it tells everything again.
"""

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from components.core.errors import BadContentError, FormatError
from components.core.outbox_documents import TAUGHT, Kept
from components.core.taught import TaughtCatalog
from components.core.taught_documents import Told, told
from components.taught_archive import read_archive
from index_builder.embedding import Failure
from index_builder.publish.folder_place import FolderPlace

MAX_BATCH_BYTES = 2**14
"""Of 4,500 that a device sends: what keeps them may write letters as \\uXXXX, and adds fields of its own."""
MAX_BATCHES = 2**17
_READERS = 16
_NAME = re.compile(r"([A-Za-z0-9:_-]{1,128})/([A-Za-z0-9_-]{1,64})/([0-9]{1,18})-([0-9]{1,18})\.json")


@dataclass(frozen=True)
class TaughtAt:
    """What was taught at one device."""

    place: str
    """Where it lies, for a person."""
    catalog: TaughtCatalog = field(default_factory=TaughtCatalog)
    thumbnails: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """sha256 -> WebP."""
    failures: tuple[Failure, ...] = ()
    """What is of no use, and why."""


class Batches(Protocol):
    """What the cloud has kept; paths are relative. Raises UnavailableError."""

    def written(self) -> dict[str, float]:
        """Every file, by its path, with when it was written: seconds since 1970."""

    def read(self, path: str, max_bytes: int) -> bytes:
        """The file; raises FormatError where it is larger."""


def taught_at(address: str) -> list[TaughtAt]:
    """What lies at ``address``, device by device: a file, a folder, or ``s3://bucket/prefix``.

    Raises FormatError for a file that is not whole, BadContentError where there is nothing. Of the cloud's, a device of
    which a batch cannot be read is a failure, and nothing of it is taken: the batch may say what is gone.
    """
    if not address.startswith("s3:") and not os.path.isdir(address):  # noqa: PTH112  # reading it says what is wrong
        archive = read_archive(Path(address))
        return [TaughtAt(address, archive.catalog, archive.thumbnails)]
    with _opened(address) as place, ThreadPoolExecutor(_READERS, thread_name_prefix="taught") as pool:
        newest = _newest(place.written())
        if not newest:
            raise BadContentError(
                f"{address} holds nothing that devices told of taught items; expected <thing>/<epoch>/<batch>.json, as "
                "below taught/ of the events' bucket, once send_taught of a device is set to embeddings."
            )
        if sum(map(len, newest.values())) > MAX_BATCHES:
            raise FormatError(
                f"{address} holds more than {MAX_BATCHES:,} batches, which is too many: copy those of fewer devices "
                "into a folder."
            )
        return [_device(address.rstrip("/"), place, newest[thing], pool) for thing in sorted(newest)]


@contextmanager
def _opened(address: str) -> Iterator[Batches]:
    if address.startswith("s3:"):
        from index_builder.publish.s3_place import s3_place  # it takes a second: a folder needs none of it

        with s3_place(address) as place:
            yield place
    else:
        yield FolderPlace(Path(address))


def _newest(written: Mapping[str, float]) -> dict[str, list[str]]:
    """The names of each thing's batches of the epoch that began last."""
    epochs: dict[str, dict[str, list[str]]] = {}
    for name in sorted(written):
        if found := _NAME.fullmatch(name):
            epochs.setdefault(found[1], {}).setdefault(found[2], []).append(name)
    return {thing: max(several.values(), key=lambda names: _times(names, written)) for thing, several in epochs.items()}


def _times(names: list[str], written: Mapping[str, float]) -> tuple[float, float]:
    """When an epoch began, and ended: S3 tells no parts of a second."""
    times = [written[name] for name in names]
    return min(times), max(times)


def _device(address: str, place: Batches, names: list[str], pool: ThreadPoolExecutor) -> TaughtAt:
    """What the batches with these ``names`` say."""
    where = f"{address}/{names[0].partition('/')[0]}"
    events: dict[int, Mapping[str, Any]] = {}
    for name, batch in zip(names, pool.map(lambda name: _batch(place, name), names), strict=True):
        if isinstance(batch, FormatError):
            why = f"nothing of this device is taken over, for {batch}"
            return TaughtAt(where, failures=(Failure("", f"{address}/{name}", why),))
        events |= batch.events
    said = told(events[seq] for seq in sorted(events))
    return TaughtAt(where, said.catalog, failures=_failures(said, where))


def _batch(place: Batches, name: str) -> Kept | FormatError:
    try:
        batch = Kept.of(place.read(name, MAX_BATCH_BYTES))
        if f"{batch.thing}/{batch.epoch}/{batch.first_seq}-{batch.last_seq}.json" != name or batch.kind != TAUGHT:
            raise FormatError(
                f"it says that it is {batch.kind} {batch.first_seq} to {batch.last_seq} of {batch.thing!r}"
            )
    except FormatError as error:
        return error
    return batch


def _failures(said: Told, where: str) -> tuple[Failure, ...]:
    return tuple(Failure(one.item_id, f"{where}#{one.name}", one.why) for one in said.unusable)
