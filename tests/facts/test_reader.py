"""From a request or a log line to Facts: whatever it says, it is read, and what is not seen is None."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.errors import ConfigError
from scrapeguard.facts.logged import LogEntry
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.model import Agent, Facts, Headers, Resource

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"


def reader(**settings: Any) -> FactsReader:
    return FactsReader(FactsSettings(**settings), lambda host, agent, path: "")


def scope(*headers: tuple[str, str], **other: Any) -> dict[str, Any]:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in (("host", "Shop.Example:8443"), *headers)]
    return {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/a b/1",
        "raw_path": b"/a%20b/1",
        "query_string": b"x=%C3%BC&utm_source=y",
        "headers": pairs,
        "client": ("203.0.113.9", 4711),
    } | other


def read(*headers: tuple[str, str], settings: dict[str, Any] | None = None, **other: Any) -> Facts:
    return reader(**(settings or {})).read(scope(*headers, **other), 1_700_000_000_000_000)


def test_an_ordinary_request_is_read() -> None:
    facts = read(("user-agent", CHROME), ("accept", "text/html"), ("referer", "https://shop.example/"))
    assert (facts.time, facts.method, facts.scheme, facts.host) == (
        1_700_000_000_000_000,
        "GET",
        "https",
        "shop.example",
    )
    assert (facts.path, facts.query, facts.object) == ("/a%20b/1", "x=%C3%BC&utm_source=y", "/a%20b/1?x=%C3%BC")
    assert (facts.resource, facts.referer, facts.websocket) == (Resource.PAGE, "https://shop.example/", False)
    assert (facts.client.address, facts.agent.name if facts.agent else "") == ("203.0.113.9", "Chrome")
    assert (facts.credential, facts.forbidden, facts.trapped, facts.has_assets) == (None, "", False, None)
    assert facts.headers is not None
    assert facts.fingerprint is not None


def test_what_is_seen_and_empty_is_not_what_cannot_be_seen() -> None:
    facts = read(headers=[])
    assert (facts.host, facts.referer) == ("", "")
    assert facts.agent is not None
    assert (facts.agent.raw, facts.agent.kind) == ("", "unknown")
    assert facts.fingerprint is not None


@pytest.mark.parametrize(
    ("raw_path", "path", "seen"),
    [
        (None, "/a b/ü%", "/a%20b/%C3%BC%25"),
        (b"", "/x", "/x"),
        (b"/a%2Fb", "/a/b", "/a%2Fb"),
        (b"/x?q=1", "/x", "/x"),
        (b"/\xff", "/\ufffd", "/\xff"),
        (None, "/\udcff", "/%3F"),
        (b"*", "*", "*"),
    ],
)
def test_the_path_is_what_was_sent_with_every_server(raw_path: bytes | None, path: str, seen: str) -> None:
    given_ = scope(path=path, raw_path=raw_path)
    if raw_path is None:
        del given_["raw_path"]
    assert reader().read(given_, 0).path == seen


def test_a_websocket_is_read_with_the_scheme_of_its_page() -> None:
    asked = scope(type="websocket", scheme="wss")
    del asked["method"]
    facts = reader().read(asked, 0)
    assert (facts.method, facts.scheme, facts.websocket) == ("GET", "https", True)


@pytest.mark.parametrize(
    ("sent", "host"),
    [
        ("Example.ORG", "example.org"),
        ("example.org:80", "example.org"),
        ("[2001:DB8::1]:80", "[2001:db8::1]"),
        ("a_b.example", "a_b.example"),
        ("evil.example/path", ""),
        ("<script>", ""),
        ("x" * 9000, ""),
        ("a b", ""),
        ("a:b:c", ""),
    ],
)
def test_a_host_is_a_host_or_nothing(sent: str, host: str) -> None:
    assert read(headers=[(b"host", sent.encode())]).host == host


def test_a_trusted_proxy_tells_scheme_host_and_handshake_and_a_stranger_does_not() -> None:
    told = (("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "http"), ("x-forwarded-host", "Front.example"))
    settings = {"trusted_proxies": ("203.0.113.9",), "tls_fingerprint_header": "X-JA4"}
    facts = read(*told, settings=settings)
    assert (facts.client.address, facts.scheme, facts.host) == ("198.51.100.7", "http", "front.example")
    stranger = read(*told, settings=settings, client=("192.0.2.1", 1))
    assert (stranger.client.address, stranger.scheme, stranger.host) == ("192.0.2.1", "https", "shop.example")
    assert read(*told, ("x-ja4", "t13d"), settings=settings).fingerprint != facts.fingerprint
    assert (
        read(*told, ("x-ja4", "t13d"), settings=settings, client=("192.0.2.1", 1)).fingerprint == stranger.fingerprint
    )


def test_a_scheme_nobody_knows_is_unknown() -> None:
    assert (
        read(
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "gopher"),
            settings={"trusted_proxies": ("::/0", "0.0.0.0/0")},
        ).scheme
        is None
    )


def test_credentials_become_digests_that_tell_sessions_apart_and_nothing_else() -> None:
    one = reader(session_cookies=("sid",))
    first, again, other, none = (
        one.read(scope(("cookie", cookie)), 0).credential
        for cookie in ("a=b; sid=secret", "sid=secret; theme=dark", "sid=other", "sidx=secret; sid=; xsid=1")
    )
    assert first == again
    assert first is not None
    assert len({first, other, None}) == 3
    assert none is None
    assert "secret" not in first
    assert one.read(scope(("authorization", "Bearer secret")), 0).credential not in (None, first)
    assert one.read(scope(("x-api-key", "k")), 0).credential is not None


def test_a_credential_digest_is_keyed_and_only_a_secret_makes_it_last() -> None:
    def digest(secret: str) -> str | None:
        return read(("authorization", "Bearer x"), settings={"secret": secret}).credential

    assert digest("") != digest("")
    assert digest("one") == digest("one")
    assert digest("one") != digest("two")


def test_a_request_is_trapped_where_the_operator_laid_a_trap() -> None:
    settings = {"traps": ("/trap/*", "/hidden.html")}
    assert [read(settings=settings, raw_path=path).trapped for path in (b"/trap/x/y", b"/hidden.html")] == [True, True]
    assert [read(settings=settings, raw_path=path).trapped for path in (b"/trap", b"/hiddenxhtml")] == [False, False]
    with pytest.raises(ConfigError, match="begin with a slash"):
        reader(traps=("trap/*",))


def test_the_robots_rule_is_asked_for_host_agent_and_path_with_query() -> None:
    asked: list[tuple[str | None, str, str]] = []

    def forbidden(host: str | None, agent: Agent, path: str) -> str:
        asked.append((host, agent.token, path))
        return "Disallow: /a"

    facts = FactsReader(FactsSettings(), forbidden).read(scope(("user-agent", "Googlebot/2.1")), 0)
    assert facts.forbidden == "Disallow: /a"
    assert asked == [("shop.example", "Googlebot", "/a%20b/1?x=%C3%BC&utm_source=y")]


def test_references_are_short_plain_and_never_the_same() -> None:
    one = reader()
    seen = {one.read(scope(), 0).reference for _ in range(5_000)} | {
        reader().read(scope(), 0).reference for _ in range(50)
    }
    assert len(seen) == 5_050
    assert all(
        len(reference) == 14 and set(reference) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-") for reference in seen
    )


LINE = LogEntry(
    time=1_431_857_025_000_000,
    address="198.51.100.7",
    port=None,
    method="GET",
    target="/item/7?page=2",
    host=None,
    scheme=None,
    agent=CHROME,
    referer="",
    headers=None,
    user=None,
    status=200,
    bytes=512,
    micros=None,
    line=17,
)


def test_a_log_line_is_read_and_what_it_does_not_hold_is_none() -> None:
    facts = reader().read_log(LINE)
    assert (facts.time, facts.reference, facts.path, facts.query) == (1_431_857_025_000_000, "L17", "/item/7", "page=2")
    assert (facts.client.key, facts.client.network, facts.client.source) == ("198.51.100.7", "198.51.100.0/24", "log")
    assert (facts.scheme, facts.host, facts.headers, facts.fingerprint, facts.credential) == (None,) * 5
    assert (facts.forbidden, facts.referer) == ("", "")
    without = reader().read_log(replace(LINE, agent=None, referer=None))
    assert (without.agent, without.forbidden, without.referer) == (None, None, None)


def test_a_log_line_and_the_request_it_tells_of_give_the_same_facts() -> None:
    live = reader().read(
        scope(("user-agent", CHROME), raw_path=b"/item/7", query_string=b"page=2", client=("198.51.100.7", 1)), 0
    )
    logged = reader().read_log(LINE)
    for name in ("method", "path", "query", "resource", "object", "agent", "forbidden", "trapped", "has_assets"):
        assert getattr(live, name) == getattr(logged, name), name
    assert live.client.key == logged.client.key


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        ("http://Other.example:80/x?y=1", "other.example", "/x", "y=1"),
        ("https://other.example", "other.example", "/", ""),
        ("*", "shop.example", "*", ""),
        ("", "shop.example", "/", ""),
        ("/x#top", "shop.example", "/x", ""),
        ("\\x16\\x03\\x01", "shop.example", "\\x16\\x03\\x01", ""),
        ("//evil.example/x", "shop.example", "//evil.example/x", ""),
        ("other.example:443", "shop.example", "other.example:443", ""),
    ],
)
def test_any_target_of_a_log_is_read(target: str, host: str, path: str, query: str) -> None:
    facts = reader().read_log(replace(LINE, target=target, host="Shop.example"))
    assert (facts.host, facts.path, facts.query) == (host, path, query)


def test_a_name_instead_of_an_address_is_counted_under_that_name() -> None:
    facts = reader().read_log(replace(LINE, address="crawl-66-249-66-1.example"))
    assert facts.client.key == "crawl-66-249-66-1.example"
    assert facts.subject("network") is None
    assert reader().read_log(replace(LINE, address="-")).subject("address") is None


def test_the_user_of_a_log_is_a_credential_by_digest() -> None:
    one = reader()
    frank, same, other = (one.read_log(replace(LINE, user=user)).credential for user in ("frank", "frank", "mary"))
    assert frank == same != other
    assert one.read_log(replace(LINE, user="")).credential is None


texts = st.text(max_size=300) | st.binary(max_size=300).map(lambda it: it.decode("utf-8", "surrogateescape"))


@given(texts, texts, texts, texts, texts)
def test_no_log_line_is_too_odd(address: str, method: str, target: str, agent: str, host: str) -> None:
    facts = reader().read_log(
        replace(LINE, address=address, method=method, target=target, agent=agent, host=host, user=agent, referer=target)
    )
    assert len(facts.client.key) <= 255


names = st.binary(min_size=1, max_size=40).map(lambda it: it.lower())


@given(
    st.lists(st.tuples(names, st.binary(max_size=300)), max_size=40), st.binary(max_size=300), st.binary(max_size=300)
)
def test_no_request_is_too_odd(headers: list[tuple[bytes, bytes]], raw_path: bytes, query: bytes) -> None:
    one = reader(trusted_proxies=("203.0.113.9",), session_cookies=("sid",), traps=("/trap/*",))
    asked = scope(headers=[*headers, (b"user-agent", query), (b"cookie", query)], raw_path=raw_path, query_string=query)
    facts = one.read(asked, 0)
    assert isinstance(facts.headers, Headers)
    assert facts.subject("fingerprint")


HOSTILE = {
    "500 headers": [(f"name-{n}", "v") for n in range(500)],
    "one header 500 times": [("x-forwarded-for", "1.1.1.1")] * 500,
    "a long agent": [("user-agent", "Mozilla/5.0 (" + "bot@a-" * 1400)],
    "a long forwarding list": [("x-forwarded-for", "10.0.0.1, " * 6500)],
    "long cookies": [("cookie", "a=b; " * 1600)],
    "a long host": [("host", "a." * 4000)],
    "bytes that are no text": [
        ("user-agent", "\xff\xfe" * 4000),
        ("accept", "\x80" * 8000),
        ("referer", "\xff" * 8000),
    ],
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_request_costs_less_than_a_millisecond(attack: str) -> None:
    one = reader(trusted_proxies=("203.0.113.9", "10.0.0.0/8"), session_cookies=("sid",), traps=("/a*b*c",))
    requests = [scope(*HOSTILE[attack], ("x-turn", str(n)), raw_path=b"/a" * 1000 + b"%d" % n) for n in range(20)]
    began = time.process_time()
    for request in requests:
        one.read(request, 0)
    assert (time.process_time() - began) / len(requests) < 0.001
