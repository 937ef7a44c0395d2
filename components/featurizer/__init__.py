"""Camera to published query: capture, gate, embed, publish."""

import os

# OpenCV reads this once, when it is imported: a second line of defence behind components/picture_header.py.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "33554432")
