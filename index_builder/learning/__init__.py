"""Learns from a catalog's own pictures how items look to a camera: projection, vectors, probabilities."""
