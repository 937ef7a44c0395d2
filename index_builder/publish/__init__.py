"""Brings generations to devices: signed metadata, keys, and the places (S3, folder, tar) that hold them."""
