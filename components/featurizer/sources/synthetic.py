"""Painted items of a catalog as a camera: for a demonstration without any."""

from pathlib import Path

from components.featurizer.frame import Source
from components.featurizer.sources.address import Address
from components.featurizer.synthetic import SyntheticCamera


def synthetic_source(address: Address) -> Source:
    """``synthetic:CATALOG``, with ``fps`` and ``seed``."""
    address.check_options("fps", "seed")
    return SyntheticCamera(
        Path(address.require_path("the path of a catalog")),
        fps=address.number("fps", 10, 0.1, 60),
        seed=int(address.number("seed", 0, 0, 2**31)),
    )
