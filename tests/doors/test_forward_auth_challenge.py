"""A challenge behind real proxies, each with the configuration that we ship: who answers it gets the page."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fronts import PROXIES, Site, ask, auth, front
from serving import CHROME
from solving import solved

CONFIG = """
[facts]
trusted_proxies = ["127.0.0.1"]
[signals.pace]
limit = 0
distinct = 0
each = 0
weight = 1
[policy]
throttle = 0
challenge = 1
block = 50
[challenge]
calculations = 50
cost = 10
"""
WHO = "127.0.0.9"


@pytest.mark.parametrize("name", PROXIES)
def test_who_answers_a_challenge_gets_the_page(name: str, tmp_path: Path) -> None:
    site = Site()
    try:
        with auth(tmp_path / "auth", CONFIG) as deciding, front(name, tmp_path / "front", deciding, site) as place:
            page = ask(place, "GET", "/item/1?a=b", WHO, CHROME)
            assert page.status == 403
            assert not site.seen
            data = {key: unescape(value) for key, value in re.findall(r' data-(\w+)="(.*?)"', page.text.decode())}
            assert data["to"] == "/item/1?a=b"
            script = ask(place, "GET", "/.sg/work.js", WHO, CHROME)
            assert (script.status, script.getheader("content-type")) == (200, "text/javascript")
            form = urlencode({"to": data["to"], "work": solved(data["challenge"])}).encode()
            given = ask(place, "POST", data["pass"], WHO, CHROME, form)
            assert given.status == 303
            cookie = {"Cookie": (given.getheader("set-cookie") or "").partition(";")[0]}
            assert cookie["Cookie"].startswith("sg=v1.")
            on = ask(place, "GET", given.getheader("location") or "", WHO, CHROME | cookie)
            assert (on.status, on.getheader("location")) == (303, "/item/1?a=b")
            assert ask(place, "GET", "/item/1?a=b", WHO, CHROME | cookie).text == b"the site"
            assert ask(place, "GET", "/item/2", WHO, CHROME).status == 403, "and nobody else does"
            assert [path for _, path, _, _ in site.seen] == ["/item/1?a=b"]
    finally:
        site.close()
