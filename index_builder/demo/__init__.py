"""Draws the demo catalog: shop items of invented brands, in a studio that exists only in numbers."""
