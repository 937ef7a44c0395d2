"""The bus of a Greengrass core device.

``link.py`` is one connection and the only module that knows awsiot, ``subscriptions.py`` keeps what was subscribed
standing, ``bus.py`` connects again for as long as it takes.
"""

from components.greengrass.bus import SOCKET_VARIABLE, TOKEN_VARIABLE, GreengrassBus

__all__ = ["SOCKET_VARIABLE", "TOKEN_VARIABLE", "GreengrassBus"]
