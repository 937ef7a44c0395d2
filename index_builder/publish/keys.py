"""A folder with the keys of one channel: PEM files or keys of AWS KMS, and every root.json that names them.

keys.json        the channel, and where each private key is: file:<name in this folder> or awskms:<key>
<N>.root.json    which public keys sign for what; devices are given 1.root.json, or a later one
*.pem            ECDSA P-256, readable by their owner alone
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from securesystemslib.signer import Key, Signer, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from cloud_sync.index.orders import CHANNEL
from components.core.errors import BadContentError, FormatError, LookalikeError, UnavailableError
from index_builder.publish.private_keys import make_key, read_part, sign, signer_of, write_part

ROOT_LIFE = timedelta(days=3650)
SIGNS_FOR = {"root": ("root",), "publish": ("targets", "snapshot"), "timestamp": ("timestamp",)}
"""The keys that a publisher has, and the roles of The Update Framework that each signs for."""
_ROOT_NAME = re.compile(r"([1-9][0-9]{0,5})\.root\.json")


@dataclass(frozen=True)
class Keys:
    """The keys of a channel."""

    folder: Path
    channel: str
    uris: dict[str, str]
    """Key id -> where the private key is."""
    roots: tuple[Metadata[Root], ...] = field(repr=False)
    """Every root from version 1 on."""

    @property
    def root(self) -> Root:
        """The newest one."""
        return self.roots[-1].signed

    def root_file(self, version: int) -> bytes:
        """The bytes of ``<version>.root.json``."""
        return read_part(self.folder / f"{version}.root.json")

    def signers(self, role: str, since: int = 0) -> list[Signer]:
        """Who signs for a role of TUF: so many keys as the newest root demands.

        ``since`` is the newest root that devices can have: where that is an older one, what signed under it signs too,
        if it can still be had, so that what is in force is understood before and after the new root arrives. Raises
        UnavailableError or FormatError where a key that is needed is not there.
        """
        found: list[Signer] = []
        problems: list[LookalikeError] = []
        for keyid in self.root.roles[role].keyids:
            try:
                found.append(self._signer(keyid, self.root.keys[keyid]))
            except LookalikeError as error:
                problems.append(error)
        if len(found) < self.root.roles[role].threshold:
            raise problems[0]
        former = self.roots[since - 1 : -1] if since else ()
        public = {keyid: root.signed.keys[keyid] for root in former for keyid in root.signed.roles[role].keyids}
        for keyid in public.keys() - set(self.root.roles[role].keyids):
            with suppress(LookalikeError):
                found.append(self._signer(keyid, public[keyid]))
        return found

    def _signer(self, keyid: str, public: Key) -> Signer:
        uri = self.uris.get(keyid)
        if uri is None or not isinstance(public, SSlibKey):
            raise UnavailableError(f"{self.folder / 'keys.json'} does not say where the private key {keyid[:12]} is.")
        return signer_of(uri, self.folder, public)


def init(folder: Path, channel: str, uris: dict[str, Sequence[str]], root_threshold: int = 1) -> Keys:
    """Make the keys of a new channel; ``uris`` has for each of SIGNS_FOR "file" or a key of KMS, several for "root".

    Raises BadContentError where the folder has keys already.
    """
    if not CHANNEL.fullmatch(channel):
        raise BadContentError(f"A channel cannot be called {channel!r}: use a to z, 0 to 9 and -, at most 32.")
    if _has_keys(folder):
        raise BadContentError(f"{folder} has the keys of a channel already: give a folder of its own to each channel.")
    root = Root(version=1, expires=expiry(ROOT_LIFE))
    made = Keys(folder, channel, {}, ())
    for purpose in SIGNS_FOR:
        for number, uri in enumerate(uris[purpose], 1):
            made = _with_key(made, root, purpose, uri, purpose if number == 1 else f"{purpose}-{chr(96 + number)}")
    if not 1 <= root_threshold <= len(root.roles["root"].keyids):
        raise BadContentError(f"{root_threshold} of {len(root.roles['root'].keyids)} root keys cannot sign together.")
    root.roles["root"].threshold = root_threshold
    made = replace(made, roots=(Metadata(root),))
    return _signed_root(made, [])


def rotate(keys: Keys, purpose: str, uris: Sequence[str]) -> Keys:
    """Give new keys to one of SIGNS_FOR, under a new root that the old root's keys and the new one's sign."""
    old = keys.signers("root")
    root = deepcopy(keys.root)
    root.version += 1
    root.expires = expiry(ROOT_LIFE)
    for role in SIGNS_FOR[purpose]:
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
    for number, uri in enumerate(uris, 1):
        name = f"{purpose}-{root.version}" + ("" if number == 1 else chr(96 + number))
        keys = _with_key(keys, root, purpose, uri, name)
    for role in SIGNS_FOR[purpose]:
        root.roles[role].threshold = min(root.roles[role].threshold, len(root.roles[role].keyids))
    return _signed_root(replace(keys, roots=(*keys.roots, Metadata(root))), old)


def read_keys(folder: Path, channel: str | None = None) -> Keys:
    """The keys in ``folder``, of the ``channel`` where one is named; raises BadContentError or FormatError."""
    if not _has_keys(folder):
        raise UnavailableError(f"{folder} holds no keys: make some with `python -m index_builder keys init`.")
    try:
        document = json.loads(read_part(folder / "keys.json"))
        of, uris = str(document["channel"]), {str(keyid): str(uri) for keyid, uri in document["keys"].items()}
        versions = sorted(int(name[1]) for path in folder.iterdir() if (name := _ROOT_NAME.fullmatch(path.name)))
        roots = [Metadata[Root].from_bytes(read_part(folder / f"{version}.root.json")) for version in versions]
    except (ValueError, KeyError, TypeError, AttributeError, RepositoryError) as error:
        raise FormatError(f"The keys in {folder} are damaged ({error!r}): restore them from your copy.") from error
    if not roots or [root.signed.version for root in roots] != list(range(1, len(roots) + 1)):
        raise FormatError(f"{folder} does not hold every root.json from 1 on: restore them from your copy.")
    if channel is not None and channel != of:
        raise BadContentError(
            f"{folder} holds the keys of channel {of}, not of {channel}: each channel has keys of its own, so that "
            "what is signed for one is never believed in another."
        )
    return Keys(folder, of, uris, tuple(roots))


def _has_keys(folder: Path) -> bool:
    try:
        (folder / "keys.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be read ({error.strerror}): keys are for their owner alone, so run this as that user."
        ) from error
    return True


def expiry(life: timedelta) -> datetime:
    """The moment in so much time, as metadata writes it."""
    return datetime.now(timezone.utc).replace(microsecond=0) + life


def _with_key(keys: Keys, root: Root, purpose: str, uri: str, name: str) -> Keys:
    uri, public = make_key(uri, keys.folder, name)
    for role in SIGNS_FOR[purpose]:
        root.add_key(public, role)
    return replace(keys, uris={**keys.uris, public.keyid: uri})


def _signed_root(keys: Keys, old: list[Signer]) -> Keys:
    """Sign the newest root and write it last: until then the keys in the folder are as they were."""
    root = keys.roots[-1]
    own = Keys(keys.folder, keys.channel, keys.uris, (root,)).signers("root")
    sign(root, {signer.public_key.keyid: signer for signer in (*old, *own)}.values())
    document = {"channel": keys.channel, "keys": keys.uris}
    write_part(keys.folder / "keys.json", (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())
    write_part(keys.folder / f"{root.signed.version}.root.json", root.to_bytes())
    return keys
