"""What a client is told when it cannot have what it asked for: one code, one sentence, the right HTTP status."""

import logging
from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

_SENTENCES = {
    400: "The request cannot be understood: check its fields.",
    404: "There is nothing at this address: the addresses are listed in the documentation.",
    405: "This address does not take that method: see the Allow header.",
    413: "The upload is too large: send a picture of at most 8 MB.",
}


class ApiError(Exception):
    """Answered as ``{"error": {"code", "message"}}`` with ``status``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.more = more or {}
        """What a page needs beside the sentence."""


def register_errors(app: Flask) -> None:
    """Have every error of ``app`` answered in one form."""
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)


def _answer(status: int, code: str, message: str, more: dict[str, Any] | None = None) -> Response:
    response = jsonify(error={"code": code, "message": message, **(more or {})})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _api_error(error: ApiError) -> Response:
    response = _answer(error.status, error.code, str(error), error.more)
    response.headers.update(error.headers)
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if 300 <= status < 400:
        return Response(error.get_body(), status, list(error.get_headers()))
    # Not http.HTTPStatus: its phrases are others in Python 3.13, and a code is part of the API.
    code = error.name.lower().replace(" ", "_")
    response = _answer(status, code, _SENTENCES.get(status, f"The answer is: {error.name}."))
    if allow := dict(error.get_headers()).get("Allow"):
        response.headers["Allow"] = allow
    return response


def _unforeseen(error: Exception) -> Response:
    log.error("A request failed in a way that nobody foresaw.", exc_info=error)
    return _answer(500, "internal_error", "The request failed inside the dashboard: its log says why.")
