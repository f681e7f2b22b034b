"""Passes: a pass of the challenge that is carried about, or used up.

Sees: a challenge solved in one place and used in many; one solution behind thousands of requests.
Wrongs: somebody who reads on a train or through Tor, and changes networks more often than the limit: he is asked
again, and no more. So a pass that is used up weighs nothing, and one that was carried too far weighs little.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Resource, Seen, Signal, Watch


def _used(facts: Facts) -> int:
    return 1 if facts.passed is not None and facts.resource in (Resource.PAGE, Resource.DATA) else 0


def _network(facts: Facts) -> str | None:
    return facts.client.network or None if facts.passed is not None else None


def _looks(facts: Facts) -> str | None:
    return facts.fingerprint if facts.passed is not None else None


@dataclass(frozen=True, slots=True)
class Passes:
    mode: Mode = "enforce"
    weight: int = 2
    networks: int = 6  # it is carried through
    looks: int = 4  # fingerprints of the browser: it sends other headers now and then, or another TLS handshake
    uses: int = 800  # pages and data
    uses_wait: int = 200  # of a pass for which nothing was calculated
    window: int = 14400  # seconds; as long as a pass lasts

    def watches(self) -> tuple[Watch, ...]:
        return (
            Watch("pass.networks", "distinct", self.window, _network, "pass", bits=256),
            Watch("pass.looks", "distinct", self.window, _looks, "pass", bits=256),
            Watch("pass.uses", "count", self.window, _used, "pass"),
        )

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        networks, looks, uses = seen
        if facts.passed is None:
            return None
        if isinstance(networks, int) and networks > self.networks:
            reason = f"a pass was used from {networks} networks; the limit is {self.networks}"
            return Signal("passes", self.weight, reason, networks, self.networks, self.mode)
        if isinstance(looks, int) and looks > self.looks:
            reason = f"a pass was used by {looks} different browsers; the limit is {self.looks}"
            return Signal("passes", self.weight, reason, looks, self.looks, self.mode)
        limit = self.uses if facts.passed.grade == "work" else self.uses_wait
        if isinstance(uses, int) and uses > limit:
            reason = f"a pass was used {uses} times; the limit is {limit}, so it is used up"
            return Signal("passes", 0, reason, uses, limit, self.mode)
        return None
