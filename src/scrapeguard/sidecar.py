"""[server] and [proxy]: settings of our own servers, apart from them, so that every door can read the same file."""

from dataclasses import dataclass
from typing import Literal

SCHEMES = ("http://", "https://", "unix:")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """[server]: what `scrapeguard proxy` and `scrapeguard auth` put up with."""

    head_seconds: float = 15.0  # until the head of a request is complete
    head_bytes: int = 65_536
    headers: int = 128  # lines of it
    target_bytes: int = 16_384
    body_seconds: float = 60.0  # between two parts of a body; without any of the answer taken
    connections: int = 0  # of each worker at a time; 0 = as many as the system allows

    def __post_init__(self) -> None:
        for name in ("head_seconds", "body_seconds", "head_bytes", "headers", "target_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0.")


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """[proxy]"""

    upstreams: tuple[str, ...] = ()  # "http://127.0.0.1:8080", "https://site.internal", "unix:/run/site.sock"
    host: Literal["preserve", "upstream"] = "preserve"
    ca_file: str = ""  # whose certificates are believed of an https upstream; "" = those of the system
    connections: int = 256  # to each upstream, of each worker
    connect_seconds: float = 5.0
    send_seconds: float = 30.0
    answer_seconds: float = 60.0
    idle_seconds: float = 60.0
    keep_seconds: float = 4.0
    rest_seconds: float = 1.0
    health_path: str = ""
    health_seconds: float = 2.0
    drain_seconds: float = 1.0
    end_seconds: int = 30

    def __post_init__(self) -> None:
        for url in self.upstreams:
            if not url.startswith(SCHEMES):
                raise ValueError(f"upstreams has {url!r}; it must begin with one of {', '.join(SCHEMES)}.")
        if self.connections < 1:
            raise ValueError("connections is 0; it must be at least 1.")
        if self.health_path and not self.health_path.startswith("/"):
            raise ValueError(f"health_path is {self.health_path!r}; it must begin with a slash.")
