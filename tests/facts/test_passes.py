"""A pass is read only where it was given to this visitor, here, lately, by us; everything else is no pass."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.config import load
from scrapeguard.errors import ConfigError
from scrapeguard.facts.passes import ChallengeSettings, Passes
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.facts.shared import NAME, shared_secret
from scrapeguard.model import Facts, Fault, Pass, Resource

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
OURS = Passes(ChallengeSettings(secret="a secret that nobody knows"))
TOKEN, GIVEN = OURS.issue("work", "shop.example", CHROME, NOW)


def read(*cookies: str, passes: Passes = OURS, now: int = NOW, host: str = "shop.example", agent: str = CHROME) -> Any:
    pairs = [(b"cookie", cookie.encode("latin-1")) for cookie in cookies]
    return passes.read(pairs, "https", host, agent, now)


def test_who_was_given_a_pass_has_it_until_it_expires() -> None:
    assert read(f"a=b; __Host-sg={TOKEN}; c=d") == (GIVEN, "")
    assert (GIVEN.grade, GIVEN.expires - GIVEN.issued) == ("work", 14400)
    assert read(f"__Host-sg={TOKEN}", now=NOW + 14_399 * SECOND)[0] == GIVEN
    assert read(f"__Host-sg={TOKEN}", now=NOW + 14_400 * SECOND) == (None, "expired")


def test_no_cookie_is_no_pass_and_no_fault() -> None:
    assert read() == (None, "")
    assert read("session=1; other=2") == (None, "")


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ({"host": "other.example"}, "foreign"),
        ({"agent": "curl/8"}, "foreign"),
        ({"now": NOW - 61 * SECOND}, "early"),
        ({"passes": Passes(ChallengeSettings(secret="another secret, as long"))}, "forged"),
    ],
)
def test_a_pass_of_another_site_browser_time_or_guard_is_none(case: dict[str, Any], fault: Fault) -> None:
    assert read(f"__Host-sg={TOKEN}", **case) == (None, fault)


def test_clocks_of_our_machines_may_differ_by_a_minute() -> None:
    assert read(f"__Host-sg={TOKEN}", now=NOW - 60 * SECOND)[0] == GIVEN


def test_with_https_a_cookie_that_a_neighbour_could_have_set_is_not_looked_at() -> None:
    assert read(f"sg={TOKEN}") == (None, "")
    assert OURS.read([(b"cookie", f"__Host-sg={TOKEN}".encode())], "http", "shop.example", CHROME, NOW)[0] is None
    assert OURS.read([(b"cookie", f"sg={TOKEN}".encode())], "http", "shop.example", CHROME, NOW)[0] == GIVEN


def test_every_changed_character_makes_it_none() -> None:
    for place, letter in enumerate(TOKEN):
        changed = TOKEN[:place] + ("A" if letter != "A" else "B") + TOKEN[place + 1 :]
        assert read(f"__Host-sg={changed}")[0] is None, place


def test_a_longer_life_or_a_better_grade_cannot_be_written_in() -> None:
    _, payload, seal = TOKEN.split(".")
    for place in range(30):
        raw = bytearray(urlsafe_b64decode(payload))
        raw[place] ^= 3
        assert read(f"__Host-sg=v1.{urlsafe_b64encode(bytes(raw)).decode()}.{seal}") == (None, "forged")


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_whatever_else_is_in_the_cookie_is_no_pass(text: str) -> None:
    assert read(f"__Host-sg={text}")[0] is None


def test_a_flood_of_cookies_is_looked_at_four_times() -> None:
    forged = "; ".join(f"__Host-sg=v1.{'A' * 40}.{'B' * 43}" for _ in range(5000))
    assert read(f"{forged}; __Host-sg={TOKEN}") == (None, "forged")
    assert read(f"__Host-sg=x; __Host-sg={TOKEN}")[0] == GIVEN, "but a neighbour's cookie before ours does no harm"
    assert read("__Host-sg=x", f"__Host-sg={TOKEN}")[0] == GIVEN, "nor do two header lines, as HTTP/2 has them"


def test_the_secret_changes_and_nobody_is_asked_again() -> None:
    changed = Passes(ChallengeSettings(secret="the next secret in the row", secret_before="a secret that nobody knows"))
    assert read(f"__Host-sg={TOKEN}", passes=changed)[0] == GIVEN
    fresh, given_ = changed.issue("wait", "shop.example", CHROME, NOW)
    assert read(f"__Host-sg={fresh}", passes=changed)[0] == given_
    assert read(f"__Host-sg={fresh}") == (None, "forged"), "the old one alone does not know the new"


def test_without_a_secret_all_processes_of_a_host_share_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as many:
        made = set(many.map(lambda _: shared_secret(tmp_path), range(32)))
    (only,) = made
    assert only is not None
    assert len(only) == 32
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    one, another = Passes(ChallengeSettings()), Passes(ChallengeSettings())
    token, given_ = one.issue("work", None, CHROME, NOW)
    assert one.read([(b"cookie", f"sg={token}".encode())], None, None, CHROME, NOW)[0] == given_
    assert another.read([(b"cookie", f"sg={token}".encode())], None, None, CHROME, NOW) == (None, "forged")
    one.adopt(only)
    another.adopt(only)
    token, given_ = one.issue("work", None, CHROME, NOW)
    assert another.read([(b"cookie", f"sg={token}".encode())], None, None, CHROME, NOW)[0] == given_


def test_a_folder_that_cannot_hold_a_secret_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert shared_secret(tmp_path / "file" / "folder") is None
    (tmp_path / NAME).write_bytes(b"too short")
    assert shared_secret(tmp_path) is None


def ask(path: str, root: str = "", **headers: str) -> Facts:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "scheme": "https", "path": path, "raw_path": path.encode(),
             "query_string": b"", "root_path": root, "headers": pairs, "client": ("192.0.2.7", 4)}  # fmt: skip
    return FactsReader(FactsSettings(), lambda *_: "", passes=OURS).read(scope, NOW)


def test_the_facts_have_the_pass() -> None:
    asked = ask("/item/1", host="shop.example", user_agent=CHROME, cookie=f"__Host-sg={TOKEN}")
    assert (asked.passed, asked.fault, asked.subject("pass")) == (GIVEN, "", f"pass:{GIVEN.id}")
    copied = ask("/item/1", host="shop.example", user_agent="curl/8", cookie=f"__Host-sg={TOKEN}")
    assert (copied.passed, copied.fault, copied.subject("pass")) == (None, "foreign", None)


@pytest.mark.parametrize(
    ("path", "root", "ours"),
    [
        ("/.sg/pass", "", True),
        ("/shop/.sg/pass", "/shop", True),
        ("/item/.sg/pass", "", False),
        ("/shop/x/.sg/pass", "/shop", False),
        ("/item/1?a=/.sg/", "", False),
    ],
)
def test_only_what_we_answer_ourselves_is_spared_the_counting(path: str, root: str, ours: bool) -> None:
    assert (ask(path, root).resource is Resource.NOTICE) is ours


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "short"},
        {"prefix": "sg"},
        {"prefix": "/a//b/"},
        {"cookie": "a b"},
        {"calculations": 0},
        {"calculations": 9, "calculations_most": 8},
        {"cost": 1_000_000},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load({"challenge": wrong}).section("challenge", ChallengeSettings)


def test_a_pass_says_nothing_of_whom_it_was_given_to() -> None:
    raw = urlsafe_b64decode(TOKEN.split(".")[1])
    assert b"shop" not in raw
    assert b"Mozilla" not in raw
    assert isinstance(GIVEN, Pass)
    assert bytes.fromhex(GIVEN.id) in raw
