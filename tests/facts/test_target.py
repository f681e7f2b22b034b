"""What is asked for: its kind, and its identity."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.facts.target import MAX_OBJECT, object_of, resource_of
from scrapeguard.model import Headers, Resource


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"),
        ("/item/123", "page"),
        ("/item/123.html", "page"),
        ("/index.php", "page"),
        ("/wiki/St._Gallen", "page"),
        ("/a.b/c", "page"),
        ("/images/sunset", "page"),  # a gallery's page; its picture has an extension
        ("/logo.PNG", "asset"),
        ("/app.3f9a.js", "asset"),
        ("/static/x", "asset"),
        ("/_next/image", "asset"),
        ("/favicon.ico", "asset"),
        ("/video.mp4", "asset"),
        ("/tiles/14/8529/5975.pbf", "asset"),
        ("/api/items", "data"),
        ("/v2/api/items", "data"),
        ("/graphql", "data"),
        ("/socket.io/", "data"),
        ("/live/longpoll", "data"),
        ("/export.csv", "data"),
        ("/paper.pdf", "data"),
        ("/ads.txt", "data"),
        ("/llms.txt", "data"),
        ("/feed", "feed"),
        ("/blog/feed/", "feed"),
        ("/blog/rss.xml", "feed"),
        ("/index.rdf", "feed"),
        ("/sitemap-3.xml.gz", "feed"),
        ("/feeder", "page"),
        ("/robots.txt", "notice"),
        ("/.well-known/tdmrep.json", "notice"),
        ("/.well-known/security.txt", "notice"),
        ("/blog/robots.txt", "data"),
        ("/Robots.txt", "data"),
        ("", "page"),
        ("*", "page"),
    ],
)
def test_the_name_tells_the_kind(path: str, kind: str) -> None:
    assert resource_of(path).value == kind


def test_the_accept_header_can_make_data_of_a_page_but_never_hide_one_among_the_assets() -> None:
    picture, page = Headers([(b"accept", b"image/avif,*/*;q=0.8")]), Headers([(b"accept", b"text/html,image/webp")])
    assert resource_of("/avatar/7", picture) is Resource.DATA
    assert resource_of("/avatar/7", page) is Resource.PAGE
    assert resource_of("/list", Headers([(b"accept", b"application/json, text/plain")])) is Resource.DATA
    assert resource_of("/export.csv", picture) is Resource.DATA
    assert resource_of("/robots.txt", picture) is Resource.NOTICE
    assert resource_of("/avatar/7", Headers([(b"accept", b"\xff")])) is Resource.PAGE


@pytest.mark.parametrize(
    ("path", "query", "object_"),
    [
        ("/item/7", "", "/item/7"),
        ("/item/7", "utm_source=a&fbclid=b&_=1&gclid=c&_rsc=1k9z", "/item/7"),
        ("/item", "id=7&utm_medium=mail&page=2", "/item?id=7&page=2"),
        ("/item", "b=2&a=1", "/item?b=2&a=1"),
        ("/item", "t=456", "/item?t=456"),  # a forum's topic
        ("/item", "t=1732440000&ts=1732440000123&r=0.7318", "/item"),
        ("/item", "&&", "/item"),
        ("/item", "from=3", "/item?from=3"),
        ("/%69tem/%7e%2F%c3%bc", "", "/item/~%2F%C3%BC"),
        ("/item", "q=%41%26", "/item?q=A%26"),
        ("/100%", "x=%zz", "/100%?x=%zz"),
        ("/item;jsessionid=AB12", "phpsessid=1", "/item"),
        ("/item", "underscore_=1", "/item?underscore_=1"),
    ],
)
def test_an_object_is_written_in_one_way(path: str, query: str, object_: str) -> None:
    assert object_of(path, query) == object_


def test_long_objects_are_short_and_still_different() -> None:
    one, other = object_of("/" + "a" * 600, ""), object_of("/" + "a" * 601, "")
    assert one != other
    assert len(one) == len(other) == MAX_OBJECT
    assert object_of("/", "q=" + "x" * 60_000) != object_of("/", "q=" + "x" * 60_001)


@given(st.text(max_size=700), st.text(max_size=700))
def test_an_object_is_bounded_and_stays_what_it_is(path: str, query: str) -> None:
    assert len(object_of(path, query)) <= MAX_OBJECT


@pytest.mark.parametrize("piece", ["%41", "&", "utm_=", "_hs", ";jsessionid=", "/", "oly_a", "sitemap", "."])
def test_a_long_target_costs_well_under_a_millisecond(piece: str) -> None:
    text = "/" + piece * (65_536 // len(piece))
    began = time.process_time()
    for _ in range(20):
        resource_of(text)
        object_of(text[:2000], text[:2000])
        object_of(text, text)
    assert (time.process_time() - began) / 20 < 0.003
