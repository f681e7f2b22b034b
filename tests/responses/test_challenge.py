"""A challenge: who passes it is let through and not asked again; every way around it ends at the challenge."""

import asyncio
import json
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import opened
import pytest
from building import START, facts
from challenging import CHROME, EASY, Answer, Visitor, guarded, packed
from hypothesis import given
from hypothesis import strategies as st
from solving import solved

from scrapeguard.facts.passes import ChallengeSettings, Passes
from scrapeguard.model import Agent, Facts, Headers, Rung
from scrapeguard.responses.tasks import Tasks
from scrapeguard.responses.way import local

SECOND = 1_000_000
SETTINGS = ChallengeSettings(**EASY)  # type: ignore[arg-type]
TASKS = Tasks(Passes(SETTINGS), 6)


def through(visitor: Visitor, given_: Answer) -> Answer:
    """From the answer that gives the pass along its redirects to where they lead."""
    assert given_.status == 303, given_.text
    on = visitor.ask(given_.headers["location"])
    return visitor.ask(on.headers["location"]) if on.status == 303 else on


def test_a_browser_calculates_and_is_let_through_and_not_asked_again() -> None:
    visitor = Visitor(guarded()).suspected()
    page = visitor.ask("/item/1?a=b&utm_source=x")
    assert (page.status, page.headers["cache-control"]) == (403, "no-store")
    assert "cookie" in page.headers["vary"].lower()
    given_ = visitor.solve(page, page.task["to"])
    assert through(visitor, given_).body == b"the page"
    assert parse_qs(urlsplit(given_.headers["location"]).query)["to"] == ["/item/1?a=b&utm_source=x"]
    assert {visitor.ask(f"/item/{number}").status for number in range(50)} == {200}


def test_without_script_a_browser_waits_and_is_let_through() -> None:
    visitor = Visitor(guarded(wait_seconds=0)).suspected()
    page = visitor.ask("/item/1")
    refresh = page.text.partition('http-equiv="refresh" content="')[2].partition('"')[0]
    seconds, _, target = refresh.replace("&amp;", "&").partition("; url=")
    assert seconds == "0"
    assert through(visitor, visitor.ask(target)).body == b"the page"
    assert visitor.ask("/item/2").body == b"the page"


def test_the_button_does_the_same_and_asks_for_patience() -> None:
    hasty = Visitor(guarded()).suspected()
    again = hasty.submit(wait=hasty.ask("/item/1").wait, to="/item/1")
    assert again.status == 403
    assert "a little early" in again.text
    assert again.task["to"] == "/item/1"
    patient = Visitor(guarded(wait_seconds=0)).suspected()
    assert through(patient, patient.submit(wait=patient.ask("/item/1").wait, to="/item/1")).body == b"the page"


def test_the_pass_is_kept_from_scripts_neighbours_and_plain_connections() -> None:
    visitor = Visitor(guarded()).suspected()
    cookie = visitor.solve(visitor.ask("/"), "/").headers["set-cookie"]
    assert cookie.startswith("__Host-sg=v1.")
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=14400"):
        assert f"; {attribute}" in cookie
    assert "domain" not in cookie.lower()


def test_who_keeps_no_cookie_is_told_so_and_not_sent_round() -> None:
    visitor = Visitor(guarded(), keeps_cookies=False).suspected()
    told = through(visitor, visitor.solve(visitor.ask("/item/1"), "/item/1"))
    assert told.status == 403
    assert "kept no cookie" in told.text
    assert 'href="/item/1"' in told.text
    assert told.headers["cache-control"] == "no-store"
    assert "http-equiv" not in told.text
    assert "<script" not in told.text


def test_a_page_that_was_answered_before_tells_no_cache_anything() -> None:
    visitor = Visitor(guarded()).suspected()
    page = visitor.ask("/item/1")
    for answer in (page, visitor.ask("/item/1", accept="application/json"), visitor.solve(page),
                   visitor.ask("/.sg/back?to=/"), visitor.ask("/.sg/nothing")):  # fmt: skip
        assert answer.headers["cache-control"] == "no-store", answer
        assert answer.headers["x-robots-tag"] == "noindex"
    script = visitor.ask("/.sg/work.js")
    assert (script.status, script.headers["content-type"]) == (200, "text/javascript")
    assert "set-cookie" not in script.headers


@pytest.mark.parametrize(
    "program",
    [
        {"accept": "application/json"},
        {"accept": "*/*"},
        {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"sec_fetch_dest": "iframe"},
    ],
)
def test_programs_are_told_in_words_what_they_can_do(program: dict[str, str]) -> None:
    answer = Visitor(guarded()).suspected().ask("/item/1", **program)
    assert answer.status == 403
    assert "<script" not in answer.text
    if "sec_fetch_mode" not in program and "sec_fetch_dest" not in program:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "challenge" in json.loads(answer.body)["title"].lower()


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/logo.png", "GET", {"sec_fetch_dest": "image", "sec_fetch_mode": "no-cors", "accept": "image/*"}),
        ("/feed.xml", "GET", {}),
        ("/robots.txt", "GET", {}),
        ("/.well-known/security.txt", "GET", {}),
        ("/comments", "POST", {}),
        ("/hooks/payment", "POST", {"accept": "*/*"}),
        ("/api/items", "OPTIONS", {}),
    ],
)
def test_what_no_person_can_answer_is_not_challenged(path: str, method: str, headers: dict[str, str]) -> None:
    assert Visitor(guarded()).suspected().ask(path, method, b"", **headers).status == 200


@pytest.mark.parametrize("rung", [Rung.TARPIT, Rung.BLOCK])
def test_a_pass_never_outranks_a_ban_and_a_banned_visitor_gets_no_task(rung: Rung) -> None:
    visitor = Visitor(guarded()).suspected()
    page = visitor.ask("/item/1")
    assert through(visitor, visitor.solve(page)).status == 200
    visitor.suspected(rung)
    assert visitor.ask("/item/1").status in (403, 429)
    assert visitor.ask("/.sg/work.js").status in (403, 429)
    assert visitor.submit(wait=page.wait, to="/").status in (403, 429)


def test_the_operators_own_word_outranks_a_pass() -> None:
    visitor = Visitor(guarded()).suspected()
    visitor.solve(visitor.ask("/item/1"))
    denying = Visitor(guarded(deny=["192.0.2.7"]), cookies=visitor.cookies)
    assert denying.ask("/item/1").status == 403
    assert "task" not in denying.ask("/item/1").text
    assert Visitor(guarded(), cookies=visitor.cookies).suspected().ask("/item/1").status == 200, "the pass is good"


def test_of_a_thousand_who_send_one_solution_at_once_one_gets_a_pass() -> None:
    guard = guarded()
    visitor = Visitor(guard).suspected()
    work = solved(visitor.ask("/item/1").task["challenge"])

    async def all_at_once() -> list[Answer]:
        body = f"to=/&work={work.replace('+', '%2B').replace('=', '%3D')}".encode()
        fleet = [Visitor(guard) for _ in range(1000)]
        return await asyncio.gather(*(one.asked("/.sg/pass", "POST", body) for one in fleet))

    statuses = [answer.status for answer in asyncio.run(all_at_once())]
    assert (statuses.count(303), statuses.count(403)) == (1, 999)


def test_a_form_that_is_sent_twice_does_no_harm_to_whom_it_belongs() -> None:
    visitor = Visitor(guarded()).suspected()
    work = solved(visitor.ask("/item/1").task["challenge"])
    assert visitor.submit(work=work, to="/item/1").status == 303
    twice = visitor.submit(work=work, to="/item/1")
    assert (twice.status, twice.headers["location"], "set-cookie" in twice.headers) == (303, "/item/1", False)


@pytest.mark.parametrize(
    "other", [{"user_agent": "python-requests/2.32"}, {"host": "other.example"}], ids=["browser", "site"]
)
def test_a_solution_or_a_pass_of_another_is_none(other: dict[str, str]) -> None:
    guard = guarded()
    visitor = Visitor(guard).suspected()
    work = solved(visitor.ask("/item/1").task["challenge"])
    wait = visitor.ask("/item/1").wait
    thief = Visitor(guard, headers=CHROME | {name.replace("_", "-"): value for name, value in other.items()})
    assert thief.submit(work=work, to="/").status == 403
    assert thief.submit(wait=wait, to="/").status == 403
    assert visitor.submit(work=work, to="/").status == 303, "and it is not used up by the attempt"
    thief.cookies = visitor.cookies
    assert thief.ask("/item/1").status == 403


def test_a_pass_goes_with_a_phone_to_another_network_and_not_to_fifty() -> None:
    guard = guarded()
    phone = Visitor(guard).suspected()
    through(phone, phone.solve(phone.ask("/item/1")))
    for place in range(5):
        phone.address = f"198.51.{place}.7"
        assert phone.suspected().ask(f"/item/{place}").status == 200
    fleet = []
    for place in range(50):
        phone.address = f"203.0.{place}.7"
        fleet.append(phone.suspected().ask(f"/item/{place}").status)
    assert fleet.count(200) <= 2, "the count of networks is an estimate, and never too high"
    assert fleet[-45:] == [403] * 45
    phone.address = "192.0.2.7"
    asked_again = phone.ask("/item/1")
    assert asked_again.status == 403, "his too: it was given away"
    assert through(phone, phone.solve(asked_again)).status == 200, "and a new one works"


def test_a_pass_is_used_up() -> None:
    guard = guarded(wait_seconds=0)
    visitor = Visitor(guard).suspected()
    through(visitor, visitor.submit(wait=visitor.ask("/item/1").wait, to="/item/1"))
    statuses = [visitor.ask("/item/1").status for _ in range(210)]
    assert statuses[:190] == [200] * 190
    assert statuses[-1] == 403


def asked(second: float = 0, host: str = "shop.example") -> Facts:
    return replace(facts(second, host=host), headers=Headers([]), reference="7H2K-9QXA")


def test_an_answer_says_who_was_asked_and_when() -> None:
    answered = TASKS.worked(solved(TASKS.work(asked(), 6)), asked(3))
    assert (answered.grade, answered.why, answered.asked, answered.issued) == ("work", "", "7H2K-9QXA", START // SECOND)
    waited = TASKS.waited(TASKS.wait(asked()), asked(5))
    assert (waited.grade, waited.why, waited.asked, waited.issued) == ("wait", "", "7H2K-9QXA", START // SECOND)


@pytest.mark.parametrize(
    ("second", "why"), [(-61, "early"), (-60, ""), (899, ""), (900, "expired"), (10**6, "expired")]
)
def test_a_task_has_its_time_and_clocks_may_differ_by_a_minute(second: int, why: str) -> None:
    assert TASKS.worked(solved(TASKS.work(asked(), 6)), asked(second)).why == why
    assert TASKS.waited(TASKS.wait(asked()), asked(second)).why == (why or ("hasty" if second < 5 else ""))


def test_a_changed_task_is_none_of_ours() -> None:
    answer = json.loads(b64decode(solved(TASKS.work(asked(), 6))))
    assert TASKS.worked(packed(answer), asked(1)).why == ""
    changes = {"cost": 1, "keyPrefix": "", "keyLength": 1, "algorithm": "SHA-256", "keySignature": "0" * 64}
    for name, value in changes.items():
        forged = json.loads(json.dumps(answer))
        forged["challenge"]["parameters"][name] = value
        assert TASKS.worked(packed(forged), asked(1)).why == "forged", name
    for name, value in {"asked": "X", "for": "0" * 16, "issued": 0}.items():
        forged = json.loads(json.dumps(answer))
        forged["challenge"]["parameters"]["data"][name] = value
        assert TASKS.worked(packed(forged), asked(1)).why == "forged", name
    for signature in ("", "0" * 64, answer["challenge"]["signature"].upper()):
        forged = json.loads(json.dumps(answer))
        forged["challenge"]["signature"] = signature
        assert TASKS.worked(packed(forged), asked(1)).why == "forged"


def test_a_solution_of_an_easier_task_does_not_solve_a_harder_one() -> None:
    easy, hard = json.loads(TASKS.work(asked(), 6)), json.loads(TASKS.work(asked(), 7))
    solution = json.loads(b64decode(solved(json.dumps(easy))))["solution"]
    assert TASKS.worked(packed({"challenge": hard, "solution": solution}), asked(1)).why == "wrong"


def test_a_guess_is_no_solution() -> None:
    made = json.loads(TASKS.work(asked(), 6))
    for key in ("00" * 32, "", "zz", made["parameters"]["keyPrefix"]):
        solution = {"counter": 0, "derivedKey": key}
        assert TASKS.worked(packed({"challenge": made, "solution": solution}), asked(1)).why == "wrong"


def test_the_work_grows_with_the_score_and_has_an_end() -> None:
    assert [TASKS.most(score) for score in (0, 6, 7, 8, 9, 10**6)] == [60, 60, 120, 240, 240, 240]


def test_the_secret_changes_while_somebody_calculates() -> None:
    work, wait = TASKS.work(asked(), 6), TASKS.wait(asked())
    changed = ChallengeSettings(**EASY | {"secret": "the next secret in a row", "secret_before": EASY["secret"]})  # type: ignore[arg-type]
    later = Tasks(Passes(changed), 6)
    assert later.worked(solved(work), asked(1)).why == ""
    assert later.waited(wait, asked(9)).why == ""
    gone = Tasks(Passes(ChallengeSettings(secret="a secret of somebody else")), 6)
    assert gone.worked(solved(work), asked(1)).why == "forged"
    assert gone.waited(wait, asked(9)).why == "forged"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON)
def test_no_shape_of_payload_is_more_than_refused(shape: object) -> None:
    made = json.loads(TASKS.work(asked(), 6))
    good = json.loads(b64decode(solved(json.dumps(made))))
    for payload in (
        shape,
        {"challenge": shape, "solution": good["solution"]},
        {"challenge": good["challenge"], "solution": shape},
        {"challenge": {"parameters": shape, "signature": shape}, "solution": shape},
        {"challenge": {"parameters": made["parameters"] | {"data": shape}, "signature": shape}, "solution": shape},
        {"challenge": {"parameters": made["parameters"] | {"cost": shape}, "signature": ""}, "solution": shape},
    ):
        assert TASKS.worked(packed(payload), asked(1)).why != ""


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    assert TASKS.worked(text, asked(1)).why != ""
    assert TASKS.waited(text, asked(1)).why != ""


@pytest.mark.parametrize("payload", ["[" * 3000, '{"a":' * 800, "1" * 3000, "NaN", "9" * 5000, "\x00", "é"])
def test_no_depth_or_length_is_more_than_refused(payload: str) -> None:
    raw = b64encode(payload.encode()).decode()
    assert TASKS.worked(raw, asked(1)).why == "malformed"
    assert TASKS.worked(payload, asked(1)).why == "malformed"


@pytest.mark.parametrize(
    "body",
    [b"", b"work=", b"work=%00", b"wait=x&wait=y", b"to=/&" * 500, b"x" * 100_000, b"\xff\xfe", b"work=" + b"A" * 5000,
     b"&".join(b"a%d=1" % i for i in range(50))],
)  # fmt: skip
def test_no_form_is_more_than_refused(body: bytes) -> None:
    visitor = Visitor(guarded()).suspected()
    answer = visitor.ask("/.sg/pass", "POST", body)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


EVIL = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example/",
    "javascript:alert(1)", "//evil.example/..", "/\t/evil.example", "/\n/evil.example", "/x\r\nSet-Cookie: a=b",
    " /x", "x", "", "/é", "/x y",
    "/" + "a" * 4000, "/.sg/back?to=/", "/.sg/pass", "/a/../.sg/back?to=/b", "/%5c%5c\x00",
]  # fmt: skip


@pytest.mark.parametrize("to", EVIL)
def test_the_way_back_leads_nowhere_else(to: str) -> None:
    assert local(to, "/.sg/") == "/"
    visitor = Visitor(guarded()).suspected()
    given_ = visitor.solve(visitor.ask("/item/1"), to)
    assert given_.headers["location"] == "/.sg/back?to=%2F"
    assert visitor.ask(given_.headers["location"]).headers["location"] == "/"
    assert set(given_.headers) & {"a", "set-cookie: a"} == set()


@pytest.mark.parametrize("to", ["/", "/item/1", "/a?b=//c", "/a%0d%0ab", "/a#b", "/~x/[1]?q=%22"])
def test_the_way_back_leads_where_somebody_wanted_to_go(to: str) -> None:
    assert local(to, "/.sg/") == to


@pytest.mark.parametrize("path", ["/it%C3%A9m?a=\"'><script>", "/caf\xe9", "/a?b=%0d%0aSet-Cookie:x"])
def test_what_was_asked_for_cannot_break_out_of_the_page(path: str) -> None:
    visitor = Visitor(guarded()).suspected()
    page = visitor.ask(path)
    assert page.text.count("<script") == 1
    assert local(page.task["to"], "/.sg/") == page.task["to"]
    assert through(visitor, visitor.solve(page, page.task["to"])).status == 200


def test_the_page_runs_and_loads_nothing_but_its_own_script_and_style() -> None:
    page = Visitor(guarded()).suspected().ask("/item/1")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert 'src="/.sg/work.js?' in page.text
    assert " on" not in page.text.partition("<body>")[2].replace(" one", "").replace(" on ", ""), "no handler in line"


def test_it_works_where_the_app_is_mounted_below_a_path_and_under_another_prefix() -> None:
    visitor = Visitor(guarded(prefix="/_check/"), root="/shop").suspected()
    page = visitor.ask("/shop/item/1")
    assert page.task["pass"] == "/shop/_check/pass"
    assert visitor.ask("/shop/_check/work.js").status == 200
    given_ = visitor.ask(page.task["pass"], "POST", f"wait={page.wait}".encode())
    assert given_.status == 403
    assert 'action="/shop/_check/pass"' in given_.text
    bare = visitor.ask("/item/1")
    assert bare.task["to"] == "/shop/item/1", "as a server writes it that leaves out the root"


def test_it_speaks_chinese_to_who_reads_chinese() -> None:
    page = Visitor(guarded()).suspected().ask("/", accept_language="zh-CN,zh;q=0.9")
    assert 'lang="zh-Hans"' in page.text
    assert "请稍候" in page.text


def test_an_observing_guard_challenges_nobody() -> None:
    guard = guarded()
    guard.judge.mode = "observe"
    assert Visitor(guard).suspected().ask("/item/1").status == 200


def test_every_step_is_on_record(tmp_path: Path) -> None:
    guard = guarded(str(tmp_path))
    visitor = Visitor(guard).suspected()
    page = visitor.ask("/item/1")
    work = solved(page.task["challenge"])
    visitor.submit(work=work, to="/item/1")
    thief = Visitor(guard, "203.0.113.9")
    thief.submit(work=work, to="/item/1")
    visitor.ask("/item/1")
    thief.cookies = {"__Host-sg": "v1.stolen"}
    thief.ask("/item/1")
    asyncio.run(guard.close())
    records = [it for it in opened.records(tmp_path) if it["k"] == "request"]
    challenged, solving, copying, passed, forged = records
    assert challenged["what"]["verdict"]["rung"] == "challenge"
    assert solving["what"]["verdict"]["cause"] == "challenge"
    asked_ = challenged["what"]["ref"]
    assert solving["what"]["challenge"] == {"asked": asked_, "solved": True, "step": "work", "took": 0, "why": ""}
    assert copying["what"]["challenge"] == {"asked": asked_, "solved": False, "step": "work", "took": 0, "why": "spent"}
    assert passed["what"]["pass"] == {"age": 0, "grade": "work"}
    assert passed["what"]["verdict"]["excuse"] == "pass"
    assert forged["what"]["pass"] == {"fault": "malformed"}
    ids = {it["opened"]["account"]["pass"] for it in records if "account" in it["opened"]}
    assert len(ids) == 1
    (number,) = ids
    assert not any(number in json.dumps(it["what"]) for it in records), "the id of a pass is personal"


def test_agents_are_compared_as_they_are() -> None:
    strange = replace(asked(), agent=Agent("\udcff\n", "unknown", "", None, "", "", ""))
    assert TASKS.waited(TASKS.wait(strange), replace(strange, time=strange.time + 9 * SECOND)).why == ""
