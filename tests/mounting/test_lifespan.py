"""The app's own start and end go through the guard as they are."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from scrapeguard import ScrapeGuard


def run(app: Any, folder: Path, said: Iterable[str] = ("lifespan.startup", "lifespan.shutdown")) -> list[str]:
    """What a server hears when it says these things to a guarded app."""
    heard: list[str] = []
    messages = iter(said)

    async def receive() -> dict[str, str]:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        heard.append(message["type"])

    guarded = ScrapeGuard(app, {"evidence": {"directory": str(folder)}})
    asyncio.run(guarded({"type": "lifespan", "state": {}}, receive, send))
    return heard


def test_an_app_that_knows_no_lifespan_is_answered_for(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError(f"only HTTP is served here, not {scope['type']}")

    assert run(app, tmp_path) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_an_app_that_passes_over_a_lifespan_is_answered_for_and_its_evidence_closed(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})

    assert run(app, tmp_path) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert any(b'"k":"close"' in file.read_bytes() for file in tmp_path.rglob("*.jsonl"))


def test_the_evidence_is_closed_before_the_server_hears_that_all_is_done(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    async def receive() -> dict[str, str]:
        return {"type": "lifespan"}

    def is_closed() -> bool:
        return any(b'"k":"close"' in file.read_bytes() for file in tmp_path.rglob("*.jsonl"))

    async def send(message: Any) -> None:
        closed.append(is_closed())

    closed: list[bool] = []
    asyncio.run(ScrapeGuard(app, {"evidence": {"directory": str(tmp_path)}})({"type": "lifespan"}, receive, send))
    assert closed == [False, True]


def test_a_start_that_fails_is_not_hidden(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        run(app, tmp_path)


def test_a_start_that_says_it_failed_is_passed_on(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    assert run(app, tmp_path) == ["lifespan.startup.failed"]


def test_the_apps_state_is_the_servers(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    assert run(app, tmp_path) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert seen == [{"type": "lifespan", "state": {}}]


def test_a_scope_of_a_kind_yet_unknown_is_passed_on(tmp_path: Path) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def story() -> None:
        guarded = ScrapeGuard(app, {"evidence": {"directory": str(tmp_path)}})
        await guarded({"type": "webtransport"}, None, None)  # type: ignore[arg-type]
        await guarded.close()

    asyncio.run(story())
    assert seen == ["webtransport"]
