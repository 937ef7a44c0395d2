"""The featurizer's status names what is not well, so that the fleet can be told in the predecessors' words."""

from components.featurizer.health import Health


def test_concerns_name_what_is_not_well() -> None:
    health = Health()
    assert health.concerns == ""
    health.note("model", "The model cannot be read.")
    health.note("camera", "The camera is away.")
    assert health.concerns == "camera model"
    health.note("model", "")
    assert health.concerns == "camera"
