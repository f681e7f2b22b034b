"""A program can solve a challenge; what it does afterwards is counted as before, and stops it."""

import json
from collections import Counter

from altcha_solver import AltchaSolver
from challenging import CHROME, Visitor, guarded, packed

HEADLESS = CHROME | {"user-agent": CHROME["user-agent"].replace("Chrome/", "HeadlessChrome/")}


def solve(bot: Visitor) -> None:
    """Get a pass with a solver that was made for that."""
    challenge = json.loads(bot.ask("/item/0").task["challenge"])
    solution = AltchaSolver().solve(challenge)
    answer = {"challenge": challenge, "solution": {name: solution[name] for name in ("counter", "derivedKey")}}
    assert bot.submit(work=packed(answer), to="/item/0").status == 303


def walk(bot: Visitor, pages: int) -> Counter[int]:
    return Counter(bot.ask(f"/item/{number}").status for number in range(pages))


def test_a_solver_that_copies_on_is_stopped_in_spite_of_its_pass() -> None:
    bot = Visitor(guarded()).suspected()
    solve(bot)
    statuses = walk(bot, 400)
    assert 1 < statuses[200] < 130
    assert statuses[200] + statuses[403] + statuses[429] == 400
    assert bot.ask("/.sg/work.js").status in (403, 429), "and it gets no second task"


def test_a_headless_browser_that_copies_on_is_stopped_as_well() -> None:
    bot = Visitor(guarded(), headers=HEADLESS).suspected()
    solve(bot)
    assert walk(bot, 200)[200] < 60


def test_more_passes_do_not_help_one_address() -> None:
    guard, served = guarded(), 0
    for _ in range(5):
        bot = Visitor(guard)
        if bot.suspected().ask("/item/0").status == 403 and "task" in bot.ask("/item/0").text:
            solve(bot)
        served += walk(bot, 100)[200]
    assert served < 130
