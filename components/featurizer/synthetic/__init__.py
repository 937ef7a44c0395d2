"""A camera that exists only in numbers: it holds up the items of a catalog over a shop's counter."""

from components.featurizer.synthetic.camera import SyntheticCamera

__all__ = ["SyntheticCamera"]
