"""Forward-auth without a proxy: what Traefik and Envoy are documented to send, and what no proxy should.

Traefik and Envoy themselves are not run: these are contract tests, with the headers that their documentation names.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opened
import pytest
from click.testing import CliRunner

from scrapeguard.cli import main
from scrapeguard.doors.forward_auth import ForwardAuth
from scrapeguard.errors import ConfigError

TABLES: dict[str, Any] = {
    "facts": {"trusted_proxies": ["127.0.0.1"]},
    "lists": {"deny": ["192.0.2.66"]},
    "evidence": {"directory": ""},
}
TOLD = ("x-sg-verdict", "x-sg-client", "x-sg-score", "x-sg-request-id")
NGINX = {"x-original-uri": "/a?b=c", "x-original-method": "GET"}
GENERIC = {"x-forwarded-uri": "/a?b=c", "x-forwarded-method": "GET"}
VISITOR = {"x-forwarded-for": "192.0.2.1"}
BLOCKED = {"x-forwarded-for": "192.0.2.66"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


Lines = list[tuple[str, str]]


def ask(
    app: ForwardAuth, target: str, headers: dict[str, str] | Lines, peer: str = "127.0.0.1", method: str = "GET"
) -> Answer:
    path, _, query = target.partition("?")
    lines = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines],
        "client": (peer, 50000),
        "server": ("127.0.0.1", 9000),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, *bodies = sent
    fields = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    assert len(fields) == len(dict(fields)), fields
    return Answer(start["status"], dict(fields), b"".join(it.get("body", b"") for it in bodies))


@pytest.fixture
def app() -> Iterator[ForwardAuth]:
    made = ForwardAuth(TABLES)
    yield made
    asyncio.run(made.guard.close())


def traefik(address: str, **more: str) -> dict[str, str]:
    """ForwardAuth of Traefik 3: the visitor's headers, and its own over them; Host is the decision service's."""
    return {
        "host": "127.0.0.1:9000",
        "user-agent": "curl/8.5.0",
        "accept": "*/*",
        "x-forwarded-for": address,
        "x-forwarded-host": "shop.example",
        "x-forwarded-method": "GET",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        "x-forwarded-server": "edge-1",
        "x-forwarded-uri": "/item/1?b=c",
        "x-real-ip": address,
    } | more


def envoy(address: str, **more: str) -> dict[str, str]:
    """ext_authz of Envoy with all headers allowed: the visitor's Host, and content-length 0 whatever the body was."""
    return {
        "host": "shop.example",
        "content-length": "0",
        "user-agent": "curl/8.5.0",
        "x-envoy-internal": "true",
        "x-forwarded-for": f"198.51.100.1, {address}",  # the first was written by the visitor
        "x-forwarded-proto": "https",
        "x-request-id": "5a9b4f6e-0000-4000-8000-000000000000",
    } | more


def test_traefik_gets_exactly_200_with_all_headers_or_the_refusal_itself(app: ForwardAuth) -> None:
    allowed = ask(app, "/check?mode=generic", traefik("192.0.2.1", **{"x-sg-verdict": "forged"}))
    assert allowed.status == 200
    assert (allowed.headers["x-sg-verdict"], allowed.headers["x-sg-client"]) == ("allow", "192.0.2.1")
    assert set(TOLD) <= set(allowed.headers)
    assert allowed.headers["cache-control"] == "no-store"
    refused = ask(app, "/check?mode=generic", traefik("192.0.2.66"))
    assert (refused.status, refused.headers["content-type"]) == (403, "application/problem+json")
    assert refused.headers["x-sg-incident"] == json.loads(refused.body)["reference"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_envoy_gets_exactly_200_with_all_headers_or_the_refusal_itself(app: ForwardAuth, method: str) -> None:
    allowed = ask(app, "/envoy/item/1?mode=nginx&b=c", envoy("192.0.2.1"), method=method)
    assert (allowed.status, allowed.headers["x-sg-client"]) == (200, "192.0.2.1")
    assert set(TOLD) <= set(allowed.headers)
    refused = ask(app, "/envoy/item/1?mode=nginx&b=c", envoy("192.0.2.66"), method=method)
    assert refused.status == 403
    assert (refused.body == b"") == (method == "HEAD")


def test_what_envoy_appends_to_its_prefix_is_the_visitors_target(tmp_path: Any) -> None:
    app = ForwardAuth(TABLES | {"evidence": {"directory": str(tmp_path)}})
    for target in ("/envoy/check?mode=generic", "/envoy/render", "/envoy//a%2Fb?x=%00"):
        assert ask(app, target, envoy("192.0.2.1"), method="PUT").status == 200
    asyncio.run(app.guard.close())
    asked = [it for it in opened.records(tmp_path) if it.get("k") == "request"]
    assert [it["who"]["path"] for it in asked] == ["/check", "/render", "//a%2Fb"]
    assert {(it["what"]["method"], it["what"]["host"]) for it in asked} == {("PUT", "shop.example")}


def test_traefik_says_which_host_the_visitor_used(tmp_path: Any) -> None:
    app = ForwardAuth(TABLES | {"evidence": {"directory": str(tmp_path)}})
    assert ask(app, "/check?mode=generic", traefik("192.0.2.1")).status == 200
    asyncio.run(app.guard.close())
    (record,) = [it for it in opened.records(tmp_path) if it.get("k") == "request"]
    assert (record["what"]["host"], record["who"]["path"], record["who"]["query"]) == ("shop.example", "/item/1", "b=c")


def test_nginx_gets_nothing_but_what_it_understands(app: ForwardAuth) -> None:
    for mode, status in (("nginx", 403), ("nginx-page", 401)):
        assert ask(app, f"/check?mode={mode}", NGINX | VISITOR).status == 200
        refused = ask(app, f"/check?mode={mode}", NGINX | BLOCKED | {"accept": "text/html"})
        assert (refused.status, refused.body, refused.headers["x-sg-status"]) == (status, b"", "403")
        assert set(TOLD) <= set(refused.headers)
        assert "www-authenticate" not in refused.headers
        assert ("x-sg-refusal" in refused.headers) == (status == 401)


def test_the_page_for_a_refusal_bears_its_reference_and_counts_nothing(app: ForwardAuth) -> None:
    refused = ask(app, "/check?mode=nginx-page", NGINX | BLOCKED)
    packed = refused.headers["x-sg-refusal"]
    page = ask(app, "/render", NGINX | BLOCKED | {"x-sg-refusal": packed})
    assert page.status == 403
    assert json.loads(page.body)["reference"] == refused.headers["x-sg-incident"]
    observed = ask(app, "/check?mode=nginx-page", NGINX | VISITOR)
    assert observed.status == 200


@pytest.mark.parametrize("peer", ["192.0.2.9", "", "unix", "::ffff:192.0.2.9"])
@pytest.mark.parametrize("target", ["/check?mode=generic", "/check?mode=nginx", "/render", "/envoy/a"])
def test_whoever_is_no_trusted_proxy_is_told_nothing(app: ForwardAuth, peer: str, target: str) -> None:
    answer = ask(app, target, NGINX | GENERIC | VISITOR, peer=peer)
    assert answer.status == 403
    assert not set(TOLD) & set(answer.headers)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/check", GENERIC | VISITOR),
        ("/check?mode=apache", GENERIC | VISITOR),
        ("/check?mode=generic", NGINX | VISITOR),  # a visitor's own X-Original-URI is no word of Caddy's
        ("/check?mode=nginx", GENERIC | VISITOR),
        ("/check?mode=generic", GENERIC),  # else all visitors would be one: the proxy
        ("/check?mode=generic", VISITOR | {"x-forwarded-uri": "/"}),
        ("/check?mode=generic", GENERIC | VISITOR | {"x-forwarded-method": "G T"}),
        ("/check?mode=generic", [*(GENERIC | VISITOR).items(), ("x-forwarded-uri", "/forged")]),
        ("/envoy/a", {}),
        ("/render", NGINX | VISITOR),
    ],
)
def test_a_proxy_that_leaves_something_out_lets_nobody_through(
    app: ForwardAuth, target: str, headers: dict[str, str] | Lines
) -> None:
    assert ask(app, target, headers).status == 403


@pytest.mark.parametrize(
    "packed",
    ["", "?", "A" * 9000, "[]", "[1,2]", '[9,"x",1,"r",[]]', '[4,"x","y","r",[]]', '[4,"x",1,"r",[1]]', "[" * 5000],
)
def test_a_refusal_that_we_did_not_write_renders_nothing_and_raises_nothing(app: ForwardAuth, packed: str) -> None:
    for value in (packed, base64.urlsafe_b64encode(packed.encode()).decode()):
        assert ask(app, "/render", NGINX | VISITOR | {"x-sg-refusal": value}).status == 403


@pytest.mark.parametrize("uri", ["", "*", "http://shop.example/a?b", "//", "?", "/\xff\x00%", "/" + "a" * 60_000])
def test_any_target_is_judged(app: ForwardAuth, uri: str) -> None:
    assert ask(app, "/check?mode=nginx", NGINX | VISITOR | {"x-original-uri": uri}).status == 200
    assert ask(app, "/check?mode=nginx", NGINX | BLOCKED | {"x-original-uri": uri}).status == 403


def test_a_probe_needs_no_trust_and_all_else_is_a_guard_without_a_site(app: ForwardAuth) -> None:
    assert ask(app, "/healthz", {}, peer="192.0.2.9").status == 200
    assert ask(app, "/robots.txt", {}, peer="192.0.2.66").status == 200
    assert ask(app, "/anything", {}, peer="192.0.2.9").status == 404
    assert ask(app, "/anything", {}, peer="192.0.2.66").status == 403


def test_nobody_can_ask_where_no_proxy_is_trusted() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        ForwardAuth({"evidence": {"directory": ""}})


def test_a_configuration_that_observes_lets_everybody_through() -> None:
    app = ForwardAuth(TABLES | {"guard": {"mode": "observe"}})
    assert ask(app, "/check?mode=nginx", NGINX | BLOCKED).status == 200


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    plain, ours = tmp_path / "plain.toml", tmp_path / "ours.toml"
    plain.write_text("", "utf-8")
    ours.write_text('[facts]\ntrusted_proxies = ["127.0.0.1"]\n', "utf-8")
    for words, said in (
        (["--config", str(plain)], "trusted_proxies"),
        (["--config", str(ours), "--listen", "nowhere"], "nowhere"),
    ):
        done = CliRunner().invoke(main, ["auth", *words])
        assert done.exit_code == 2
        assert said in done.output
