"""[proxy]: the sidecar's settings, apart from the sidecar itself, so that every door can read one and the same file."""

from dataclasses import dataclass
from typing import Literal

SCHEMES = ("http://", "https://", "unix:")


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
