"""The errors with which a nucleus answers a request."""

from components.core.errors import LookalikeError


class RpcError(LookalikeError):
    """A request was refused; ``kind`` is the error's name in the service model, without its namespace."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class DropConnectionError(LookalikeError):
    """A request was so wrong that the nucleus closes the connection, without an answer."""


def unauthorized(operation: str, resource: str) -> RpcError:
    """The component's recipe does not allow ``operation`` on ``resource``."""
    return RpcError("UnauthorizedError", f"{operation} is not allowed on {resource}; see accessControl in the recipe.")


def invalid(problem: str) -> RpcError:
    """The request's arguments are wrong."""
    return RpcError("InvalidArgumentsError", problem)
