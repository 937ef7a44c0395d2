"""A small stand-in for the Greengrass nucleus: runs the components of recipes/ and speaks the real IPC protocol."""
