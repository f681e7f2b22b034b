"""The tarpit holds programs at a bounded cost; never a shutdown, a proxy, or more than there is room for."""

import asyncio
import json
import resource
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from building import facts, signal
from starlette.types import ASGIApp, Message, Scope

from scrapeguard.doors.forward_auth import ForwardAuth
from scrapeguard.model import Headers, Identity, Rung, Standing, Tally, Verdict
from scrapeguard.policy import Policy
from scrapeguard.responses import Responses, ResponseSettings, TarpitSettings

CAUGHT = Verdict(Rung.TARPIT, Rung.TARPIT, "signals", (signal(),), 6, 900)
GET: Scope = {"type": "http", "method": "GET"}


class Visitor:
    """The other end of a connection: what it was sent, and what it does. It takes everything while it `hears`."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.says: asyncio.Queue[Message] = asyncio.Queue()
        self.hears = asyncio.Event()
        self.hears.set()
        self.says.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def receive(self) -> Message:
        return await self.says.get()

    async def send(self, message: Message) -> None:
        await self.hears.wait()
        self.sent.append(message)

    def leave(self) -> None:
        self.says.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        return self.sent[-1].get("more_body") is False or "more_body" not in self.sent[-1]


def responses(connections: int = 10, seconds: int = 60, drip_seconds: int = 1) -> Responses:
    return Responses(ResponseSettings(), "", "", holding=TarpitSettings(connections, seconds, drip_seconds))


def answer(ours: Responses, *, hold: bool = True, accept: str = "*/*") -> ASGIApp:
    return ours.answer(CAUGHT, replace(facts(), headers=Headers([(b"accept", accept.encode())])), hold=hold)


def begin(ours: Responses, scope: Scope = GET) -> tuple[Visitor, asyncio.Task[None]]:
    visitor = Visitor()

    async def served() -> None:
        await answer(ours)(scope, visitor.receive, visitor.send)

    return visitor, asyncio.create_task(served())


def trial(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene; nothing in it may hang."""

    async def timed() -> None:
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(timed())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (the wheel's own clock moves it)
        await asyncio.sleep(0.01)


def test_all_is_told_at_once_and_then_a_byte_now_and_then():
    async def scene() -> None:
        visitor, task = begin(responses())
        await until(lambda: len(visitor.sent) >= 2)
        assert visitor.status == 429
        names = {name for name, _ in visitor.sent[0]["headers"]}
        assert b"content-length" not in names
        assert b"retry-after" in names
        assert (b"cache-control", b"no-store") in visitor.sent[0]["headers"]
        assert json.loads(visitor.body)["reference"] == facts().reference
        await until(lambda: len(visitor.sent) == 4)
        assert visitor.body.endswith(b"}\n\n")
        json.loads(visitor.body)
        assert not task.done()
        visitor.leave()
        await task

    trial(scene)


def test_it_ends_at_once_when_the_client_has_gone_and_sends_nothing_more():
    async def scene() -> None:
        visitor, task = begin(responses())
        await until(lambda: len(visitor.sent) >= 2)
        visitor.leave()
        await task
        assert not visitor.complete

    trial(scene)


def test_it_ends_when_its_time_is_over():
    async def scene() -> None:
        visitor, task = begin(responses(seconds=1))
        await task
        assert visitor.complete
        assert visitor.status == 429

    trial(scene)


def test_who_comes_when_there_is_no_room_is_blocked_at_once_and_room_comes_back():
    async def scene() -> None:
        ours = responses(connections=3)
        crowd = [begin(ours) for _ in range(100)]
        await until(lambda: sum(task.done() for _, task in crowd) == 97)
        assert [visitor.status for visitor, task in crowd if task.done()] == [403] * 97
        crowd[0][0].leave()
        await crowd[0][1]
        late, held = begin(ours)
        await until(lambda: len(late.sent) >= 2)
        assert late.status == 429
        assert not held.done()
        ours.release()
        await asyncio.gather(held, *(task for _, task in crowd))

    trial(scene)


def test_a_release_ends_everybody_and_nobody_is_held_afterwards():
    async def scene() -> None:
        ours = responses()
        crowd = [begin(ours) for _ in range(5)]
        await until(lambda: all(len(visitor.sent) >= 2 for visitor, _ in crowd))
        await asyncio.to_thread(ours.release)
        await asyncio.gather(*(task for _, task in crowd))
        assert all(visitor.complete for visitor, _ in crowd)
        late, task = begin(ours)
        await task
        assert late.status == 403

    trial(scene)


def test_whoever_does_not_even_take_a_byte_is_let_go():
    async def scene() -> None:
        visitor, task = begin(responses())
        await until(lambda: len(visitor.sent) >= 2)
        visitor.hears.clear()
        await task
        assert not visitor.complete

    trial(scene)


def test_whoever_goes_on_to_send_is_let_go_after_a_bounded_part():
    async def scene() -> None:
        visitor, task = begin(responses())
        taken = 0

        async def pour() -> None:
            nonlocal taken
            while not task.done():
                visitor.says.put_nowait({"type": "http.request", "body": b"x" * 10_000, "more_body": True})
                taken += 1
                await until(visitor.says.empty)

        await asyncio.wait({task, asyncio.create_task(pour())}, return_when=asyncio.FIRST_COMPLETED)
        assert visitor.complete
        assert taken < 10

    trial(scene)


def test_a_server_whose_receive_never_waits_is_not_held_up():
    async def scene() -> None:
        visitor = Visitor()

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await answer(responses())(GET, receive, visitor.send)
        assert visitor.complete

    trial(scene)


def test_the_server_may_still_cancel_it():
    async def scene() -> None:
        ours = responses()
        visitor, task = begin(ours)
        await until(lambda: len(visitor.sent) >= 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        crowd = [begin(ours) for _ in range(10)]  # the room it took is free again
        await until(lambda: all(len(each.sent) >= 2 for each, _ in crowd))
        assert {each.status for each, _ in crowd} == {429}
        ours.release()
        await asyncio.gather(*(task for _, task in crowd))

    trial(scene)


@pytest.mark.parametrize("scope", [GET | {"method": "HEAD"}, {"type": "websocket"}])
def test_what_has_no_body_is_not_held(scope: Scope):
    async def scene() -> None:
        visitor = Visitor()
        if scope["type"] == "websocket":
            visitor.says = asyncio.Queue()
            visitor.says.put_nowait({"type": "websocket.connect"})
        await answer(responses())(scope, visitor.receive, visitor.send)
        assert visitor.sent[0] == {"type": "websocket.close"} or visitor.status == 403

    trial(scene)


def test_a_door_on_which_a_proxy_waits_blocks_at_once():
    async def scene() -> None:
        visitor = Visitor()
        await answer(responses(), hold=False)(GET, visitor.receive, visitor.send)
        assert visitor.status == 403
        assert visitor.complete

    trial(scene)


def test_a_person_has_the_whole_page_at_once():
    async def scene() -> None:
        visitor = Visitor()
        app = answer(responses(), accept="text/html")
        task = asyncio.create_task(app(GET, visitor.receive, visitor.send))  # type: ignore[arg-type]
        await until(lambda: len(visitor.sent) >= 2)
        assert visitor.body.rstrip().endswith(b"</html>")
        assert b"You need not wait" in visitor.body
        visitor.leave()
        await task

    trial(scene)


def test_it_never_takes_more_than_a_quarter_of_the_files(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (16, 16))

    async def scene() -> None:
        ours = responses(connections=10_000)
        crowd = [begin(ours) for _ in range(10)]
        await until(lambda: sum(task.done() for _, task in crowd) == 6)
        ours.release()
        await asyncio.gather(*(task for _, task in crowd))

    trial(scene)


@pytest.mark.parametrize("standing", [Standing(), Standing(Rung.TARPIT, 10**18, 1)])
def test_a_verified_crawler_is_never_put_in_it(standing: Standing):
    policy, found = Policy(throttle=2, challenge=3, tarpit=4, block=8), (signal("trap", 4, 3, 1),)
    tally = Tally((), standing)
    for state, rung in (("verified", Rung.THROTTLE), ("unknown", Rung.TARPIT), ("refuted", Rung.TARPIT)):
        named = Identity(state, "dns", "Search Co", "SearchBot", "search")  # type: ignore[arg-type]
        excuse = policy.excuse(replace(facts(), identity=named), found)
        assert policy.decide(found, tally, 1, "enforce", excuse).rung is rung


@pytest.mark.parametrize("mode", ["generic", "nginx", "nginx-page", "envoy"])
def test_forward_auth_answers_a_proxy_at_once(mode: str):
    settings = {
        "facts": {"trusted_proxies": ["127.0.0.1"], "traps": ["/trap/*"]},
        "signals": {"trap": {"weight": 4}},
        "policy": {"throttle": 0, "challenge": 0, "tarpit": 4, "block": 0},
        "evidence": {"directory": ""},
    }
    asked = {
        "host": "shop.example", "x-forwarded-for": "192.0.2.9", "x-forwarded-proto": "https",
        "x-forwarded-method": "GET", "x-forwarded-uri": "/trap/1", "x-original-uri": "/trap/1",
        "x-original-method": "GET",
    }  # fmt: skip
    path = "/envoy/trap/1" if mode == "envoy" else "/check"
    scope: Scope = {
        "type": "http", "asgi": {}, "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode(),
        "scheme": "http", "root_path": "", "server": ("127.0.0.1", 80),
        "query_string": b"" if mode == "envoy" else f"mode={mode}".encode(),
        "headers": [(name.encode(), value.encode()) for name, value in asked.items()],
        "client": ("127.0.0.1", 4000),
    }  # fmt: skip

    async def scene() -> None:
        visitor = Visitor()
        await ForwardAuth(settings)(scope, visitor.receive, visitor.send)
        assert visitor.status in (401, 403)
        assert (b"x-sg-verdict", b"tarpit") in visitor.sent[0]["headers"]
        assert visitor.complete

    trial(scene)
