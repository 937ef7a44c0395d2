"""The kiosk page and the HTTP API of the device."""
