"""Each attack is planted, and the check that must catch it is named; what cannot be caught is shown not to be."""

import base64
import json
import random
import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from authority import Authority
from building import open_log
from bundling import Files, brought, exported, keeping, packed, scene, unpacked
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from insider import (
    SEAL,
    TAGMANIFEST,
    Case,
    World,
    grown,
    lines,
    put,
    regrow,
    replaced,
    reseal,
    sealed,
    stamp,
    without,
)

from scrapeguard.evidence import keys
from scrapeguard.evidence.checkpoint import Signer
from scrapeguard.evidence.tree import nodes_of, peaks
from scrapeguard.evidence.verify import (
    ANCHORED,
    INCOMPLETE,
    INVALID,
    UNANCHORED,
    UNUSABLE,
    Key,
    Result,
    Trust,
    verify,
)

REQUEST = b'{"k":"request"'
STRANGER = Signer("shop.example/evidence/web1", Ed25519PrivateKey.from_private_bytes(b"7" * 32))


def edited(case: Case) -> Files:
    return replaced(case.files, case.name("/records.jsonl"), b'"status":404', b'"status":200')


def dropped(case: Case) -> Files:
    """Without the third request of the scraper."""
    third = [line for line in lines(case, "/records.jsonl") if line.startswith(REQUEST)][2]
    return without(case, lambda line: line == third)


def last_ten(case: Case) -> Files:
    end = [line for line in lines(case, "/records.jsonl") if line.startswith(REQUEST)][-10:]
    return without(case, lambda line: line in end)


def a_kind(kind: bytes) -> Callable[[Case], Files]:
    return lambda case: without(case, lambda line: line.startswith(b'{"k":"' + kind))


def invented(case: Case) -> Files:
    records, index = lines(case, "/records.jsonl"), lines(case, "/records.index")
    free = next(i for i in range(10_000) if not any(place.startswith(b"%d " % i) for place in index))
    at = sum(int(place.split(b" ")[0]) < free for place in index)
    made = [line for line in records if line.startswith(REQUEST)][5]
    files = put(case, "/records.jsonl", [*records[:at], made, *records[at:]])
    return put(case, "/records.index", [*index[:at], b"%d " % free + index[at].split(b" ")[1], *index[at:]], files)


def swapped(case: Case, *, places: bool) -> Files:
    records, index = lines(case, "/records.jsonl"), lines(case, "/records.index")
    records[20], records[21] = records[21], records[20]
    if places:
        index[20], index[21] = index[21], index[20]
    return put(case, "/records.index", index, put(case, "/records.jsonl", records))


def swapped_in_the_tree(case: Case) -> Files:
    return regrow(case, swapped(case, places=False), case.authority)


def doubled(case: Case) -> Files:
    """The same record twice in a tree that was grown anew."""
    records = lines(case, "/records.jsonl")
    records[21] = records[20]
    return regrow(case, put(case, "/records.jsonl", records), case.authority)


def truncated(case: Case) -> Files:
    return put(case, "/leaves.hex", lines(case, "/leaves.hex")[:-5])


def another_address(case: Case) -> Files:
    return replaced(case.files, case.name("/disclosures.txt"), b'"192.0.2.7"', b'"192.0.2.8"')


def other_salt(case: Case) -> Files:
    text = case.files[case.name("/disclosures.txt")]
    salt = re.search(rb'\["([0-9a-f]{32})"', text)
    assert salt
    return replaced(case.files, case.name("/disclosures.txt"), salt[1], b"0" * 32)


def moved_disclosure(case: Case) -> Files:
    told = lines(case, "/disclosures.txt")
    first, second = told[0].split(b" ", 1), told[3].split(b" ", 1)
    told[0], told[3] = b" ".join((first[0], second[1])), b" ".join((second[0], first[1]))
    return put(case, "/disclosures.txt", told)


def stray_disclosure(case: Case) -> Files:
    told = lines(case, "/disclosures.txt")
    return put(case, "/disclosures.txt", [*told, b'99999 ["' + b"0" * 32 + b'","client",{}]'])


def doubled_disclosure(case: Case) -> Files:
    told = lines(case, "/disclosures.txt")
    return put(case, "/disclosures.txt", [told[0], *told])


def figure(name: str) -> Callable[[Case], Files]:
    def plant(case: Case) -> Files:
        told = json.loads(case.files["data/analysis/incident.json"])
        told[name] = "address:203.0.113.9" if name == "actor" else told[name] + 1
        text = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        return {**case.files, "data/analysis/incident.json": text}

    return plant


def narrowed(case: Case) -> Files:
    """The incident is said to have begun later, with the figures left as they were."""
    told = json.loads(case.files["data/analysis/incident.json"])
    told["first"] += 60_000_000
    text = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    return {**case.files, "data/analysis/incident.json": text}


def notice(case: Case) -> Files:
    name = next(name for name in case.files if re.fullmatch(r"data/notices/[0-9a-f]{64}", name))
    return {**case.files, name: b"User-agent: *\nDisallow: /\n"}


def notice_renamed(case: Case) -> Files:
    files = notice(case)
    name = next(name for name in files if re.fullmatch(r"data/notices/[0-9a-f]{64}", name))
    data = files.pop(name)
    return {**files, f"data/notices/{sha256(data).hexdigest()}": data}


def checkpoint_signed_by(signer: Signer) -> Callable[[Case], Files]:
    def plant(case: Case) -> Files:
        other = Case(case.files, signer, case.authority, case.other, case.folder)
        return regrow(other, case.files, case.authority)

    return plant


def other_root(case: Case) -> Files:
    leaves = [bytes(32) for _ in lines(case, "/leaves.hex")]
    files = grown(case, case.files, leaves, case.authority)
    return {**files, case.name("/leaves.hex"): case.files[case.name("/leaves.hex")]}


def other_peaks(case: Case) -> Files:
    return {**case.files, case.name("/peaks.hex"): b"1\n" + b"0" * 64 + b"\n"}


def replayed(case: Case) -> Files:
    """A checkpoint's time stamp is that of another text."""
    return {**case.files, case.name(".tsr"): stamp(b"something else", case.authority)}


def replayed_seal(case: Case) -> Files:
    files = dict(case.files)
    name = next(name for name in files if name.startswith("seal/") and name.endswith(".tsr"))
    files[name] = stamp(b"something else", case.authority)
    files[SEAL] = re.sub(rb"[0-9a-f]{64}(?=  seal/)", sha256(files[name]).hexdigest().encode(), files[SEAL])
    return {**files, SEAL + ".sig": case.signer.key.sign(files[SEAL])}


def rogue(case: Case) -> Files:
    note = case.name(".tsr").split(".")[0]
    note = next(
        name for name in case.files if re.fullmatch(r".*/checkpoint-\d+", name) and case.name(".tsr").startswith(name)
    )
    return {**case.files, case.name(".tsr"): stamp(case.files[note], case.other)}


def altered_token(case: Case) -> Files:
    data = bytearray(case.files[case.name(".tsr")])
    data[-1] ^= 1
    return {**case.files, case.name(".tsr"): bytes(data)}


def other_proof(case: Case) -> Files:
    name = case.name(".tlog-proof")
    found = case.files[name].split(b"\n")
    found[2] = b"A" * 43 + b"="
    return {**case.files, name: b"\n".join(found)}


def stolen_key_in_history(case: Case) -> Files:
    fields = {"k": "created", "t": 1, "vkey": str(STRANGER.verifier)}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return {**case.files, "data/log/keys.jsonl": text}


def unsigned_rotation(case: Case) -> Files:
    old = json.loads(case.files["data/log/keys.jsonl"])["vkey"]
    fields = {"by": {"new": "AAAA", "old": "AAAA"}, "k": "rotated", "old": old, "t": 1, "vkey": str(STRANGER.verifier)}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return {**case.files, "data/log/keys.jsonl": case.files["data/log/keys.jsonl"] + text}


def relabelled_writer(case: Case) -> Files:
    index = lines(case, "/records.index")
    third = index[30].split(b" ")[0] + b" another-writer.jsonl"
    return put(case, "/records.index", [*index[:30], third, *index[31:]])


def other_spelling(case: Case) -> Files:
    return regrow(
        case, replaced(case.files, case.name("/records.jsonl"), b'"status":404', b'"status": 404'), case.authority
    )


def spliced(field: bytes, value: bytes) -> Callable[[Case], Files]:
    """One field of one record of the middle changed, in a tree that was grown anew."""

    def plant(case: Case) -> Files:
        records = lines(case, "/records.jsonl")
        at = [i for i, line in enumerate(records) if line.startswith(REQUEST)][50]
        records[at] = re.sub(field, value, records[at], count=1)
        return regrow(case, put(case, "/records.jsonl", records), case.authority)

    return plant


def lying_close(case: Case) -> Files:
    """A count is changed after the fact, in a tree that was grown anew."""
    name = case.name("/records.jsonl")
    tags = re.search(rb'"tags":\["([0-9a-f]{48})"', case.files[name])
    assert tags
    changed = re.sub(rb'"tags":\[[^]]*\]', b'"tags":["' + b"0" * 48 + b'"]', case.files[name])
    return regrow(case, {**case.files, name: changed}, case.authority)


def smuggled(name: str) -> Callable[[Case], Files]:
    return lambda case: {**case.files, name: b"x"}


def missing(name: str) -> Callable[[Case], Files]:
    return lambda case: {each: data for each, data in case.files.items() if each != name}


Attack = tuple[str, Callable[[Case], Files], str, str]  # what, how, who ("files", "re-bag", "key", "key+tsa"), check

ATTACKS: list[Attack] = [
    ("a record edited", edited, "files", "C1"),
    ("a record edited", edited, "re-bag", "C2"),
    ("a record edited", edited, "key", "C6"),
    ("a record edited, the tree grown anew without a stamp", lambda c: regrow(c, edited(c)), "key", "C7"),
    ("a record edited, the tree grown anew and stamped", lambda c: regrow(c, edited(c), c.authority), "key+tsa", "C7"),
    ("a record left out", dropped, "files", "C1"),
    ("a record left out", dropped, "re-bag", "C2"),
    ("a record left out", dropped, "key", "C10"),
    ("a record left out", dropped, "key+tsa", "C10"),
    ("the last ten records left out", last_ten, "key", "C10"),
    ("the count of the hour left out", a_kind(b"window.close"), "key", "C10+"),
    ("the start of the writer left out", a_kind(b"start"), "key", "C10"),
    ("a notice's publication left out", a_kind(b"notice.published"), "key+tsa", "C10"),
    ("the settings' activation left out", a_kind(b"config.activated"), "key+tsa", "C10"),
    ("an invented record", invented, "key", "C6"),
    ("records in another order", lambda c: swapped(c, places=False), "key", "C6"),
    ("records and places in another order", lambda c: swapped(c, places=True), "key", "C10"),
    ("records in another order in a tree grown anew", swapped_in_the_tree, "key+tsa", "C10"),
    ("a record twice in a tree grown anew", doubled, "key+tsa", "C7"),
    ("leaves cut off", truncated, "key", "C6"),
    ("another address disclosed", another_address, "key", "C9"),
    ("another salt disclosed", other_salt, "key", "C9"),
    ("disclosures moved to another record", moved_disclosure, "key", "C9"),
    ("a disclosure of no record", stray_disclosure, "key", "C9"),
    ("a disclosure twice", doubled_disclosure, "key", "C9"),
    ("more requests claimed", figure("requests"), "key", "C11"),
    ("more bytes claimed", figure("bytes"), "key", "C11"),
    ("more work claimed", figure("micros"), "key", "C11"),
    ("another actor claimed", figure("actor"), "key", "C11"),
    ("more refusals claimed", figure("refused"), "key", "C11"),
    ("a shorter time claimed", narrowed, "key", "C11"),
    ("another robots.txt", notice, "key", "C11"),
    ("another robots.txt under its own digest", notice_renamed, "key", "C11"),
    ("checkpoints signed by another key of the same name", checkpoint_signed_by(STRANGER), "key+tsa", "C3"),
    ("checkpoints of other leaves", other_root, "key+tsa", "C5"),
    ("another tree before the range", other_peaks, "key", "C6"),
    ("a time stamp of another text", replayed, "key", "C4"),
    ("a time stamp of another text on the seal", replayed_seal, "sealed", "C4"),
    ("a time stamp of a rogue authority of the same name", rogue, "key", "C4"),
    ("an altered time stamp", altered_token, "key", "C4"),
    ("another proof", other_proof, "key", "C6"),
    ("the whole key history replaced", stolen_key_in_history, "key", "C2"),
    ("a rotation that nobody signed", unsigned_rotation, "key", "C3"),
    ("a record under another writer's name", relabelled_writer, "key", "C7"),
    ("a record in another spelling", other_spelling, "key+tsa", "C7"),
    ("a record that names other settings", spliced(rb'"config":"[^"]*"', b'"config":"0"'), "key+tsa", "C7"),
    ("a counter that jumps", spliced(rb'"n":\d+', b'"n":999'), "key+tsa", "C10"),
    ("a machine's clock that jumps back", spliced(rb'"mono":\d+', b'"mono":1'), "key+tsa", "C7"),
    ("another subject's name", spliced(rb'"sub":"[0-9a-f]{32}"', b'"sub":"' + b"0" * 32 + b'"'), "key+tsa", "C10"),
    ("a count changed", lying_close, "key+tsa", "C10"),
    ("a smuggled payload file", smuggled("data/analysis/more.txt"), "files", "C1"),
    ("a smuggled tag file", smuggled("more.txt"), "files", "C1"),
    ("a smuggled tag file", smuggled("more.txt"), "key", "C1"),
    ("a smuggled file in the seal", smuggled("seal/more.txt"), "files", "C2"),
    ("a smuggled file in the log", smuggled("data/log/2026-11/more.txt"), "key", "C3"),
    ("no tagmanifest", missing(TAGMANIFEST), "files", "C1"),
    ("no manifest", missing("manifest-sha256.txt"), "files", "C1"),
    ("no seal", missing(SEAL), "files", "C2"),
    ("no signature", missing(SEAL + ".sig"), "files", "C2"),
    ("the seal by another key", lambda c: reseal(c.files, STRANGER), "sealed", "C2"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "plant", "who", "check"), ATTACKS, ids=[f"{a[0]} ({a[2]})" for a in ATTACKS])
def test_it_is_caught(
    world: World, tmp_path: Path, what: str, plant: Callable[[Case], Files], who: str, check: str
) -> None:
    case, _, trust = world
    result = verify(str(packed(sealed(case, plant(case), who), tmp_path)), trust)
    if check.endswith("+"):  # not a lie but a silence: it is said that it is missing
        assert result.code == INCOMPLETE, result
        assert any(check.removesuffix("+") in told for told in result.missing)
    else:
        assert (result.code, result.failed) == (INVALID, check), result
        assert result.problem


def test_without_an_attack_it_is_anchored_and_says_between_which_times(world: World) -> None:
    _, bundle, trust = world
    result = verify(str(bundle.path), trust)
    assert result.code == ANCHORED, result
    assert result.verdict == "ANCHORED"
    assert [check for check, _ in result.steps] == [f"C{number}" for number in range(1, 14)]
    assert any("existed by 20" in bound for bound in result.bounds)


def test_what_lies_in_the_bundle_does_not_make_up_for_what_was_not_brought(world: World) -> None:
    _, bundle, trust = world
    assert verify(str(bundle.path)).code == UNANCHORED
    assert verify(str(bundle.path), Trust(trust.keys)).code == UNANCHORED
    assert verify(str(bundle.path), Trust((), trust.roots)).code == UNANCHORED


def test_another_key_than_the_one_brought_is_refused(world: World) -> None:
    _, bundle, trust = world
    other = Trust(tuple(type(key)(key.name, key.kind, b"9" * 32) for key in trust.keys), trust.roots)
    result = verify(str(bundle.path), other)
    assert (result.code, result.failed) == (INVALID, "C2")


def test_another_authority_than_the_one_that_stamped_does_not_anchor(world: World, tmp_path: Path) -> None:
    case, _, trust = world
    unstamped = {name: data for name, data in case.files.items() if not name.endswith(".tsr")}
    assert verify(str(packed(reseal(unstamped, case.signer), tmp_path)), trust).code == UNANCHORED


def rebuilt(world: World, tmp_path: Path, start: int | None = None, leave_out: int = 0) -> Result:
    """An insider with the log's key and the authority writes the whole log anew, now."""
    case, bundle, trust = world
    keys = tmp_path / "evidence/keys"
    keys.mkdir(parents=True, mode=0o700)
    for name in ("log.key", "keys.jsonl"):
        (keys / name).write_bytes((case.folder / "evidence/keys" / name).read_bytes())
        (keys / name).chmod(0o600)
    scene(tmp_path / "evidence", start, leave_out)
    with case.authority.serve() as url:
        made = exported(tmp_path, keeping(url, case.authority))
    assert made.key == bundle.key
    return verify(str(made.path), trust)


def test_a_log_that_was_back_dated_by_a_day_is_caught_by_its_stamps(world: World, tmp_path: Path) -> None:
    result = rebuilt(world, tmp_path, time.time_ns() // 1000 - 86_400_000_000)
    assert result.code == INCOMPLETE
    assert any(told.startswith("C8") for told in result.missing), result.missing


def test_a_log_that_was_post_dated_is_caught_by_its_stamps(world: World, tmp_path: Path) -> None:
    result = rebuilt(world, tmp_path, time.time_ns() // 1000 + 86_400_000_000)
    assert (result.code, result.failed) == (INVALID, "C8")


def cosigned(case: Case, witness: Ed25519PrivateKey, seconds: int = 1_790_000_000) -> tuple[Files, Key]:
    """The bundle with its last checkpoint cosigned by a witness."""
    name = max(name for name in case.files if re.fullmatch(r".*/checkpoint-\d+", name))
    text = case.files[name].partition(b"\n\n")[0] + b"\n"
    key = Key("witness.example", 4, witness.public_key().public_bytes_raw())
    signature = witness.sign(b"cosignature/v1\ntime %d\n" % seconds + text)
    value = base64.b64encode(key.id + seconds.to_bytes(8, "big") + signature).decode()
    line = f"\u2014 {key.name} {value}\n".encode()
    files = {**case.files, name + ".cosigned": case.files[name] + line}
    return reseal(files, case.signer, case.authority), key


def test_a_witness_that_was_named_and_saw_the_log_makes_it_witnessed(world: World, tmp_path: Path) -> None:
    case, _, trust = world
    files, key = cosigned(case, Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    result = verify(str(packed(files, tmp_path)), Trust(trust.keys, trust.roots, (key,)))
    assert (result.code, result.verdict) == (ANCHORED, "WITNESSED")


def test_a_log_that_the_named_witness_did_not_see_is_not_taken(world: World, tmp_path: Path) -> None:
    case, bundle, trust = world
    _, key = cosigned(case, Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    demanding = Trust(trust.keys, trust.roots, (key,))
    assert verify(str(bundle.path), demanding).code == UNANCHORED
    files, _ = cosigned(case, Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    assert verify(str(packed(files, tmp_path)), demanding).code == UNANCHORED


def test_a_witness_s_line_that_was_altered_is_refused(world: World, tmp_path: Path) -> None:
    case, _, trust = world
    files, key = cosigned(case, Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    name = next(name for name in files if name.endswith(".cosigned"))
    head, _, value = files[name].rstrip(b"\n").rpartition(b" ")
    raw = bytearray(base64.b64decode(value))
    raw[9] ^= 1  # its time
    files[name] = head + b" " + base64.b64encode(raw) + b"\n"
    result = verify(str(packed(reseal(files, case.signer), tmp_path)), Trust(trust.keys, trust.roots, (key,)))
    assert (result.code, result.failed) == (INVALID, "C3")


def test_not_provable_a_second_tree_that_the_holder_of_the_witness_s_key_cosigned(world: World, tmp_path: Path) -> None:
    rebuilt(world, tmp_path, leave_out=40)
    other = Case(unpacked(tmp_path / "bundle.zip"), *world[0].insider)
    files, key = cosigned(other, Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    result = verify(str(packed(files, tmp_path)), Trust(world[2].keys, world[2].roots, (key,)))
    assert result.verdict == "WITNESSED"
    assert b"Who has the witness's key too, hides it" in b" ".join(world[0].files["README.txt"].split())


# What no verifier of one bundle can catch; the README of every bundle says so.


def test_not_provable_a_log_written_anew_by_the_key_s_holder_at_once_and_stamped(world: World, tmp_path: Path) -> None:
    result = rebuilt(world, tmp_path, leave_out=40)
    assert result.code == ANCHORED
    assert b"That a log was not kept twice" in world[0].files["README.txt"]


def test_not_provable_a_record_that_was_untrue_when_it_was_written(world: World) -> None:
    assert b"not first untruths" in world[0].files["README.txt"]


# What the log says about itself.


@pytest.fixture(scope="module")
def gap(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A log in which one process could not write for a while, and another was cut off in the middle of a line."""
    folder = tmp_path_factory.mktemp("gap")
    authority = Authority(folder / "tsa")
    scene(folder / "evidence")
    now = time.time_ns() // 1000
    log = open_log(folder / "evidence")
    log.event("gap", {"count": 3, "error": "ENOSPC", "first": now - 9_000_000, "last": now - 2_000_000, "unsynced": 0})
    torn = {"bytes": 40, "digest": "0" * 64, "line": 9, "offset": 9_000}
    other = {"damage": (), "damaged": 0, "head": "0" * 64, "records": 9, "segment": "other.jsonl", "seq": 8}
    log.event("recovery", {**other, "torn": torn, "unopened": 0})
    log.event("clock", {"error_us": None, "step_us": -3_600_000_000, "synchronised": "no"})
    log.close()
    with authority.serve() as url:
        bundle = exported(folder, keeping(url, authority))
    signer = keys.load(folder / "evidence", "shop.example/evidence/web1")
    case = Case(unpacked(bundle.path), signer, authority, authority, folder)
    return case, bundle, brought(bundle, authority)


def begun_at(case: Case, first: int) -> Files:
    """The bundle with a stretch that begins later, its records and peaks cut to fit, as whoever has the log can."""
    leaves, index = lines(case, "/leaves.hex"), lines(case, "/records.index")
    nodes = nodes_of([bytes.fromhex(leaf.decode()) for leaf in leaves[:first]])
    over = [str(first), *(nodes(level, place).hex() for level, place in peaks(first))]
    kept = [at for at, place in enumerate(index) if int(place.split(b" ")[0]) >= first]
    records = lines(case, "/records.jsonl")
    files = put(case, "/leaves.hex", leaves[first:])
    files = put(case, "/peaks.hex", [line.encode() for line in over], files)
    files = put(case, "/records.jsonl", [records[at] for at in kept], files)
    return put(case, "/records.index", [index[at] for at in kept], files)


def test_what_is_missing_is_said_with_the_writer_the_time_and_the_number(gap: World) -> None:
    result = verify(str(gap[1].path), gap[2])
    assert result.code == INCOMPLETE
    when = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    lost, torn, stepped = result.missing
    assert re.match(rf"3 records of \S+\.jsonl from {when} to {when} could not be written \(ENOSPC\), data/log/", lost)
    assert torn.startswith("other.jsonl has 40 torn bytes at its end and 0 damaged lines, after record 8")
    assert re.search(rf"was stepped by -3600.0 s, seen on {when}", stepped)


@pytest.mark.parametrize("kind", [b"gap", b"recovery", b"clock"])
@pytest.mark.parametrize("who", ["key", "key+tsa"])
def test_a_record_of_the_log_about_itself_left_out(gap: World, tmp_path: Path, kind: bytes, who: str) -> None:
    case, _, trust = gap
    files = sealed(case, without(case, lambda line: line.startswith(b'{"k":"' + kind + b'"')), who)
    result = verify(str(packed(files, tmp_path)), trust)
    assert (result.code, result.failed) == (INVALID, "C10"), result
    assert kind.decode() in result.problem


def gapless(case: Case, authority: Authority | None) -> Files:
    """Without the gap, and with a count that does not know of it, in a tree grown anew."""
    files = without(case, lambda line: line.startswith(b'{"k":"gap"'))
    return regrow(case, replaced(files, case.name("/records.jsonl"), b'"gap":1,', b"", 9), authority)


def test_a_gap_left_out_with_the_count_changed_is_not_anchored(gap: World, tmp_path: Path) -> None:
    case, _, trust = gap
    result = verify(str(packed(sealed(case, gapless(case, None), "key"), tmp_path)), trust)
    assert not result.anchored


def test_not_provable_a_gap_left_out_of_a_tree_that_is_grown_anew_and_stamped_at_once(
    gap: World, tmp_path: Path
) -> None:
    case, _, trust = gap
    result = verify(str(packed(sealed(case, gapless(case, case.authority), "key+tsa"), tmp_path)), trust)
    assert result.anchored
    assert not any("ENOSPC" in told for told in result.missing)
    assert b"That a log was not kept twice" in case.files["README.txt"]


def test_a_stretch_that_begins_behind_the_gap(gap: World, tmp_path: Path) -> None:
    """It cannot be hidden by showing less: then it is not shown how many records of the log there were."""
    case, _, trust = gap
    places = [int(place.split(b" ")[0]) for place in lines(case, "/records.index")]
    requests = [at for at, line in enumerate(lines(case, "/records.jsonl")) if line.startswith(REQUEST)]
    start = next(at for at, line in enumerate(lines(case, "/records.jsonl")) if line.startswith(b'{"k":"start"'))
    assert places[start] < places[requests[0]]
    files = reseal(begun_at(case, places[start] + 1), case.signer, case.authority)
    result = verify(str(packed(files, tmp_path)), trust)
    assert result.code in (INVALID, INCOMPLETE), result
    assert "C7" in result.failed or any("about itself" in told for told in result.missing)


# Anything at all.


def test_no_changed_byte_anywhere_goes_unnoticed(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _, bundle, trust = world
    whole, chance = bundle.path.read_bytes(), random.Random(20261124)
    out = tmp_path / "mutated.zip"
    for _ in range(request.config.getoption("--mutations")):
        data, place = bytearray(whole), chance.randrange(len(whole))
        data[place] ^= 1 << chance.randrange(8)
        out.write_bytes(data)
        result = verify(str(out), trust)
        assert result.code in (INVALID, UNUSABLE), (place, result)


def test_what_is_no_bundle_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    (tmp_path / "folder").mkdir()
    for name in ("a.zip", "folder", "nothing.zip"):
        assert verify(str(tmp_path / name)).code == UNUSABLE
