"""The groceries as catalogs: all of them or some, with the photos to teach of all of them or of some."""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import GROCERY
from components.featurizer.sources.labels import Photo, read_photo_list


@dataclass(frozen=True)
class Groceries:
    """A folder with catalog.csv, and photos.csv whose column ``use`` says ``teach`` or ``query``."""

    folder: Path = GROCERY

    @property
    def studio_pictures(self) -> list[Photo]:
        """One of each item, in the catalog's order."""
        return [Photo(self.folder / row["image"], row["item_id"]) for row in self._rows()]

    def write_catalog(self, path: Path, taught: Collection[str], without: Collection[str] = ()) -> Path:
        """A catalog that lacks the items ``without``, with the photos to teach of ``taught``; gives ``path``."""
        views: dict[str, list[str]] = {}
        for photo in read_photo_list(self.folder / "photos.csv", "teach"):
            views.setdefault(photo.item_id or "", []).append(str(photo.path.absolute()))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["item_id", "title", "category", "image", "views"])
            for row in self._rows():
                item_id = row["item_id"]
                if item_id not in without:
                    image = str((self.folder / row["image"]).absolute())
                    photos = "|".join(views.get(item_id, []) if item_id in taught else [])
                    writer.writerow([item_id, row["title"], row["category"], image, photos])
        return path

    def _rows(self) -> list[dict[str, str]]:
        with (self.folder / "catalog.csv").open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
