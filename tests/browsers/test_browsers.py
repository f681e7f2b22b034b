"""People with real browsers get through the challenge, quickly, once, by keyboard, without script, in their language.

One of these runs with the suite; `make browsers` runs them all, and leaves screenshots where SCRAPEGUARD_BROWSERS says.
"""

import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from driving import Browser, Wanted, browser
from programs import program
from serving import Served, serve

HERE = Path(__file__).parent
ALL = os.environ.get("SCRAPEGUARD_BROWSERS", "")
AXE = os.environ.get("SCRAPEGUARD_AXE", "")
SUSPECT = """
[signals.pace]
limit = 0
distinct = 0
each = 0
weight = {weight}
[policy]
throttle = {throttle}
challenge = {challenge}
block = {block}
[notices]
contact = "mailto:data@shop.example"
terms_url = "https://shop.example/terms"
[responses]
site = "The shop"
[challenge]
{more}
"""
CHALLENGED = {"weight": 1, "throttle": 0, "challenge": 1, "block": 100, "more": ""}
NEVER_ENDING = CHALLENGED | {"more": "calculations = 100000\ncalculations_most = 100000\ncost = 3000\nwait_seconds = 2"}
KINDS = [
    Wanted("chromium"),
    Wanted("chromium", headless=False),
    Wanted("firefox"),
    Wanted("firefox", headless=False),
]
TAB, ENTER, SHIFT = "\ue004", "\ue007", "\ue008"
TITLES = {
    ("challenge", "en-US"): "One moment",
    ("challenge", "zh-CN"): "请稍候",
    ("throttle", "en-US"): "Please wait",
    ("throttle", "zh-CN"): "请稍候片刻",
    ("block", "en-US"): "Access is refused",
    ("block", "zh-CN"): "访问",
}
thorough = pytest.mark.skipif(not ALL, reason="`make browsers` runs this")


@contextmanager
def shop(folder: Path, options: dict[str, object], *, https: bool = False) -> Iterator[tuple[Served, str]]:
    """A shop that suspects everybody, and its address."""
    extra: tuple[str, ...] = ()
    folder.mkdir(exist_ok=True)
    if https:
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        names = [
            "-subj",
            "/CN=shop.test",
            "-addext",
            "subjectAltName=DNS:shop.test",
            "-keyout",
            key,
            "-out",
            certificate,
        ]
        subprocess.run([*command, *names], check=True, capture_output=True)
        extra = (f"--ssl-keyfile={key}", f"--ssl-certfile={certificate}")
    with serve("shop:application", folder / "served", SUSPECT.format(**options), apps=HERE, extra=extra) as served:
        yield served, f"{'https' if https else 'http'}://{{}}:{served.port}"


def asked(served: Served) -> list[str]:
    """What became of each page, in order: its rung, or what came of an answer to the challenge."""
    told = []
    for record in served.records():
        what = record["what"]
        if record["k"] == "request" and what["resource"] in ("page", "notice"):
            attempt = what.get("challenge")
            told.append(
                what["verdict"]["rung"] if attempt is None else f"{attempt['step']} {attempt['why'] or 'solved'}"
            )
    return told


def waited(served: Served) -> list[float]:
    """Seconds from each challenge that was passed to the page that followed, as the server saw it."""
    challenged, found = 0, []
    for record in served.records():
        what = record["what"]
        if record["k"] != "request" or what["resource"] != "page":
            continue
        if what["verdict"]["rung"] == "challenge":
            challenged = record["t"]
        elif challenged:
            found.append((record["t"] - challenged) / 1_000_000)
            challenged = 0
    return found


def test_chromium_passes_and_is_not_asked_again(tmp_path: Path) -> None:
    with shop(tmp_path, CHALLENGED) as (served, url), browser(Wanted()) as window:
        window.visit(url.format("127.0.0.1") + "/item/1?q=a%20b#part")
        window.wait_for("Item 1 of the shop")
        assert window.run("return location.href").endswith("/item/1?q=a%20b#part")
        for number in range(2, 5):
            window.visit(url.format("127.0.0.1") + f"/item/{number}")
            assert window.title == f"Item {number} of the shop"
        assert asked(served)[:3] == ["challenge", "allow", "work solved"]
        assert asked(served).count("challenge") == 1


@thorough
@pytest.mark.parametrize("https", [False, True], ids=["localhost", "https"])
@pytest.mark.parametrize("wanted", KINDS, ids=str)
def test_within_two_seconds_and_once(wanted: Wanted, https: bool, tmp_path: Path) -> None:
    seconds = []
    with shop(tmp_path, CHALLENGED, https=https) as (served, url):
        address = url.format("shop.test" if https else "127.0.0.1")
        for _ in range(3):
            with browser(wanted, "shop.test") as window:
                for number in (1, 2, 3):
                    window.visit(f"{address}/item/{number}")
                    window.wait_for(f"Item {number} of the shop")
        seconds = waited(served)
        assert [it for it in asked(served) if it != "allow"] == ["challenge", "work solved"] * 3
    print(f"\n{wanted} https={https}: {[round(it, 2) for it in seconds]} s")
    assert statistics.median(seconds) < 2


@thorough
@pytest.mark.parametrize("wanted", KINDS, ids=str)
def test_without_script_the_page_follows_by_itself(wanted: Wanted, tmp_path: Path) -> None:
    quiet = replace(wanted, scripts=False)
    with shop(tmp_path, CHALLENGED | {"more": "wait_seconds = 2"}) as (served, url), browser(quiet) as window:
        window.visit(url.format("127.0.0.1") + "/item/1")
        assert "One moment" in window.title
        window.wait_for("Item 1 of the shop")
        window.visit(url.format("127.0.0.1") + "/item/2")
        assert window.title == "Item 2 of the shop"
        assert [it for it in asked(served) if it != "allow"] == ["challenge", "wait solved"]


@thorough
@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_without_cookies_one_is_told_so_and_not_sent_round(name: str, scripts: bool, tmp_path: Path) -> None:
    wanted = Wanted(name, cookies=False, scripts=scripts)  # type: ignore[arg-type]
    with shop(tmp_path, CHALLENGED | {"more": "wait_seconds = 1"}) as (served, url), browser(wanted) as window:
        window.visit(url.format("127.0.0.1") + "/item/1")
        window.wait_for("kept no cookie")
        if ALL:
            window.photograph(Path(ALL) / f"no-cookies-{wanted}.png")
        assert asked(served).count("challenge") == 1


@thorough
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_on_plain_http_a_browser_waits_as_it_cannot_calculate(name: str, tmp_path: Path) -> None:
    options = CHALLENGED | {"more": "wait_seconds = 2"}
    with shop(tmp_path, options) as (served, url), browser(Wanted(name), "shop.test") as window:  # type: ignore[arg-type]
        window.visit(url.format("shop.test") + "/item/1")
        window.wait_for("Item 1 of the shop")
        assert [it for it in asked(served) if it != "allow"] == ["challenge", "wait solved"]


@thorough
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_with_the_keyboard_alone_the_button_can_be_reached_and_pressed(name: str, tmp_path: Path) -> None:
    with shop(tmp_path, NEVER_ENDING) as (served, url), browser(Wanted(name)) as window:  # type: ignore[arg-type]
        window.visit(url.format("127.0.0.1") + "/item/1")
        window.wait_for("One moment")
        shown = "return !document.getElementById('otherwise').hidden"
        assert not window.run(shown), "it is offered when there is a reason to"
        window.wait_until(shown)
        window.keys(TAB)
        assert window.run("return document.activeElement.tagName") == "BUTTON"
        window.keys(ENTER)
        window.wait_for("Item 1 of the shop")
        assert "wait solved" in asked(served)


@thorough
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_every_page_can_be_used_by_everybody(name: str, phone: bool, dark: bool, language: str, tmp_path: Path) -> None:
    """axe-core finds nothing; the screenshots are for people to look at."""
    wanted = Wanted(name, language=language, dark=dark, phone=phone)  # type: ignore[arg-type]
    rungs = {
        "challenge": NEVER_ENDING,
        "throttle": {"weight": 1, "throttle": 1, "challenge": 0, "block": 100, "more": ""},
        "block": {"weight": 9, "throttle": 1, "challenge": 0, "block": 2, "more": ""},
    }
    with browser(wanted) as window:
        for rung, options in rungs.items():
            with shop(tmp_path / rung, options) as (_, url):
                address = url.format("127.0.0.1")
                window.visit(f"{address}/item/1")
                window.wait_for(TITLES[rung, language])
                _look(window, f"{rung}-{wanted}")
                if rung == "challenge":
                    window.wait_until("return !document.getElementById('otherwise').hidden")
                    _look(window, f"{rung}-offered-{wanted}")
                    window.visit(f"{address}/.sg/back?to=/item/1")
                    _look(window, f"cookies-{wanted}")


def _look(window: Browser, name: str) -> None:
    assert "of the shop" not in window.title
    window.photograph(Path(ALL) / f"{name}.png")
    assert window.run("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    if AXE:
        found = window.audit(Path(AXE).read_text("utf-8"))
        assert not found, [(it["id"], it["impact"], it["nodes"][0]["html"]) for it in found]


@thorough
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_a_script_of_a_page_is_told_so_and_the_page_goes_on_after_a_reload(name: str, tmp_path: Path) -> None:
    fetched = "const done = arguments[0]; fetch('/api/items').then((it) => done(it.status));"
    with shop(tmp_path, CHALLENGED) as (served, url), browser(Wanted(name)) as window:  # type: ignore[arg-type]
        window.visit(url.format("127.0.0.1") + "/item/1")
        window.wait_for("Item 1 of the shop")
        assert window.run_slowly(fetched) == 200
        assert served.records()


def test_the_programs_are_there_in_ci() -> None:
    assert program("chromium")
    assert program("chromedriver")
