"""The errors ScrapeGuard raises, as one small tree; each says what is wrong and, as its hint, what to do.

ScrapeGuardError
├── ConfigError          a setting is unknown, of the wrong type or out of range
├── InputError           a log, bundle, robots.txt or record that we were given cannot be used
│   └── FormatError      one line or file breaks the rules of its format; names the place
├── StoreUnavailable     the store did not answer within its budget; the guard goes on without it
├── UpstreamError        the site behind the sidecar did not answer as it should
└── EvidenceError        the evidence log cannot be opened or written
"""


class ScrapeGuardError(Exception):
    """A sentence that says what is wrong and where; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ConfigError(ScrapeGuardError):
    """A setting is unknown, of the wrong type or out of range."""


class InputError(ScrapeGuardError):
    """A log, bundle, robots.txt or record that we were given cannot be used."""


class FormatError(InputError):
    """One line or file breaks the rules of its format."""


class StoreUnavailable(ScrapeGuardError):
    """The store did not answer within its budget."""


class UpstreamError(ScrapeGuardError):
    """The site behind the sidecar did not answer as it should; `status` is what the visitor gets instead."""

    def __init__(self, kind: str, status: int, message: str, phase: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.phase = phase
        self.upstream = ""  # which one, where it is known


class EvidenceError(ScrapeGuardError):
    """The evidence log cannot be opened or written."""
