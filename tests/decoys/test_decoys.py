"""Decoys are found by whoever takes every link, and by nobody who looks at the page."""

import asyncio
import json
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import django
import pytest
from building import facts
from django.conf import settings as django_settings
from django.template import Context, Engine
from jinja2 import Environment
from programs import program
from protego import Protego
from serving import CHROME, serve
from starlette.types import Message, Receive, Scope, Send

from scrapeguard.decoys import MOST, SAID, SCOPE, Decoys, links
from scrapeguard.errors import ConfigError
from scrapeguard.guard import ScrapeGuard
from scrapeguard.model import Identity

SECRET = "the secret of a site, long enough"
OURS = Decoys(SECRET)


class Links(HTMLParser):
    """Every link of a page, as a program that takes them all sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """A site whose every page has decoys."""
    body = f"<!doctype html><html lang=en><title>A page</title><h1>A page</h1>{links(scope, 2)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": body})


def get(guard: ScrapeGuard, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"shop.example"), (b"user-agent", b"shop/5.1 (Android 14; Pixel 8)")],
        "client": ("192.0.2.9", 4000),
    }  # fmt: skip
    asyncio.run(guard(scope, receive, send))
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, sent[1]["body"].decode()


def guarded(**sections: Any) -> ScrapeGuard:
    return ScrapeGuard(page, {"evidence": {"directory": ""}, "decoys": {"secret": SECRET}} | sections)


def test_they_are_the_same_for_a_page_and_others_for_another_page_and_another_secret():
    assert OURS.path("/item/7") == Decoys(SECRET).path("/item/7")
    made = {OURS.path(f"/item/{number}", each) for number in range(200) for each in range(MOST)}
    assert len(made) == 200 * MOST
    assert all(re.fullmatch(r"/[a-z]+-[0-9a-f]{8}/[a-z]+-[0-9a-f]{12}", path) for path in made)
    other = Decoys(SECRET + "!")
    assert other.folder != OURS.folder
    assert OURS.path("/\udcff") != OURS.path("/")  # whatever a path is made of


def test_nobody_is_shown_them_and_a_program_that_takes_every_link_finds_them():
    markup = str(OURS.links("/item/7", 2))
    assert Links(markup).found == [OURS.path("/item/7", 0), OURS.path("/item/7", 1)]
    assert markup.startswith('<div hidden inert aria-hidden="true">')
    assert markup.count('rel="nofollow" tabindex="-1"') == 2
    assert markup.count(SAID) == 2
    assert str(OURS.links("/item/7", 1000)).count("<a ") == MOST
    assert str(OURS.links("/item/7", 0)) == ""


def test_they_are_traps_that_robots_txt_forbids_and_that_answer_with_a_small_page_of_more():
    guard = guarded()
    robots = get(guard, "/robots.txt")[2]
    rules = Protego.parse(robots)
    (first, second) = Links(get(guard, "/item/7")[2]).found
    for path in (first, second):
        assert not rules.can_fetch(path, "Anything")
        assert guard.parts.reader.read(scope_of(path), 1).trapped
    assert rules.can_fetch("/item/7", "Anything")
    status, fields, body = get(guard, first)
    assert status == 200
    assert fields["x-robots-tag"] == "noindex, nofollow"
    assert fields["cache-control"] == "no-store"
    assert int(fields["content-length"]) == len(body.encode()) < 2000
    onward = Links(body).found
    assert 1 <= len(onward) <= 3
    assert all(OURS.holds(path) for path in onward)
    assert get(guard, first)[2] == body
    assert get(guard, first, "HEAD")[2] == ""


def scope_of(path: str) -> Scope:
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "client": None}


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "<script>alert(1)</script>", "%3Cscript%3E", "x" * 9000, "", "a/b/c"]
)
def test_an_address_under_them_that_somebody_made_up_is_a_trap_too_and_is_not_repeated(path: str):
    status, _, body = get(guarded(), f"{OURS.folder}{path}")
    assert status == 200
    assert len(body) < 2000
    assert "script" not in body
    assert "passwd" not in body


def test_whoever_enters_two_is_stopped_and_one_who_entered_one_is_not():
    guard = guarded()
    first, second = Links(get(guard, "/item/7")[2]).found
    assert get(guard, first)[0] == 200
    assert get(guard, "/item/8")[0] == 200
    assert get(guard, second)[0] == 429


def test_a_verified_crawler_is_shown_none_and_a_claimed_one_is():
    known = Identity("verified", "dns", "Search Co", "SearchBot", "search")
    for identity, shown in ((None, True), (replace(known, state="unknown"), True), (known, False)):
        scope: Scope = {SCOPE: (OURS, replace(facts(), identity=identity))}
        assert bool(str(links(scope))) is shown


def test_without_a_secret_or_without_the_guard_there_are_none():
    assert str(links({"type": "http"})) == ""
    guard = ScrapeGuard(page, {"evidence": {"directory": ""}})
    assert Links(get(guard, "/item/7")[2]).found == []
    assert "Disallow" not in get(guard, "/robots.txt")[2].partition("User-agent: *")[2].partition("User-agent")[0]


def test_a_short_secret_is_refused_and_a_robots_txt_that_leaves_them_open_too(tmp_path: Path):
    with pytest.raises(ConfigError, match="16 characters"):
        guarded(decoys={"secret": "short"})
    (tmp_path / "robots.txt").write_text("User-agent: *\nDisallow:\n")
    with pytest.raises(ConfigError, match=OURS.folder):
        guarded(notices={"robots": str(tmp_path / "robots.txt")})


def test_the_evidence_says_that_there_are_decoys_and_not_with_which_secret(tmp_path: Path):
    guard = guarded(evidence={"directory": str(tmp_path)}, keeper={"run": False})
    asyncio.run(guard.close())
    kept = b"".join(path.read_bytes() for path in (tmp_path / "configs").iterdir())
    assert json.loads(kept)["decoys"]["secret"]
    assert SECRET.encode() not in kept


def test_jinja_and_django_render_them_as_they_are():
    class Request:
        def __init__(self) -> None:
            self.scope = {SCOPE: (OURS, facts(path="/item/7"))}

    expected = str(OURS.links("/item/7"))
    jinja = Environment(autoescape=True)
    jinja.globals["decoys"] = links
    assert jinja.from_string("<p>{{ decoys(request) }}</p>").render(request=Request()) == f"<p>{expected}</p>"

    if not django_settings.configured:
        django_settings.configure()
    django.setup()
    engine = Engine(libraries={"decoys": "scrapeguard.decoys.django_tags"})
    template = engine.from_string("{% load decoys %}<p>{% decoys %}</p>")
    assert template.render(Context({"request": Request()})) == f"<p>{expected}</p>"
    assert template.render(Context({})) == "<p></p>"
    assert template.render(Context({"request": object()})) == "<p></p>"


APP = """
import json, os
from scrapeguard import ScrapeGuard
from scrapeguard.decoys import links

AHEAD = [{"source": "document", "eagerness": "immediate"}]
PAGE = '''<!doctype html><title>A page</title><style>%s</style><a href=/other>Other</a>%s
<script type=speculationrules>%s</script><script>addEventListener("load", () => {
for (const it of document.querySelectorAll("a")) {
  it.focus(); it.dispatchEvent(new Event("mouseover", {bubbles: true})) }
document.title = "focused: " + document.activeElement.textContent })</script>'''

async def page(scope, receive, send):
    await receive()
    ahead = json.dumps({"prefetch": AHEAD, "prerender": AHEAD})
    body = PAGE % (os.environ.get("STYLE", ""), links(scope, 3), ahead) if scope["path"] != "/other" else "Other"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": body.encode()})

application = ScrapeGuard(page, os.environ["GUARD_CONFIG"])
"""


@pytest.mark.parametrize("style", ["", "a, div { display: block }"])
def test_chromium_enters_none_even_if_it_fetches_ahead_and_a_style_shows_what_is_hidden(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With such a style it fetches them ahead, says so, and is not counted."""
    chromium = program("chromium")
    monkeypatch.setenv("STYLE", style)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "site_with_decoys.py").write_text(APP)
    config = f'[decoys]\nsecret = "{SECRET}"\n'
    with serve("site_with_decoys:application", tmp_path / "served", config, apps=tmp_path / "app") as served:
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
        options += (f"--user-agent={CHROME['User-Agent']}",)  # a person's is not headless
        wanted = ("--virtual-time-budget=3000", "--dump-dom", f"http://localhost:{served.port}/item/7")
        shown = subprocess.run([chromium, *options, *wanted], capture_output=True, timeout=60, text=True, check=False)
        assert shown.stdout.count(SAID) == 3
        assert "<title>focused: Other</title>" in shown.stdout  # the only link that can be
        asked = [record["what"] for record in served.records() if record["k"] == "request"]
    assert not {sign["detector"] for each in asked for sign in each["signals"]} & {"trap", "robots"}
    assert style or not any(each["trapped"] for each in asked)
