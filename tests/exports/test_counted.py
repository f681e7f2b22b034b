"""What the incident says of any traffic, the verifier counts just so: an honest bundle never fails for its figures."""

import random
import time
from dataclasses import replace
from pathlib import Path

import building
import pytest
from building import open_log
from bundling import brought, exported

from scrapeguard.evidence.verify import UNANCHORED, verify
from scrapeguard.model import Agent, Outcome, Resource, Rung, Verdict

CAUSES = ("signals", "standing", "deny-list", "challenge")


def anything(chance: random.Random, many: int) -> Verdict:
    signals = tuple(
        replace(
            building.signal(f"detector-{chance.randrange(4)}", chance.randrange(5), chance.randrange(300)),
            mode=chance.choice(("enforce", "observe")),
        )
        for _ in range(chance.randrange(3))
    )
    rung, intended = chance.choice(list(Rung)), chance.choice(list(Rung))
    mode = chance.choice(("enforce", "observe"))
    return Verdict(rung, intended, chance.choice(CAUSES), signals, 4, chance.randrange(many), mode)


@pytest.mark.parametrize(("many", "requests"), [(5, 300), (70, 400), (1_500, 3_000)])
def test_any_traffic(tmp_path: Path, many: int, requests: int) -> None:
    """`many` different values of each thing: fewer than are listed, more, and more than are counted."""
    chance, zero = random.Random(many), time.time_ns() // 1000 - 600 * building.SECOND
    logs = [open_log(tmp_path / "evidence") for _ in range(3)]
    for number in range(requests):
        value = chance.choice((number, chance.randrange(many)))
        resource = chance.choice(list(Resource))
        path = "/robots.txt" if resource is Resource.NOTICE and chance.random() < 0.7 else f"/item/{value}"
        made = building.facts(0, path, host=chance.choice((None, f"h{value}.example")), resource=resource)
        raw = chance.choice(("", "\udcff\x00'\"", f"agent {value}"))
        made = replace(
            made,
            time=zero + chance.randrange(500 * building.SECOND),
            agent=chance.choice((None, Agent(raw, "script", "x", 1, "", "", "x"))),
            fingerprint=chance.choice((None, f"{value:016x}")),
            forbidden=chance.choice((None, "", f"Disallow: /{value}")),
            trapped=chance.random() < 0.1,
            reference=f"{number:04}-{value:04}",
        )
        outcome = Outcome(100 + chance.randrange(min(many, 800)), chance.randrange(9_000), chance.randrange(900), True)
        told = (f"/notice{value % 60}", f"{value % 9:064x}") if chance.random() < 0.3 else None
        chance.choice(logs).request(made, anything(chance, many), outcome, told=told)
    for log in logs:
        log.close()
    bundle = exported(tmp_path)
    result = verify(str(bundle.path), brought(bundle))
    assert result.code == UNANCHORED, (result.failed, result.problem[:500])
