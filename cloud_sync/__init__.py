"""The thin cloud side of a device: counts what it finds, and tells the fleet how it is."""
