"""Checks a device and names each fault with its remedy; writes a support bundle without secrets, frames or vectors.

``finding.py`` is what a check says, the other modules are the checks, ``checkup.py`` does all of them, ``bundle.py``
packs what helps somebody far away. It needs nothing but Python; what is not installed is said to be missing.
"""
