"""The rules: messages, configuration, generations and segments, matching.

The law of this folder: stdlib and numpy only; no file, socket, clock, thread or log.
``tests/test_imports.py`` holds it.
"""
