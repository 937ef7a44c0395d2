"""A channel's signed metadata in memory: a test changes any of it, signs again and writes it as files."""

from copy import deepcopy
from datetime import datetime, timedelta, timezone
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from cloud_sync.trust import CHANNEL_FIELD
from components.core.errors import FormatError, NotThereError

ROLES = ("root", "targets", "snapshot", "timestamp")


class TufRepository:
    """Change ``root``, ``targets``, ``snapshot``, ``timestamp`` or ``files`` (path -> bytes), then read by ``fetch``.

    ``publish`` does what a publisher does: it gives the next versions, signs and puts them into ``files``.
    """

    def __init__(self, channel: str = "stable") -> None:
        self.channel = channel
        self.signers: dict[str, list[CryptoSigner]] = {role: [CryptoSigner.generate_ecdsa()] for role in ROLES}
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        later = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
        self.root = Root(expires=later)
        self.targets, self.snapshot, self.timestamp = (
            Targets(expires=later, unrecognized_fields={CHANNEL_FIELD: channel}),
            Snapshot(expires=later),
            Timestamp(expires=later),
        )
        for role, signers in self.signers.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)
        self.write_root()
        self.trusted_root = self.files[self.path("1.root.json")]
        self.write()

    def path(self, name: str) -> str:
        """Where a file of the metadata lies."""
        return f"{self.channel}/metadata/{name}"

    def offer(self, seq: int, manifest: bytes) -> None:
        """Add a generation to what will be signed."""
        target = TargetFile.from_data(f"{seq}.json", manifest, ["sha256"])
        self.targets.targets[f"{seq}.json"] = target
        self.files[f"{self.channel}/targets/{target.hashes['sha256']}.{seq}.json"] = manifest

    def publish(self) -> None:
        """Sign all but the root under the next versions."""
        for signed in (self.targets, self.snapshot, self.timestamp):
            signed.version += 1
        self.write()

    def write(self) -> None:
        """Sign all but the root as it is."""
        targets = self.signed(self.targets)
        self.files[self.path(f"{self.targets.version}.targets.json")] = targets
        self.snapshot.meta["targets.json"] = MetaFile.from_data(self.targets.version, targets, ["sha256"])
        snapshot = self.signed(self.snapshot)
        self.files[self.path(f"{self.snapshot.version}.snapshot.json")] = snapshot
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, snapshot, ["sha256"])
        self.write_timestamp()

    def write_timestamp(self) -> None:
        """Sign the timestamp alone, as it is."""
        self.files[self.path("timestamp.json")] = self.signed(self.timestamp)

    def write_root(self, by: list[CryptoSigner] | None = None) -> None:
        """Sign the root as it is with its keys, or ``by`` these."""
        self.files[self.path(f"{self.root.version}.root.json")] = self.signed(self.root, by)

    def signed(self, content: Root | Targets | Snapshot | Timestamp, by: list[CryptoSigner] | None = None) -> bytes:
        """The file of ``content``, signed with its role's keys or ``by`` these."""
        metadata = Metadata(deepcopy(content))
        for signer in self.signers[content.type] if by is None else by:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def rotate(self, role: str, signers: list[CryptoSigner], threshold: int = 1) -> None:
        """A new root in which ``signers`` sign for ``role``, signed by the old root's keys and the new one's."""
        by = list(self.signers["root"])
        for signer in self.signers[role]:
            self.root.revoke_key(signer.public_key.keyid, role)
        for signer in signers:
            self.root.add_key(signer.public_key, role)
        self.root.roles[role].threshold = threshold
        self.signers[role] = signers
        self.root.version += 1
        self.write_root(by + [signer for signer in self.signers["root"] if signer not in by])

    def fetch(self, path: str, max_bytes: int) -> bytes:
        """As a device's source reads it."""
        self.asked.append(path)
        if path not in self.files:
            raise NotThereError(f"{path} is not there.")
        if len(self.files[path]) > max_bytes:
            raise FormatError(f"{path} is larger than {max_bytes} bytes.")
        return self.files[path]

    def write_to(self, folder: Path) -> None:
        """Put the files into a folder, as a publisher's place."""
        for path, data in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


def days_ago(days: float) -> datetime:
    """A moment in the past, as metadata writes it."""
    return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=days)
