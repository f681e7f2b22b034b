"""Steps: what is a walk through numbers, and what only looks like one."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.facts.walk import step_of
from scrapeguard.model import Facts, Step

READER = FactsReader(FactsSettings(), lambda host, agent, path: "")


def asked(target: str) -> Facts:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("utf-8"),
        "query_string": query.encode("utf-8"),
        "headers": [(b"host", b"shop.example")],
        "client": ("203.0.113.9", 1),
    }
    return READER.read(scope, 0)


def step(target: str) -> Step | None:
    return step_of(asked(target))


@pytest.mark.parametrize(
    ("target", "family", "number"),
    [
        ("/item/123", "/item/#", 123),
        ("/item/00012", "/item/#", 12),
        ("/item/123/", "/item/#/", 123),
        ("/item/123.html", "/item/#.html", 123),
        ("/item-123.html", "/item-#.html", 123),
        ("/item-123/", "/item-#/", 123),
        ("/p123", "/p#", 123),
        ("/red-shoe-123", "/*-#", 123),
        ("/posts/123-a-title", "/posts/#-*", 123),
        ("/questions/123/how-to-do-5-things", "/questions/#/*", 123),
        ("/item/123/reviews", "/item/#/reviews", 123),
        ("/list/7/page/3", "/list/#/page/#", 3),
        ("/2024/05/12/story/99", "/*/story/#", 99),
        ("/archive/2024", "/archive/#", 2024),
        ("/item/%31%32", "/item/#", 12),
        ("/list?page=3", "/list?page=#", 3),
        ("/list?cat=5&page=3", "/list?cat&page=#", 3),
        ("/list?start=20&sort=price", "/list?start=#&sort", 20),
        ("/topic?f=3&t=456", "/topic?f&t=#", 456),
        ("/view?ID=5", "/view?ID=#", 5),
        ("/list?page=%33&_=99&utm_source=7", "/list?page=#", 3),
        ("/category/12?page=4", "/category/#?page=#", 4),
        ("/item/12?page=1", "/item/#?page=#", 12),  # the first page says nothing; the item does
        ("/list?page=1", "/list?page=#", 1),
    ],
)
def test_numbers_that_make_a_walk(target: str, family: str, number: int) -> None:
    assert step(target) == (f"shop.example{family}", number)


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/about", "/2024/05/", "/2024/5/12", "/blog/2024/05/12/a-story", "/log/2024-05-12", "/item/20240512"),
        *("/day/2024_05_12.html", "/search?q=12", "/x?utm_source=3", "/x?page=", "/x?page=two", "/x?page=-3"),
        *("/item/1234567890123456", "/x?id=1234567890123456", "/static/app.3f2a9.js", "/p/abc123def", "*", "/x?page=٣"),
        "/x?date=2024-05-12",
    ],
)
def test_numbers_that_make_none(target: str) -> None:
    assert step(target) is None


def test_neighbours_are_of_one_family_whatever_their_titles_and_their_host_is_part_of_it() -> None:
    assert {step(f"/posts/{n}-{title}")[0] for n, title in ((1, "a"), (2, "b-c"), (30, "d-e-f"))} == {  # type: ignore[index]
        "shop.example/posts/#-*"
    }
    other = step_of(replace(asked("/item/1"), host="other.example"))
    assert other != step("/item/1")


@given(st.text(max_size=600), st.text(max_size=600))
def test_a_step_is_bounded(path: str, query: str) -> None:
    clean = path.encode("utf-8", "replace").decode(), query.encode("utf-8", "replace").decode()
    found = step("/" + "?".join(clean))
    assert found is None or (len(found[0]) <= 200 and 0 <= found[1] < 10**15)


@pytest.mark.parametrize("piece", ["1", "a1", "-", "1-", "1/", "2024/05/", "page=1&", "a-1.", "~_="])
def test_a_long_target_costs_well_under_a_millisecond(piece: str) -> None:
    facts = asked("/" + (piece * 600)[:240] + "?" + (piece * 600)[:240])
    began = time.process_time()
    for _ in range(50):
        step_of(facts)
    assert (time.process_time() - began) / 50 < 0.001
