"""What there is to learn from: a catalog's raw embeddings, apart by where they come from."""

from dataclasses import dataclass, field, replace

import numpy as np

from components.core.segments import Vectors
from index_builder.learning.discriminant import Labels, unit

ENOUGH_FOR_A_MEAN = 20


@dataclass(frozen=True)
class Domain:
    """Raw embeddings of one kind of picture, (n, raw_dim), and the number of the item that each one shows, (n,)."""

    embeddings: Vectors = field(repr=False)
    items: Labels = field(repr=False)

    def __len__(self) -> int:
        return len(self.items)

    def where(self, chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> "Domain":
        """The part of it that ``chosen``, (n,), says."""
        return Domain(self.embeddings[chosen], self.items[chosen])

    def without(self, items: Labels) -> "Domain":
        """What shows none of ``items``."""
        return self.where(~np.isin(self.items, items))


@dataclass(frozen=True)
class Material:
    """Studio pictures, the camera views that were rendered of them, and photos that a camera took."""

    studio: Domain
    rendered: Domain
    picture: Labels = field(repr=False)
    """Shape (len(rendered),): which of ``studio`` each one was rendered from."""
    camera: Domain
    items: int
    """How many items there are; they are numbered from 0."""

    def means(self) -> tuple[Vectors, Vectors, Vectors]:
        """The means of studio pictures, rendered views and photos, (raw_dim,) each; a near one where there are few."""
        zero = np.zeros(self.studio.embeddings.shape[1], np.float32)
        studio = _mean(self.studio, zero)
        rendered = _mean(self.rendered, studio)
        return studio, rendered, _mean(self.camera, rendered, ENOUGH_FOR_A_MEAN)

    def centered(self) -> "Material":
        """Every domain around its own mean, scaled to unit length."""
        domains = (self.studio, self.rendered, self.camera)
        studio, rendered, camera = (
            Domain(unit(domain.embeddings - mean), domain.items)
            for domain, mean in zip(domains, self.means(), strict=True)
        )
        return replace(self, studio=studio, rendered=rendered, camera=camera)


def _mean(domain: Domain, otherwise: Vectors, enough: int = 1) -> Vectors:
    return np.asarray(domain.embeddings.mean(axis=0), np.float32) if len(domain) >= enough else otherwise
