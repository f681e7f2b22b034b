"""User agents: what kind of program asks, what it is called, and who runs it."""

from functools import lru_cache

from scrapeguard.model import Agent, AgentKind

MAX_RAW = 1024


def classify(raw: str | None) -> Agent:
    return _classified((raw or "")[:MAX_RAW])


@lru_cache(4096)
def _classified(raw: str) -> Agent:
    token = raw.partition("/")[0].partition(" ")[0]
    kind: AgentKind = "browser" if raw.startswith("Mozilla/5.0 (") and "bot" not in raw.lower() else "unknown"
    return Agent(raw, kind, "", None, "", "", token)
