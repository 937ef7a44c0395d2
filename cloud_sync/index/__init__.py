"""A device's index: fetched, tried, put to use, kept whole. A pass runs in a process of its own: see pass_child."""
