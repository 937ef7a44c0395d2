"""What a publisher is told that was overtaken by another one."""

from components.core.errors import UnavailableError


class TakenError(UnavailableError):
    """Another publisher was faster; nothing of this one is seen by a device."""

    def __init__(self, where: object) -> None:
        super().__init__(
            f"{where} was changed meanwhile: another publisher was faster. What it published stands, nothing of this "
            "one is in use; publish again."
        )
