"""What waits on the disk for the cloud: written by the searcher, sent by cloud_sync.

``database.py`` is the file, which is begun anew where it is damaged; ``store.py`` is what is done with it.
"""

from components.outbox.store import Figures, Limits, Outbox, Waiting

__all__ = ["Figures", "Limits", "Outbox", "Waiting"]
