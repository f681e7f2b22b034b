"""Scopes as no server should make them: the guard never raises, and its log stays one JSON object a line."""

import asyncio
import json
from pathlib import Path
from typing import Any

from calling import call, guard, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

names = st.one_of(
    st.sampled_from(
        [b"user-agent", b"x-forwarded-for", b"forwarded", b"accept", b"cookie", b"referer", b"host", b"authorization"]
    ),
    st.binary(max_size=20),
)
values = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"1.2.3.4, ::1", b'for="[::1]:x";by=_;proto=', b"\xff" * 40])
)
paths = st.text(max_size=40)  # lone surrogates included
clients = st.one_of(
    st.none(),
    st.tuples(st.text(max_size=12), st.integers()),
    st.just(["127.0.0.1", 5]),
    st.just(("::ffff:192.0.2.1", 1)),
    st.just(("fe80::1%eth0", 1)),
    st.just(("/run/a.sock", None)),
    st.just(()),
)
scopes = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["http", "websocket"]),
        "method": st.sampled_from(["GET", "HEAD", "POST", "\ud800", ""]),
        "path": paths,
        "raw_path": st.one_of(st.none(), st.binary(max_size=40)),
        "query_string": st.binary(max_size=40),
        "headers": st.lists(st.tuples(names, values), max_size=12),
        "client": clients,
        "server": st.one_of(st.none(), st.just(("localhost", "80")), st.just(["h", None])),
        "scheme": st.sampled_from(["http", "https", "ws", ""]),
        "root_path": st.text(max_size=5),
    }
)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(st.lists(scopes, min_size=1, max_size=5), st.sampled_from([[], ["127.0.0.0/8", "::1"]]))
def test_no_scope_makes_the_guard_raise(tmp_path: Path, traffic: list[dict[str, Any]], trusted: list[str]) -> None:
    async def story() -> None:
        app = guard(tmp_path, facts={"trusted_proxies": trusted})
        for scope in traffic:
            assert await call(app, request() | scope)
        await app.close()

    asyncio.run(story())
    for file in tmp_path.rglob("*.jsonl"):
        for line in file.read_bytes().splitlines():
            assert line.startswith(b"~") or isinstance(json.loads(line), dict)


def test_a_scope_without_what_is_optional_is_served(tmp_path: Path) -> None:
    async def story() -> None:
        app = guard(tmp_path)
        scope = request(headers=[(b"user-agent", b"\xed\xa0\x80")])
        for name in ("raw_path", "root_path", "client", "server", "http_version", "scheme", "asgi"):
            scope.pop(name)
        scope["headers"] = tuple(scope["headers"])
        assert (await call(app, scope))[0]["status"] == 200
        await app.close()

    asyncio.run(story())


def test_the_app_sees_the_very_scope_the_server_made(tmp_path: Path) -> None:
    async def story() -> None:
        app, seen = guard(tmp_path), []

        async def app_that_looks(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope)
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

        app.app = app_that_looks
        scope = request()
        before = dict(scope)
        await call(app, scope)
        assert seen == [before]
        assert seen[0] is scope
        await app.close()

    asyncio.run(story())
