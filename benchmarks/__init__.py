"""Figures of speed and quality that anyone can run: ``python -m benchmarks``."""
