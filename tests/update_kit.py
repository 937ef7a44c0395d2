"""A publisher's place with signed generations, and a device that updates from it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from cloud_sync.index.orders import UPDATE, Orders, Outcome
from cloud_sync.index.pass_child import perform
from components.core.generations import Manifest, ModelRef, encode_manifest
from components.core.golden import Golden, encode_golden
from components.core.items import Item
from components.core.segments import Vectors
from components.featurizer.model import Model, Preprocessing, describe, identity
from components.index_state import IndexState, read_state
from components.store import Store
from tests.generations import DIM, items, unit_vectors, write_generation
from tests.object_place import write_tree
from tests.tuf_repository import TufRepository

XML, BIN = b"<net/>", b"weights"


class Publisher:
    """Builds generations, signs them and keeps them as the files of a publisher's place."""

    def __init__(self, folder: Path, channel: str = "stable") -> None:
        self.folder = folder
        self.store = Store(folder / "build")
        self.tuf = TufRepository(channel)
        self.place = folder / "place"

    @property
    def root(self) -> str:
        """The trusted root as a device's configuration holds it."""
        return self.tuf.trusted_root.decode()

    def build(self, seq: int, count: int = 40, **changes: object) -> Manifest:
        """A generation of ``count`` items, each with a picture, and golden queries; ``changes`` are the manifest's."""
        vectors = unit_vectors(count, seed=changes.pop("seed", 1))  # type: ignore[arg-type]
        several = [dataclasses.replace(item, thumbnail=self._picture(item)) for item in items(count)]
        changes = {"model": fake_model(self.store), "golden": self._golden(vectors, several), **changes}
        return write_generation(self.store, vectors, several, seq=seq, **changes)

    def offer(self, seq: int, count: int = 40, **changes: object) -> Manifest:
        """Build a generation, and publish it."""
        manifest = self.build(seq, count, **changes)
        self.publish(manifest)
        return manifest

    def publish(self, manifest: Manifest) -> None:
        """Sign ``manifest`` as it is, and write everything into the place."""
        self.tuf.offer(manifest.seq, encode_manifest(manifest))
        self.tuf.publish()
        self.write()

    def write(self) -> None:
        """Write the place anew."""
        write_tree(self.place, self.files())

    def files(self) -> dict[str, bytes]:
        """All files of the place."""
        objects = self.store.index_dir / "objects"
        return self.tuf.files | {
            f"objects/{path.relative_to(objects)}": path.read_bytes() for path in objects.glob("*/*")
        }

    def orders(self, index_dir: Path, **changes: object) -> Orders:
        """Orders for a device that updates from the place."""
        fields = {"source": str(self.place), "channel": self.tuf.channel, "trusted_root": self.root, **changes}
        return Orders(work=UPDATE, index_dir=str(index_dir), **fields)  # type: ignore[arg-type]

    def _picture(self, item: Item) -> str:
        return self.store.write_object(f"picture of {item.item_id}".encode()).sha256

    def _golden(self, vectors: Vectors, several: Sequence[Item]) -> object:
        ids = tuple(item.item_id for item in several[:4])
        return self.store.write_object(encode_golden(Golden(vectors[:4], ids))) if len(vectors) else None


class Said:
    """Collects the steps of a pass."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []

    def __call__(self, state: str, progress: int) -> None:
        self.steps.append((state, progress))

    @property
    def states(self) -> list[str]:
        """The states, each once, in their order."""
        return list(dict.fromkeys(state for state, _ in self.steps))


def passed(orders: Orders) -> Outcome:
    """One pass, here."""
    return perform(orders, Said())


def confirmed(index_dir: Path) -> None:
    """What the searcher's good news do."""
    from components.index_state import write_state

    write_state(index_dir, state_of(index_dir).confirmed())


def state_of(index_dir: Path) -> IndexState:
    """The device's state, which must be there."""
    state = read_state(index_dir)
    assert state is not None
    return state


def fake_model(store: Store, name: str = "net", dim: int = DIM) -> ModelRef:
    """A model of no network at all, that is whole all the same."""
    model = Model(name, "", dim, Preprocessing(), "Apache-2.0", "test", XML, BIN)
    description = describe(model)
    files = {"model.xml": XML, "model.bin": BIN, "model.json": description}
    refs = {name: store.write_object(data) for name, data in files.items()}
    digest = identity({name: ref.sha256 for name, ref in refs.items()}, Preprocessing())
    return ModelRef(name, digest, dim, "Apache-2.0", "test", refs)
