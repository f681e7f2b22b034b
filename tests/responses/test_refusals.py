"""A refusal says what happened, why, whom to ask and when to try again, to people and programs; and nothing else."""

import asyncio
import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from building import BLOCKED, HELD, SLOWED, facts, signal
from starlette.types import Message, Scope

from scrapeguard.model import Headers, Rung, Verdict
from scrapeguard.responses import ANSWERS, Responses, ResponseSettings
from scrapeguard.responses.page import Page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
DENIED = Verdict(Rung.BLOCK, Rung.BLOCK, "deny-list")
HOSTILE = "<script>alert(1)</script>\"'&\r\nSet-Cookie: a=b\x00é\udcff"
OURS = Responses(ResponseSettings(site="Shop & Co"), "mailto:data@shop.example", "https://shop.example/terms")
BARE = Responses(ResponseSettings(), "", "")


class Answer:
    def __init__(self, sent: list[Message]) -> None:
        self.sent = sent
        self.status: int = sent[0]["status"]
        self.fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        assert len(self.fields) == len(sent[0]["headers"]), "a header came twice"
        self.body: bytes = sent[1]["body"]
        self.text = self.body.decode()


def speak(app: object, scope: Scope, said: str) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": said}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[operator]
    return sent


def refuse(verdict: Verdict, responses: Responses = OURS, method: str = "GET", **headers: str) -> Answer:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asked = replace(facts(reference="7K3F-9Q2M-T0XD"), headers=Headers(pairs))
    return Answer(speak(responses.answer(verdict, asked), {"type": "http", "method": method}, "http.request"))


@pytest.mark.parametrize(("verdict", "status"), [(SLOWED, 429), (BLOCKED, 403), (HELD, 403), (DENIED, 403)])
@pytest.mark.parametrize("accept", [BROWSER, "application/json"])
def test_whoever_is_refused_learns_status_reference_contact_and_terms_and_no_cache_keeps_it(
    verdict: Verdict, status: int, accept: str
):
    answer = refuse(verdict, accept=accept)
    assert answer.status == status
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields["vary"] == "Accept, Accept-Language"
    assert answer.fields["link"] == '<https://shop.example/terms>; rel="terms-of-service"'
    assert answer.fields["content-length"] == str(len(answer.body))
    for told in ("7K3F-9Q2M-T0XD", "data@shop.example", "https://shop.example/terms"):
        assert told in answer.text


def test_a_program_gets_a_problem_it_can_read():
    answer = refuse(SLOWED)
    assert answer.fields["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem.pop("detail").startswith("Your network is asking")
    assert problem == {
        "type": "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
        "title": "Abnormal usage detected",
        "status": 429,
        "instance": "urn:scrapeguard:7K3F-9Q2M-T0XD",
        "reference": "7K3F-9Q2M-T0XD",
        "reasons": ["130 requests in 60 s; the limit is 120"],
        "violated-policies": ["pace"],
        "contact": "mailto:data@shop.example",
        "terms": "https://shop.example/terms",
        "retry_after": int(answer.fields["retry-after"]),
    }


def test_a_refusal_without_signals_of_its_own_still_says_why():
    held = json.loads(refuse(HELD).body)
    assert held["reasons"] == ["earlier requests from your network led to this"]
    assert "此前来自您所在网络的请求" in refuse(HELD, accept=BROWSER, accept_language="zh").text
    assert "does not accept requests from your network" in json.loads(refuse(DENIED).body)["detail"]


def test_a_detector_that_only_observes_is_no_reason():
    observed = replace(signal("cadence"), mode="observe")
    verdict = replace(SLOWED, signals=(observed,))
    assert json.loads(refuse(verdict).body)["reasons"] == []
    assert observed.reason not in refuse(verdict, accept=BROWSER).text


def test_what_nobody_has_set_is_not_told():
    answer = refuse(SLOWED, BARE)
    assert "link" not in answer.fields
    assert not {"contact", "terms"} & json.loads(answer.body).keys()
    assert "Ask the operator of this site" in refuse(SLOWED, BARE, accept=BROWSER).text


def test_the_time_to_wait_is_at_least_that_of_the_verdict_a_tenth_more_at_most_and_never_by_chance():
    for number in range(200):
        asked = replace(facts(reference=f"R{number}"), headers=Headers([]))
        waits = {
            int(Answer(speak(OURS.answer(SLOWED, asked), {"type": "http", "method": "GET"}, "")).fields["retry-after"])
            for _ in range(2)
        }
        assert len(waits) == 1
        assert 30 <= waits.pop() <= 33
    assert "retry-after" not in refuse(DENIED).fields


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True), ("text/html", True), ("TEXT/HTML;level=1", True), ("text/*", True),
        ("text/html;q=0.1, application/json;q=0.5", False), ("application/json, text/html;q=0.9", False),
        ("*/*", False), ("", False), ("image/avif,*/*;q=0.8", False), ("text/html;q=0", False),
        ("text/html;q=x", False), ("application/json", False), ("," * 9000 + "text/html", False), (";;;=,q=", False),
    ],
)  # fmt: skip
def test_a_page_is_for_who_asks_for_pages(accept: str, page: bool):
    answer = refuse(SLOWED, accept=accept)
    assert answer.fields["content-type"].startswith("text/html" if page else "application/problem+json")


@pytest.mark.parametrize(
    ("languages", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"), ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("fr", "en"), ("", "en"),
        ("fr;q=0.9,zh-TW;q=0.3", "zh-Hans"), ("ZH", "zh-Hans"), ("en;q=0.1,zh;q=0.2", "zh-Hans"), ("zh;q=0", "en"),
        ("*", "en"),
    ],
)  # fmt: skip
def test_people_are_told_in_the_language_they_read(languages: str, tag: str):
    answer = refuse(BLOCKED, accept=BROWSER, accept_language=languages)
    assert answer.fields["content-language"] == tag
    assert f'<html lang="{tag}">' in answer.text


def test_who_reads_neither_language_gets_the_one_that_is_set():
    chinese = Responses(ResponseSettings(language="zh"), "", "")
    assert refuse(SLOWED, chinese, accept=BROWSER, accept_language="fr").fields["content-language"] == "zh-Hans"


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.handlers: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers |= {name for name, _ in attrs if name.startswith("on") or name in ("src", "style")}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("tag", ["en", "zh"])
def test_the_page_stands_alone_closes_what_it_opens_and_its_policy_lets_its_style_through(tag: str):
    answer = refuse(BLOCKED, accept=BROWSER, accept_language=tag)
    outline = Outline()
    outline.feed(answer.text)
    assert outline.open == []
    assert not outline.tags & {"script", "img", "link", "iframe", "form"}
    assert not outline.handlers
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert style
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.fields["content-security-policy"]
    assert "default-src 'none'" in answer.fields["content-security-policy"]
    assert len(answer.body) < 4096


def test_hostile_words_stay_words():
    verdict = replace(BLOCKED, signals=(replace(signal(), reason=HOSTILE, detector="pace"),))
    shop = Responses(ResponseSettings(site=HOSTILE[:24]), "<b>me</b>", "/terms?a=1&b=2")
    page = refuse(verdict, shop, accept=BROWSER)
    assert "<script" not in page.text
    assert "<b>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert 'href="/terms?a=1&amp;b=2"' in page.text
    assert json.loads(refuse(verdict, shop).body)["reasons"] == [HOSTILE]
    for answer in (page, refuse(verdict, shop)):
        assert not any("\r" in value or "\n" in value for value in answer.fields.values())


def test_a_head_gets_the_headers_of_the_page_and_no_body():
    whole, head = refuse(BLOCKED, accept=BROWSER), refuse(BLOCKED, method="HEAD", accept=BROWSER)
    assert head.body == b""
    assert head.fields == whole.fields


def test_a_rung_without_an_answer_of_its_own_is_answered_by_the_next_milder_one():
    assert set(ANSWERS) == {Rung.THROTTLE, Rung.CHALLENGE, Rung.BLOCK}
    for rung, status in ((Rung.THROTTLE, 429), (Rung.CHALLENGE, 403), (Rung.BLOCK, 403)):
        assert refuse(replace(BLOCKED, rung=rung)).status == status


def test_a_door_that_sees_no_headers_gets_a_problem():
    sent = speak(OURS.answer(SLOWED, facts()), {"type": "http", "method": "GET"}, "http.request")
    assert Answer(sent).fields["content-type"] == "application/problem+json"


def test_a_websocket_is_refused_before_it_is_accepted():
    app = OURS.answer(BLOCKED, replace(facts(), websocket=True))
    for scope in ({"type": "websocket"}, {"type": "websocket", "extensions": None}):
        assert speak(app, scope, "websocket.connect") == [{"type": "websocket.close"}]
    able = {"type": "websocket", "extensions": {"websocket.http.response": {}}}
    sent = speak(app, able, "websocket.connect")
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert Answer(sent).status == 403
    assert speak(app, able, "websocket.disconnect") == []


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (1, "1 second", "1 秒"), (2, "2 seconds", "2 秒"), (90, "90 seconds", "90 秒"), (91, "2 minutes", "2 分钟"),
        (900, "15 minutes", "15 分钟"), (5400, "90 minutes", "90 分钟"), (5401, "2 hours", "2 小时"),
    ],
)  # fmt: skip
def test_the_time_to_wait_is_told_in_words_and_never_too_short(seconds: int, english: str, chinese: str):
    assert Page("en", "", "", "").duration(seconds) == english
    assert Page("zh", "", "", "").duration(seconds) == chinese
