"""The offline tool: makes a model, a catalog's index generation, and says how good it is."""

import components  # noqa: F401  # before OpenVINO: it keeps it from speaking to the network
