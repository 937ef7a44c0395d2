"""The server's front: bodies are bounded before anything reads them, and a client's leaving is noticed."""

import asyncio
import tracemalloc
from typing import Any

from dashboard.front import Front

MEGABYTE = 2**20


class App:
    """An ASGI app that remembers what reached it."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.body = (await receive())["body"]


def serve(app: Any, parts: list[bytes], headers: list[tuple[bytes, bytes]]) -> list[str]:
    """One request whose body comes in ``parts``; tells when its client's leaving was noticed."""
    left: list[str] = []
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}
        return {"type": "http.disconnect"}

    async def send(_: dict[str, Any]) -> None:
        raise AssertionError("the front itself answers nothing")

    front = Front(app, 8 * MEGABYTE, lambda: left.append("left"))
    asyncio.run(front({"type": "http", "headers": headers}, receive, send))
    return left


CHUNKED = [(b"transfer-encoding", b"chunked")]


def test_body_within_the_bound_arrives_whole() -> None:
    app = App()
    serve(app, [b"ab", b"", b"cd"], CHUNKED)
    assert app.body == b"abcd"
    assert "lookalike.refusal" not in app.scope


def test_body_that_is_too_large_is_refused_and_not_kept() -> None:
    app = App()
    part = bytes(MEGABYTE)
    tracemalloc.start()
    serve(app, [part] * 40, CHUNKED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (app.scope["lookalike.refusal"], app.body) == (413, b"")
    assert peak < 20 * MEGABYTE


def test_announced_size_beyond_everything_is_refused_unread() -> None:
    app = App()
    serve(app, [bytes(10)], [(b"content-length", str(10**12).encode())])
    assert (app.scope["lookalike.refusal"], app.body) == (413, b"")


def test_client_that_leaves_is_noticed_while_its_answer_is_made() -> None:
    gone: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        gone.append(scope["lookalike.gone"]())

    assert serve(app, [], []) == ["left"]
    assert gone == [True]
