"""``make demo``: the main job on any machine, with no camera, cloud or account."""
