"""The rules for every request and every answer: who may ask, and what a browser may do with what it gets."""

import ipaddress

from flask import Flask, Response, request

from dashboard.errors import ApiError

ROLES = ("kiosk", "operator")
"""Who may use a route: everybody at the device; who runs the shop, where the operator's pages are open."""
_HOST_NAMES = ("localhost", "127.0.0.1", "[::1]")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")


def register_security(app: Flask, port: int, operate: bool) -> None:
    """Check every request before its view, and complete every answer, errors included."""
    allowed = allowed_hosts(port)
    app.before_request(lambda: check_host(request.headers.get("Host", ""), allowed))
    app.before_request(lambda: _check_role(app, operate))
    app.before_request(_check_same_site)
    app.before_request(_check_body)
    app.after_request(_complete)


def _check_role(app: Flask, operate: bool) -> None:
    """Deny by default: a route without a role is for nobody, an operator's for who sits at the device."""
    if request.endpoint is None:
        return  # nothing is there, or not by this method: that is the answer
    role = getattr(app.view_functions[request.endpoint], "role", None)
    if role == "kiosk":
        return
    if role != "operator" or not operate:
        raise ApiError(403, "closed", "The operator's pages are closed on this device: 'operate' opens them.")
    if not _is_loopback(request.remote_addr) or any(name in request.headers for name in _FORWARDED):
        raise ApiError(403, "not_local", "The operator's pages are for the device's own screen alone.")


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def allowed_hosts(port: int) -> frozenset[str]:
    """The Host headers of the device itself: a page of another name that resolves to it (DNS rebinding) is refused."""
    with_port = {f"{name}:{port}" for name in _HOST_NAMES}
    return frozenset(with_port | set(_HOST_NAMES) if port == 80 else with_port)


def check_host(host: str, allowed: frozenset[str]) -> None:
    """Raise the refusal of a Host header that is not the device's own."""
    if host.lower() not in allowed:
        raise ApiError(
            421, "wrong_host", "This dashboard answers only to the device's own name: open http://localhost instead."
        )


def _check_same_site() -> None:
    """A page of another site must not change anything here, though the browser that shows it could reach us."""
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.headers.get('Host', '').lower()}"
    if site not in ("same-origin", "none") or (origin is not None and origin.lower() != own):
        raise ApiError(403, "cross_site", "Requests that come from another site's page are refused.")


_REFUSALS = {
    400: ("bad_request", "The address holds bytes that are not ASCII: send them percent-encoded."),
    408: ("too_slow", "The request's body did not arrive in time: send it again."),
    413: ("too_large", "The upload is too large: send a picture of at most 8 MB."),
    503: ("busy", "Too many uploads at the same time: try again in a moment."),
}


def _check_body() -> None:
    """The server's front has judged the body before anything read it; here its verdict becomes an answer."""
    status = request.environ.get("asgi.scope", {}).get("lookalike.refusal")
    if status is not None:
        code, message = _REFUSALS[status]
        raise ApiError(status, code, message)


def _complete(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    return response
