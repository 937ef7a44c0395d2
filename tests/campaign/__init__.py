"""A campaign against the whole product: its real processes, started by the stand-in nucleus from the recipes, suffer
faults that come from outside (``faults.py``), signals under load (``signals.py``) and all that can happen to an update
(``updates.py``).

``python -m tests.campaign`` runs all of it and prints a table; ``tests/test_campaign.py`` is the short version.
"""
