"""Where counts and standings live: [store] says which store, `open_store` opens it."""

from collections.abc import Callable
from dataclasses import dataclass

from scrapeguard.errors import ConfigError
from scrapeguard.model import Store
from scrapeguard.stores.memory import MemoryStore

Event = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """[store]"""

    url: str = "memory://"  # or redis://, rediss://, unix://
    max_subjects: int = 50_000  # in memory; the longest unseen is forgotten first
    budget_ms: int = 50  # how long a visitor waits for a shared store at most
    prefix: str = "sg"  # of every key in Redis
    breaker_seconds: float = 2.0  # how long a shared store that failed is left alone

    def __post_init__(self) -> None:
        if self.max_subjects < 1:
            raise ValueError("max_subjects is 0; it must be 1 or more.")
        if self.budget_ms < 1:
            raise ValueError("budget_ms is 0; it must be 1 or more.")


def open_store(settings: StoreSettings, event: Event) -> Store:
    """The store that [store] asks for; `event` receives what belongs in the evidence. Raises ConfigError."""
    scheme = settings.url.partition("://")[0]
    if scheme != "memory":
        raise ConfigError(f"store.url begins with {scheme!r}.", "It must begin with one of memory://.")
    return MemoryStore(settings.max_subjects)
