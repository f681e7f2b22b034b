"""Requests and plans for the store tests, and one way to drive any store with them."""

from collections.abc import Callable, Sequence

from scrapeguard.model import (
    Client,
    Facts,
    Outcome,
    Plan,
    Resource,
    Seen,
    Store,
    SubjectKind,
    Taken,
    Watch,
    WatchKind,
)

START = 1_750_000_000_000_000  # a whole number of buckets of 10 s; no day begins here
SECOND = 1_000_000
OK = Outcome(200, 0, 0, True)


def request(
    at: float = 0,
    path: str = "/",
    address: str = "192.0.2.7",
    fingerprint: str | None = None,
    method: str = "GET",
    network: str = "192.0.2.0/24",
) -> Facts:
    """A request `at` seconds after START."""
    client = Client(address, address, network, None, None, "peer")
    return Facts(
        time=START + round(at * SECOND),
        reference="r",
        method=method,
        scheme=None,
        host=None,
        path=path,
        query="",
        resource=Resource.PAGE,
        object=path,
        client=client,
        agent=None,
        headers=None,
        referer=None,
        fingerprint=fingerprint,
        credential=None,
        forbidden=None,
        trapped=False,
        has_assets=None,
    )


def one(facts: Facts, outcome: Outcome | None = None) -> int:
    return 1


def nothing(facts: Facts) -> Taken:
    return None


def path(facts: Facts, outcome: Outcome | None = None) -> str:
    return facts.path


def number(facts: Facts) -> Taken:
    """The walk's family and number, for paths such as "/item/7"."""
    family, _, last = facts.path.rpartition("/")
    return (family, int(last)) if last.lstrip("-").isdigit() else None


TAKES: dict[WatchKind, Callable[..., Taken]] = {"count": one, "distinct": path, "gaps": one, "steps": number}


def watch(
    kind: WatchKind,
    window: int = 10,
    take: Callable[..., Taken] | None = None,
    subject: SubjectKind = "address",
    bits: int = 4096,
    after: bool = False,
) -> Watch:
    return Watch(f"{kind}-{subject}", kind, window, take or TAKES[kind], subject, after, bits)


async def feed(store: Store, plan: Plan, requests: Sequence[Facts]) -> tuple[Seen, ...]:
    """The answers to the last of some requests."""
    seen: tuple[Seen, ...] = ()
    for each in requests:
        seen = (await store.observe(each, plan)).seen
    return seen
