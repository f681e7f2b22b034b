"""Every notice says what the policy says, and whoever reads it with a parser of his own hears the same."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import http_sf
import jsonschema
import opened
import pytest
from building import facts
from lxml import etree
from protego import Protego
from robotstxt import RobotsMatcher
from sectxt import Parser
from starlette.types import Message, Receive, Scope, Send

from scrapeguard.config import load
from scrapeguard.errors import ConfigError
from scrapeguard.guard import ScrapeGuard
from scrapeguard.notices import Notices, NoticeSettings, Purposes, configured
from scrapeguard.notices.headers import Headers
from scrapeguard.notices.purposes import tokens

SOON = (datetime.now(UTC) + timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
FULL = NoticeSettings(
    url="https://shop.example",
    owner="Shop & Söhne <Ltd>",
    terms_url="/terms",
    contact="mailto:data@shop.example",
    publish=("tdm", "license", "terms", "security"),
    headers=("link", "tdm", "usage", "robots-tag"),
    security_expires=SOON,
)
POLICIES = (
    Purposes(),
    Purposes(ai_train="allow"),
    Purposes("refuse", "refuse", "refuse", "refuse", "refuse"),
    Purposes("unstated", "refuse", "allow", "unstated", "refuse"),
)
RSL = """<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="https://rslstandard.org/rsl"
 datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
<define name="uses"><list><oneOrMore><choice><value>all</value><value>ai-all</value><value>ai-train</value>
 <value>ai-input</value><value>ai-index</value><value>search</value></choice></oneOrMore></list></define>
<start><element name="rsl"><attribute name="max-age"><data type="positiveInteger"/></attribute>
<oneOrMore><element name="content"><attribute name="url"><data type="anyURI"/></attribute>
 <oneOrMore><element name="license">
  <optional><element name="permits"><attribute name="type"><value>usage</value></attribute><ref name="uses"/></element>
  </optional>
  <optional><element name="prohibits"><attribute name="type"><value>usage</value></attribute>
  <ref name="uses"/></element></optional>
  <zeroOrMore><element name="legal"><attribute name="type"><value>contact</value></attribute><data type="anyURI"/>
  </element></zeroOrMore>
 </element></oneOrMore>
 <optional><element name="copyright"><text/></element></optional>
 <optional><element name="terms"><data type="anyURI"/></element></optional>
</element></oneOrMore></element></start></grammar>"""
TDM = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["location", "tdm-reservation"],
        "additionalProperties": False,
        "properties": {
            "location": {"type": "string", "pattern": "^/"},
            "tdm-reservation": {"enum": [0, 1]},
            "tdm-policy": {"type": "string", "pattern": "^https?://"},
        },
    },
}


def published(policy: Purposes, settings: NoticeSettings = FULL) -> dict[str, bytes]:
    """What would be told, by name."""
    return dict(Notices(settings, Path, (), policy).offered())


def told(policy: Purposes, settings: NoticeSettings = FULL) -> dict[str, str]:
    """The headers of an answer that has none of its own."""
    return {name.decode(): value.decode() for name, value in Headers(settings, policy).added([])}


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_every_notice_says_the_same(policy: Purposes) -> None:
    """robots.txt for Google's parser, AIPREF, TDMRep as file and header, and RSL: none contradicts the policy."""
    all_of_them, headers = published(policy), told(policy)
    text = all_of_them["robots.txt"].decode()
    google, words = RobotsMatcher(), {"allow": True, "refuse": False, "unstated": None}
    assert google.is_allowed(text, "AnyBot", "https://shop.example/item/7")
    signal = google.content_signal
    assert signal == {name: words[policy.stances()[name]] for name in ("search", "ai_input", "ai_train")}

    usage = {
        key: str(value)
        for key, (value, _) in http_sf.parse(headers["content-usage"].encode(), tltype="dictionary").items()
    }
    letters = {"allow": "y", "refuse": "n", "unstated": None}
    for label, name in (("search", "search"), ("ai-use", "ai_input"), ("train-ai", "ai_train")):
        assert usage.get(label) == letters[policy.stances()[name]]
    assert f"Content-Usage: {headers['content-usage']}\n" in text

    (rule,) = json.loads(all_of_them["tdmrep.json"])
    jsonschema.validate([rule], TDM)
    assert rule["tdm-reservation"] == int(policy.ai_train == "refuse") == int(headers["tdm-reservation"])
    assert rule.get("tdm-policy") == headers.get("tdm-policy")

    tree = etree.fromstring(all_of_them["license.xml"])
    etree.RelaxNG(etree.fromstring(RSL)).assertValid(tree)
    for element, stance in (("permits", "allow"), ("prohibits", "refuse")):
        said = " ".join(tree.xpath(f"//r:{element}/text()", namespaces={"r": "https://rslstandard.org/rsl"})).split()
        for name in ("search", "ai_input", "ai_train"):
            assert (name.replace("_", "-") in said) is (policy.stances()[name] == stance)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_refused_purpose_has_a_group_that_names_every_known_robot_of_it_and_an_open_one_has_none(
    policy: Purposes,
) -> None:
    text = published(policy)["robots.txt"].decode()
    scrapy = Protego.parse(text)
    refused = {token for name, stance in policy.stated().items() if stance == "refuse" for token in tokens(name)}
    for name in policy.stances():
        for token in tokens(name):
            assert scrapy.can_fetch("https://shop.example/item/7", token) is (token not in refused), token
    assert scrapy.can_fetch("https://shop.example/item/7", "Mozilla")
    assert "License: https://shop.example/.sg/license.xml\n" in text


def test_the_policy_for_mining_names_whom_to_ask() -> None:
    policy = json.loads(published(Purposes())["tdm-policy.json"])
    assert policy["@context"] == ["http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld"]
    assert policy["assigner"]["vcard:hasEmail"] == "mailto:data@shop.example"
    assert policy["permission"][0]["action"] == "tdm:mine"
    assert policy["uid"] == told(Purposes())["tdm-policy"] == "https://shop.example/.sg/tdm-policy.json"


def test_security_txt_is_what_another_parser_takes_for_one() -> None:
    parser = Parser(published(Purposes())["security.txt"])
    assert parser.errors == []


def test_the_terms_say_in_two_languages_whose_the_data_are_and_whom_to_ask_and_escape_what_they_are_given() -> None:
    page = published(Purposes(ai_input="refuse", preview="allow"))["terms"].decode()
    tree = etree.HTML(page)
    english, chinese = tree.xpath("//section")
    assert "Shop & Söhne <Ltd>" in "".join(english.itertext())
    assert "Shop & Söhne <Ltd>" in "".join(chinese.itertext())
    assert len(english.xpath(".//li")) == len(chinese.xpath(".//li")) == 4
    assert english.xpath(".//a/@href") == chinese.xpath(".//a/@href") == ["mailto:data@shop.example"]
    assert chinese.get("lang") == "zh-Hans"
    assert "{" not in page.partition("</style>")[2]
    bare = published(Purposes(), NoticeSettings(terms_url="/terms", publish=("terms",)))["terms"].decode()
    assert "the operator of this site" in bare
    assert "mailto" not in bare


def test_nothing_but_robots_txt_is_published_unless_it_is_asked_for() -> None:
    notices = Notices(NoticeSettings(), Path)
    assert set(notices.offered()) == {"robots.txt"}
    assert not notices.headers


def test_each_notice_is_served_at_its_place_to_whoever_is_told_of_it() -> None:
    notices = Notices(FULL, Path)
    places = notices.paths()
    assert places == {
        "robots.txt": "/robots.txt",
        "tdmrep.json": "/.well-known/tdmrep.json",
        "tdm-policy.json": "/.sg/tdm-policy.json",
        "license.xml": "/.sg/license.xml",
        "security.txt": "/.well-known/security.txt",
        "terms": "/terms",
    }
    assert set(notices.offered()) == {*places, "headers"}
    for path in places.values():
        assert notices.covers(facts(path=path))
        told = notices.answer(facts(path=path)) or notices.through(facts(path=path), site)
        assert told is not site
        assert not notices.covers(facts(path=path, method="POST"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"publish": ["license"]}, "needs the site's url"),
        ({"publish": ["license"], "url": "http://shop.example"}, "with https"),
        ({"publish": ["terms"], "terms_url": "https://shop.example/terms"}, "a path on this site"),
        ({"publish": ["security"], "contact": "call us"}, "RFC 9116"),
        ({"publish": ["security"], "contact": "a@b.example", "security_expires": "2030-01-01"}, "write it like"),
        ({"publish": ["tdm"], "policy": {"ai_train": "unstated"}}, "nothing to say"),
        ({"publish": ["ads"]}, "'ads'"),
        ({"url": "https://shop.example/"}, "without a path"),
        ({"owner": "a\nb"}, "one line"),
        ({"policy": {"ai_train": "no"}}, "'no'"),
        ({"policy": {"ai_trian": "refuse"}}, "Did you mean 'ai_train'"),
    ],
)
def test_a_notice_that_cannot_be_made_of_what_is_given_is_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        configured(load({"notices": settings}), ())


def test_a_header_of_the_sites_own_is_left_alone() -> None:
    ours = Headers(FULL, Purposes())
    given = [
        (b"Content-Type", b"text/html"),
        (b"TDM-Reservation", b"0"),
        (b"Link", b'</my-terms>; rel="terms-of-service"'),
    ]
    added = ours.added(given)
    assert added[:3] == given
    names = [name for name, _ in added[3:]]
    assert b"tdm-reservation" not in names
    assert [value for name, value in added[3:] if name == b"link"] == [
        b'<https://shop.example/.sg/license.xml>; rel="license"; type="application/rsl+xml"'
    ]
    assert ours.added([(b"link", b"</style.css>; rel=preload")])[1:] == list(ours.pairs)


def test_headers_cost_next_to_nothing() -> None:
    ours, given = Headers(FULL, Purposes()), [(b"content-type", b"text/html"), (b"content-length", b"512")] * 5
    began = perf_counter()
    for _ in range(2000):
        ours.added(given)
    assert perf_counter() - began < 0.2  # 100 us each; it takes a few


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


def test_the_sites_answers_carry_the_headers_and_the_records_name_the_version_of_every_notice(tmp_path: Path) -> None:
    settings = {
        "notices": {
            "url": "https://shop.example",
            "terms_url": "/terms",
            "contact": "a@shop.example",
            "publish": ["tdm", "terms"],
            "headers": ["link", "tdm", "usage"],
        },
        "lists": {"deny": ["192.0.2.0/24"]},
        "evidence": {"directory": str(tmp_path)},
    }
    guard = ScrapeGuard(site, settings)

    async def get(path: str, address: str) -> dict[str, object]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"shop.example")],
            "client": (address, 1),
        }
        await guard(scope, receive, send)
        return {"status": sent[0]["status"], **{name.decode(): value.decode() for name, value in sent[0]["headers"]}}

    async def story() -> list[dict[str, object]]:
        answers = [
            await get("/item/1", "198.51.100.7"),
            await get("/item/1", "192.0.2.7"),
            await get("/.well-known/tdmrep.json", "192.0.2.7"),
            await get("/terms", "192.0.2.7"),
        ]
        await guard.close()
        return answers

    page, refused, reserved, terms = asyncio.run(story())
    assert page["tdm-reservation"] == "1"
    assert page["link"] == '</terms>; rel="terms-of-service"'
    assert refused["status"] == 403
    assert "tdm-reservation" not in refused
    assert reserved["status"] == terms["status"] == 200
    records = opened.records(tmp_path)
    names = {it["what"]["name"]: it["what"]["digest"] for it in records if it["k"] == "notice.published"}
    assert set(names) == {"robots.txt", "tdmrep.json", "tdm-policy.json", "terms", "headers"}
    for digest in names.values():
        assert (tmp_path / "notices" / digest).is_file()
    told = [it for it in records if it["k"] == "request" and it["what"]["verdict"]["cause"] == "notice"]
    assert [it["who"]["object"] for it in told] == ["/.well-known/tdmrep.json", "/terms"]
    versions = [it["what"].get("told") for it in records if it["k"] == "request"]
    assert versions == [
        None,
        *({"digest": names[name][:16], "name": name} for name in ("terms", "tdmrep.json", "terms")),
    ]


def test_a_change_of_one_word_is_another_version() -> None:
    before, after = published(Purposes()), published(replace(Purposes(), ai_input="refuse"))
    assert {name for name in before if before[name] != after[name]} == {"robots.txt", "license.xml", "terms", "headers"}
