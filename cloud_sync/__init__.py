"""The thin cloud side of a device; for now it counts what the device finds."""
