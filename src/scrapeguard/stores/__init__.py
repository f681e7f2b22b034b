"""Where counts and standings live: [store] says which store, `open_store` opens it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scrapeguard.errors import ConfigError
from scrapeguard.model import Plan, Store
from scrapeguard.stores.counting import span
from scrapeguard.stores.failover import Event, Failover
from scrapeguard.stores.memory import MemoryStore

if TYPE_CHECKING:
    from scrapeguard.stores.redis import RedisStore

REDIS = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
UNHURRIED = 2000  # milliseconds for an answer that no visitor waits for


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """[store]"""

    url: str = "memory://"  # or redis://, rediss://, unix://, redis+sentinel://, redis+cluster://
    max_subjects: int = 50_000  # in memory; the longest unseen is forgotten first
    budget_ms: int = 50  # how long a visitor waits for a shared store at most
    breaker_seconds: float = 1.0  # how long a shared store that does not answer is left alone
    prefix: str = "sg"  # of every key in Redis

    def __post_init__(self) -> None:
        for name, value in (("max_subjects", self.max_subjects), ("budget_ms", self.budget_ms)):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more.")


def open_store(settings: StoreSettings, event: Event) -> Store:
    """The store that [store] asks for; `event` receives what belongs in the evidence. Raises ConfigError."""
    scheme = settings.url.partition("://")[0]
    local = MemoryStore(settings.max_subjects)
    if scheme == "memory":
        return local
    if scheme not in REDIS:
        schemes = ", ".join(f"{name}://" for name in ("memory", *REDIS))
        raise ConfigError(f"store.url begins with {scheme!r}.", f"It must begin with one of {schemes}.")
    return Failover(_open_redis(settings), local, event, settings.breaker_seconds)


def check(plan: Plan) -> None:
    """Raise ConfigError for a watch that no store can count."""
    for watch in plan.watches:
        span(watch)


async def about(settings: StoreSettings) -> str:
    """What answers at the URL of [store], in a sentence. Raises ConfigError and StoreUnavailable."""
    if settings.url.startswith("memory:"):
        return "memory: each worker process counts on its own, and forgets with a restart."
    store = _open_redis(replace(settings, budget_ms=max(settings.budget_ms, UNHURRIED)))
    try:
        return await store.about()
    finally:
        await store.close()


def _open_redis(settings: StoreSettings) -> "RedisStore":
    try:
        from scrapeguard.stores.redis import RedisStore  # late: an optional package, and slow to import
    except ModuleNotFoundError as error:
        missing = "store.url needs the package redis, which is not installed."
        raise ConfigError(missing, "Run pip install scrapeguard[redis].") from error
    return RedisStore(settings.url, settings.prefix, settings.budget_ms / 1000)
