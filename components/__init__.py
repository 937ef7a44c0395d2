"""The Greengrass components that run on the device, and what they share."""
