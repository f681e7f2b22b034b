"""Privacy: what names somebody is sealed, dies in time or when asked, and survives only where a hold says so."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from building import BLOCKED, FINE, REFUSED, SERVED, facts, open_log

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import fsck, subject
from scrapeguard.evidence.cases import Cases
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.hour import hour_of, now
from scrapeguard.evidence.incidents import find, incidents, members
from scrapeguard.evidence.incidents import hold as keep_case
from scrapeguard.evidence.keeper import DAY, Keeper, KeeperSettings
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import lines, parse, segments
from scrapeguard.evidence.vault import Vault

ADDRESS, OTHER = "203.0.113.77", "198.51.100.23"
AGENT = "Sneaky-Harvester/6.66 (contact: nobody)"
PATH, QUERY, REFERER = "/dossier/anna-k-4711", "q=rare+disease", "https://shop.example/from/here-2911"
ACCOUNT, FINGERPRINT = "5e55104acc0047d1", "feedfacecafe0042"
SETTINGS = KeeperSettings(site="shop.example", host="web1")


def traffic(folder: Path, count: int = 20) -> None:
    log = open_log(folder)
    for number in range(count):
        for address in (ADDRESS, OTHER):
            odd = number >= count - 3 and address == ADDRESS
            f = facts(number, PATH, address, QUERY, AGENT, referer=REFERER, forbidden="Disallow: /dossier")
            f = replace(f, credential=ACCOUNT, fingerprint=FINGERPRINT)
            log.request(f, BLOCKED if odd else FINE, REFUSED if odd else SERVED)
    log.close()


def keep(folder: Path, at: int, retention: int = 0) -> Keeper:
    """A keeper that has done all there is to do at this time; its own records go through a log of its own."""
    log = open_log(folder)
    kept = Keeper(folder, SETTINGS, log.event, at, retention=retention)
    while kept.sequence(at) or kept.close_hour(at, early=True):
        pass
    kept.look_after(at)
    while kept.sequence(at):
        pass
    log.close()
    while kept.sequence(at):
        pass
    return kept


def opened(folder: Path) -> list[Entry]:
    (found,) = find(folder)
    return list(members(folder, found))


def everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def spellings(value: str) -> set[bytes]:
    """A value as it might be found again by somebody who knows it."""
    raw = value.encode()
    found = {raw, raw.hex().encode(), raw[::-1], quote(value, safe="").encode(), json.dumps(value).encode()[1:-1]}
    found |= {raw.decode().encode("utf-16-le"), raw.upper(), raw.lower(), base64.b32encode(raw).rstrip(b"=")}
    found |= {
        base64.b64encode(b"x" * shift + raw)[4 * (shift > 0) : -4] for shift in range(3)
    }  # at any place in a text in base64
    for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        found |= {digest(raw).hexdigest().encode(), digest(raw).digest(), base64.b64encode(digest(raw).digest())[:40]}
        found |= {digest(json.dumps(value).encode()).hexdigest().encode()}
    return {each for each in found if len(each) >= 8}


KNOWN = (ADDRESS, OTHER, "203.0.113.0/24", AGENT, "Sneaky-Harvester", PATH, "anna-k", QUERY, REFERER, "here-2911",
         ACCOUNT, FINGERPRINT, "Disallow: /dossier")  # fmt: skip


def test_a_leaked_directory_without_the_vault_key_names_nobody(tmp_path: Path) -> None:
    traffic(tmp_path)
    keep(tmp_path, now())
    (tmp_path / "keys/vault.key").unlink()
    notices = {path.read_bytes() for path in (tmp_path / "notices").iterdir()}
    assert not any(b"dossier" in notice for notice in notices)
    leaked = everything(tmp_path)
    assert len(leaked) > 40_000
    for value in KNOWN:
        for spelling in spellings(value):
            assert spelling not in leaked, (value, spelling)
    with pytest.raises(AssertionError):  # the search would have found something that is there
        assert not any(spelling in leaked for spelling in spellings("shop.example"))


def test_trying_every_address_of_a_network_breaks_no_commitment_and_no_pseudonym(tmp_path: Path) -> None:
    """The attacker knows the format, the port, all but the last byte of the address, and has no key."""
    traffic(tmp_path, count=3)
    (tmp_path / "keys/vault.key").unlink()
    records = [parse(line.raw) for path in segments(tmp_path) for line in lines(path)]
    requests = [record for record in records if record and record["k"] == "request"]
    told = {digest for record in requests for digest in record["sd"].values()} | {r["sub"] for r in requests}
    wrapped = next((tmp_path / "vault").glob("*.key")).read_bytes()
    keys = [b"", b"pseudonym", wrapped, wrapped[12:44], requests[0]["win"].encode(), bytes(32)]
    for last, network in itertools.product(range(256), ("203.0.113", "198.51.100")):
        address = f"{network}.{last}"
        value = (
            f'{{"address":"{address}","key":"{address}","network":"192.0.2.0/24","peer":"{address}","port":40123,'
            '"source":"peer"}'
        )
        for guess in (
            address,
            value,
            f'["client",{value}]',
            f'["","client",{value}]',
            f'["{"0" * 32}","client",{value}]',
        ):
            assert hashlib.sha256(guess.encode()).hexdigest() not in told
            for key in keys:
                assert hmac.new(key, guess.encode(), hashlib.sha256).hexdigest()[:32] not in told
                derived = hmac.new(key, b"pseudonym", hashlib.sha256).digest()
                assert hmac.new(derived, guess.encode(), hashlib.sha256).hexdigest()[:32] not in told


def test_with_the_key_the_same_directory_opens(tmp_path: Path) -> None:
    traffic(tmp_path)
    entry = opened(tmp_path)[0]
    assert (entry.address, entry.agent, entry.path, entry.fingerprint) == (ADDRESS, AGENT, PATH, FINGERPRINT)
    assert entry.forbidden == "Disallow: /dossier"
    openings = Openings(tmp_path)
    record = parse(entry.raw)
    assert record is not None
    texts = openings.disclosures(record, entry.raw, entry.sealed)
    assert set(texts) == {"account", "agent", "client", "request"}
    assert all(hashlib.sha256(text.encode()).hexdigest() == record["sd"][name] for name, text in texts.items())


def test_without_the_key_an_incident_is_still_one_by_its_pseudonym(tmp_path: Path) -> None:
    traffic(tmp_path)
    (before,) = incidents(tmp_path)
    (tmp_path / "keys/vault.key").rename(tmp_path / "away")
    (found,) = incidents(tmp_path)
    assert found.found.actor.startswith("sub:")
    assert (found.requests, found.found.id) == (before.requests, before.found.id)
    assert found.most("addresses") == {"": 20}
    assert not (tmp_path / "keys/vault.key").exists()


def test_retention_destroys_a_day_and_its_files_and_the_tree_still_verifies(tmp_path: Path) -> None:
    traffic(tmp_path)
    keep(tmp_path, now())
    old = [path.name for path in segments(tmp_path)]
    later = now() + 181 * DAY
    kept = keep(tmp_path, later - 2 * DAY, retention=180)
    assert set(old) <= {path.name for path in segments(tmp_path)}
    kept = keep(tmp_path, later, retention=180)
    leaves = list(kept.sequencer.tiles.leaves(0, kept.sequencer.checkpoint.size))
    (told,) = [json.loads(leaf)["what"] for leaf in leaves if leaf.startswith(b'{"k":"retention"')]
    assert told["days"] == [hour_of(now())[:10]]
    assert set(old) <= set(told["files"])
    assert not set(old) & {path.name for path in segments(tmp_path)}
    assert Vault(tmp_path).past(told["days"][0]) is None
    assert fsck.check(tmp_path).faults == []


def test_a_file_that_the_tree_does_not_hold_yet_is_not_deleted(tmp_path: Path) -> None:
    traffic(tmp_path)
    later = now() + 400 * DAY
    kept = Keeper(tmp_path, SETTINGS, lambda *_: None, later, retention=180)
    for path in segments(tmp_path):
        os.utime(path, (time.time(), time.time()))
    kept.look_after(later)  # it has not looked yet
    assert len(segments(tmp_path)) == 1
    kept.sequence(later)
    kept.sequence(later)
    kept.look_after(later + DAY)
    assert segments(tmp_path) == []


def test_the_key_of_tomorrow_is_there_before_tomorrow(tmp_path: Path) -> None:
    midnight = 1_795_564_800_000_000  # 2026-11-25
    keep(tmp_path, midnight - 3_600_000_000)
    assert "2026-11-25" in Vault(tmp_path).days()


def hold(folder: Path) -> str:
    (found,) = find(folder)
    count = keep_case(folder, found)
    assert count == 20
    return found.id


def test_a_hold_keeps_its_incident_and_nobody_else_beyond_retention(tmp_path: Path) -> None:
    traffic(tmp_path)
    keep(tmp_path, now())
    before = incidents(tmp_path)[0].told()
    incident = hold(tmp_path)
    keep(tmp_path, now() + 181 * DAY, retention=180)
    (found,) = incidents(tmp_path)
    assert found.told() == before
    assert {entry.address for entry in opened(tmp_path)} == {ADDRESS}
    kept = b"".join(path.read_bytes() for path in Cases(Vault(tmp_path)).files())
    assert kept.count(b'{"k":"request"') == 20
    hold(tmp_path)  # once more, from what the case has
    assert incidents(tmp_path)[0].told() == before
    assert Cases(Vault(tmp_path)).release(incident)
    assert not (tmp_path / "vault/cases" / incident).exists()
    assert incidents(tmp_path) == []


def test_a_destroyed_day_whose_file_lingers_opens_for_the_case_only(tmp_path: Path) -> None:
    traffic(tmp_path)
    hold(tmp_path)
    for day in Vault(tmp_path).days():
        Vault(tmp_path).destroy(day)
    assert {entry.address for entry in opened(tmp_path)} == {ADDRESS}
    openings = Openings(tmp_path)
    rows = [(parse(line.raw), line) for path in segments(tmp_path) for line in lines(path)]
    clients = [openings.groups(r, line.raw, line.sealed).get("client") for r, line in rows if r and r["k"] == "request"]
    assert sum(client is not None for client in clients) == 20
    assert sum(client is None for client in clients) == 20


def test_a_report_tells_a_person_all_that_is_recorded_and_nothing_of_others(tmp_path: Path) -> None:
    traffic(tmp_path)
    found = subject.report(tmp_path, subject.key_of(ADDRESS))
    assert len(found.records) == 20
    assert {record["client"]["address"] for record in found.records} == {ADDRESS}
    assert found.records[0]["request"]["path"] == PATH
    assert subject.report(tmp_path, "192.0.2.99").records == []


def test_erasing_takes_the_openings_of_one_and_leaves_log_tree_and_others_whole(tmp_path: Path) -> None:
    traffic(tmp_path)
    keep(tmp_path, now())
    sizes = {path: path.stat() for path in segments(tmp_path)}
    assert subject.erase(tmp_path, OTHER).erased == 20
    assert {path: path.stat().st_size for path in sizes} == {path: stat.st_size for path, stat in sizes.items()}
    assert {path: path.stat().st_mtime_ns for path in sizes} == {path: stat.st_mtime_ns for path, stat in sizes.items()}
    again = subject.report(tmp_path, OTHER)
    assert (again.records, again.erased) == ([], 20)
    assert len(subject.report(tmp_path, ADDRESS).records) == 20
    assert fsck.check(tmp_path).faults == []
    assert subject.erase(tmp_path, OTHER).erased == 0
    assert incidents(tmp_path)[0].requests == 20


def test_erasing_while_the_log_is_written_harms_no_record(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for number in range(50):
        log.request(facts(number, address=OTHER), FINE, SERVED)
    log.flush()
    assert subject.erase(tmp_path, OTHER).erased == 50
    for number in range(50):
        log.request(facts(50 + number, address=OTHER), FINE, SERVED)
    log.close()
    found = subject.report(tmp_path, OTHER)
    assert (len(found.records), found.erased) == (50, 50)


def test_what_a_hold_keeps_is_not_erased_and_that_is_told(tmp_path: Path) -> None:
    traffic(tmp_path)
    incident = hold(tmp_path)
    assert subject.erase(tmp_path, ADDRESS).held == {incident: 20}
    assert subject.erase(tmp_path, OTHER).held == {}
    assert {entry.address for entry in opened(tmp_path)} == {ADDRESS}


@pytest.mark.parametrize(
    ("address", "key"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:192.0.2.7", "192.0.2.7")],
)
def test_a_person_is_found_by_any_spelling_of_the_address(address: str, key: str) -> None:
    assert subject.key_of(address) == key


def test_without_the_vault_key_nobody_is_reported_as_unknown(tmp_path: Path) -> None:
    traffic(tmp_path)
    (tmp_path / "keys/vault.key").unlink()
    with pytest.raises(EvidenceError, match="vault key is missing"):
        subject.report(tmp_path, ADDRESS)
    assert not (tmp_path / "keys/vault.key").exists()


def test_fsck_opens_what_it_can_and_says_what_it_cannot(tmp_path: Path) -> None:
    traffic(tmp_path)
    subject.erase(tmp_path, OTHER)
    found = fsck.check(tmp_path)
    assert (found.opened, found.erased, found.sealed, found.faults) == (20, 20, 0, [])
    (tmp_path / "keys/vault.key").rename(tmp_path / "away")
    found = fsck.check(tmp_path)
    assert (found.opened, found.erased, found.sealed, found.faults) == (0, 20, 20, [])


def test_fsck_names_openings_that_were_swapped(tmp_path: Path) -> None:
    traffic(tmp_path)
    (path,) = segments(tmp_path)
    rows = path.read_bytes().split(b"\n")
    sealed = [place for place, row in enumerate(rows) if row.startswith(b"~")]
    one, two = sealed[3], sealed[4]
    rows[one], rows[two] = rows[two], rows[one]
    path.write_bytes(b"\n".join(rows))
    faults = fsck.check(tmp_path).faults
    assert len(faults) == 2
    for place, fault in zip((one, two), faults, strict=True):
        assert f"line {place + 1}: the openings do not fit" in fault
