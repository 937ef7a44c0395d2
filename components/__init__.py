"""The Greengrass components that run on the device, and what they share."""

import sys

# OpenVINO tells an analytics service on the Internet of every import; where this package is missing it does not.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # None is Python's own word for "not to be had"
