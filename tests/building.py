"""Facts, verdicts and logs for tests of the evidence, built by hand."""

from pathlib import Path

from scrapeguard.config import Config
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.model import Agent, AgentKind, Client, Facts, Outcome, Resource, Rung, Signal, Verdict

START = 1_790_000_000_000_000  # an instant, microseconds
SECOND = 1_000_000
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def client(address: str = "192.0.2.7", port: int = 40123) -> Client:
    return Client(address, address, "192.0.2.0/24", port, address, "peer")


def agent(raw: str = FIREFOX, kind: AgentKind = "browser") -> Agent:
    return Agent(raw, kind, "Firefox", 140, "Linux", "", "Firefox")


def facts(
    second: float = 0,
    path: str = "/item/1",
    address: str = "192.0.2.7",
    query: str = "",
    raw: str = FIREFOX,
    host: str | None = "shop.example",
    resource: Resource = Resource.PAGE,
    forbidden: str | None = "",
    referer: str | None = None,
    method: str = "GET",
    reference: str = "7H2K-9QXA",
    trapped: bool = False,
) -> Facts:
    asked = f"{path}?{query}" if query else path
    return Facts(
        time=START + round(second * SECOND),
        reference=reference,
        method=method,
        scheme="https",
        host=host,
        path=path,
        query=query,
        resource=resource,
        object=asked,
        client=client(address),
        agent=agent(raw),
        headers=None,
        referer=referer,
        fingerprint="5f1d2c3b4a596877",
        credential=None,
        forbidden=forbidden,
        trapped=trapped,
        has_assets=True,
    )


def signal(detector: str = "pace", weight: int = 4, seen: int = 130, limit: int = 120) -> Signal:
    return Signal(detector, weight, f"{seen} requests in 60 s; the limit is {limit}", seen, limit)


FINE = Verdict(Rung.ALLOW, Rung.ALLOW, "none")
SLOWED = Verdict(Rung.THROTTLE, Rung.THROTTLE, "signals", (signal(),), 4, 30)
BLOCKED = Verdict(Rung.BLOCK, Rung.BLOCK, "signals", (signal(), signal("breadth", 5, 300, 200)), 9, 900)
HELD = Verdict(Rung.BLOCK, Rung.BLOCK, "standing", (), 0, 880)
OBSERVED = Verdict(Rung.ALLOW, Rung.BLOCK, "signals", (signal(), signal("breadth", 5, 300, 200)), 9, 900, "observe")
SERVED = Outcome(200, 5120, 900, complete=True)
REFUSED = Outcome(403, 640, 120, complete=True)
LATER = Outcome(429, 512, 110, complete=True)


def open_log(folder: Path, **changes: object) -> EvidenceLog:
    """A log in `folder`, with a configuration and one notice in force."""
    settings = EvidenceSettings(directory=str(folder), **changes)  # type: ignore[arg-type]
    log = EvidenceLog(settings, Path)
    config = Config({})
    config.section("evidence", EvidenceSettings)
    log.activate("enforce", config, {"/robots.txt": b"User-agent: *\nDisallow: /private\n"})
    return log
