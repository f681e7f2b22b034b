"""Tools of others agree with what we say of a bundle: each checks a fresh one, and refuses a changed one."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from insider import World, replaced, reseal

NODE = """
const { verifyCheckpoint } = require("@sigstore/verify/dist/tlog/checkpoint.js");
const { verifyMerkleInclusion } = require("@sigstore/verify/dist/tlog/merkle.js");
const crypto = require("crypto"), fs = require("fs");
const { vkey, proofs } = JSON.parse(fs.readFileSync(0, "utf-8"));
const [name, id] = vkey.split("+");
const raw = Buffer.from(vkey.slice(name.length + id.length + 2), "base64").subarray(1);
const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
const publicKey = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
const log = { logID: Buffer.from(id, "hex"), publicKey, baseURL: name };
for (const { line, index, hashes, note } of proofs) {
    const inclusionProof = {
        logIndex: index, hashes: hashes.map((hash) => Buffer.from(hash, "base64")), checkpoint: { envelope: note },
    };
    const entry = { inclusionProof, canonicalizedBody: Buffer.from(line) };
    verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));
}
console.log("agreed " + proofs.length);
"""
PROFILED = """
import bagit, bagit_profile, logging, re
logging.disable()
named = re.search("BagIt-Profile-Identifier: (.*)", open("bag-info.txt").read())[1]
profile = bagit_profile.Profile(named, open("bagit-profile.json").read())
assert profile.validate_serialization(".")
profile.validate(bagit.Bag("."))
print(profile.report)
"""
SIGSTORE = "@sigstore/verify@3.1.1"


@pytest.fixture
def bag(world: World, tmp_path: Path) -> Path:
    place = tmp_path / "bag"
    for name, data in world[0].files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def ran(words: Sequence[str], place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)


def change(place: Path, pattern: str) -> None:
    path = next(place.glob(pattern))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("listed", ["manifest-sha256.txt", "tagmanifest-sha256.txt", "seal/seal-sha256.txt"])
def test_sha256sum_agrees(bag: Path, listed: str) -> None:
    words = ["sha256sum", "-c", "--strict", "--quiet", listed]
    assert ran(words, bag).returncode == 0
    change(bag, (bag / listed).read_text().split()[1])
    assert ran(words, bag).returncode != 0


def recipe(bag: Path, start: str, end: str) -> list[str]:
    """A command as the README gives it."""
    found = re.search(rf"{start}.*?{end}", (bag / "README.txt").read_text(), re.DOTALL)
    assert found
    return found[0].replace("\\\n", " ").split()


def test_openssl_agrees_with_the_seal_by_the_readme_s_recipe(bag: Path) -> None:
    pem = re.search(r"-----BEGIN.*?END PUBLIC KEY-----", (bag / "README.txt").read_text(), re.DOTALL)
    assert pem
    (bag / "KEY.pem").write_text("\n".join(line.strip() for line in pem[0].splitlines()) + "\n")
    words = recipe(bag, "openssl pkeyutl", r"seal-sha256\.txt\.sig")
    assert "Signature Verified Successfully" in ran(words, bag).stdout
    change(bag, "seal/seal-sha256.txt")
    assert ran(words, bag).returncode != 0


@pytest.mark.parametrize(
    ("file", "token"), [("tagmanifest-sha256.txt", "seal/*.tsr"), ("data/log/*/checkpoint-*[0-9]", "data/log/*/*.tsr")]
)
def test_openssl_agrees_with_the_time_stamps(world: World, bag: Path, file: str, token: str) -> None:
    stamped = next(path for path in bag.glob(file) if path.suffix not in (".tsr", ".cosigned"))
    root, stamp = world[0].authority.root, next(bag.glob(token))
    words = ["openssl", "ts", "-verify", "-data", str(stamped), "-in", str(stamp), "-CAfile", str(root)]
    assert ran(words, bag).returncode == 0
    stamped.write_bytes(stamped.read_bytes() + b" ")
    assert ran(words, bag).returncode != 0


def test_bash_and_openssl_alone_agree(world: World, bag: Path) -> None:
    case, bundle, _ = world
    words = ["bash", "verify.sh", "--key", bundle.key, "--tsa-root", str(case.authority.root)]
    done = ran(words, bag)
    assert done.returncode == 0, done.stderr
    assert "Not checked here" in done.stdout
    change(bag, "data/log/*/leaves.hex")
    assert ran(words, bag).returncode == 1


def test_bash_alone_finds_a_tree_that_an_insider_sealed_again(world: World, bag: Path) -> None:
    case, bundle, _ = world
    name = case.name("/records.jsonl")
    for each, data in reseal(replaced(case.files, name, b'"status":404', b'"status":200'), case.signer).items():
        (bag / each).parent.mkdir(parents=True, exist_ok=True)
        (bag / each).write_bytes(data)
    for token in bag.glob("seal/*.tsr"):
        token.unlink()
    done = ran(["bash", "verify.sh", "--key", bundle.key], bag)
    assert done.returncode == 1
    assert "not the leaf it is said to be" in done.stderr


def test_bagit_agrees(bag: Path) -> None:
    pytest.importorskip("bagit", reason="bagit is not installed")
    words = [sys.executable, "-W", "ignore", "-m", "bagit", "--validate", "."]
    done = ran(words, bag)
    assert done.returncode == 0, done.stderr
    change(bag, "data/analysis/incident.json")
    assert ran(words, bag).returncode != 0


def test_the_bag_keeps_to_the_profile_that_it_names_and_carries(bag: Path) -> None:
    def agreed() -> subprocess.CompletedProcess[str]:
        return ran([sys.executable, "-W", "ignore", "-c", PROFILED], bag)

    done = agreed()
    assert (done.returncode, done.stdout.strip()) == (0, "VALID"), done.stdout + done.stderr
    (bag / "fetch.txt").write_text("https://else.example/x 1 data/x\n")
    (bag / "more.txt").write_text("x")
    assert "Fetch.txt is present" in agreed().stdout
    assert "more.txt" in agreed().stdout


def test_case_validate_agrees(bag: Path) -> None:
    tool = Path(sys.executable).with_name("case_validate")
    if not tool.exists():
        pytest.skip("case_validate is not installed")
    done = ran([str(tool), "data/custody/case.jsonld"], bag)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_custody_graph_names_every_file_with_the_digest_it_has(world: World) -> None:
    files = world[0].files
    graph = json.loads(files["data/custody/case.jsonld"])["@graph"]
    told = {}
    for node in graph:
        if node["@type"] == "uco-observable:File":
            name, content = node["uco-core:hasFacet"]
            told[name["uco-observable:filePath"]] = content["uco-observable:hash"]["uco-types:hashValue"]["@value"]
    listed = dict(reversed(line.split("  ")) for line in files["manifest-sha256.txt"].decode().splitlines())
    del listed["data/custody/case.jsonld"]
    assert told == listed


def test_another_language_s_code_agrees_with_checkpoints_and_proofs(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    place = tmp_path_factory.mktemp("npm")
    (place / "package.json").write_text("{}")
    if ran(["npm", "install", "--silent", "--no-audit", "--no-fund", SIGSTORE], place).returncode != 0:
        pytest.skip(f"npm cannot install {SIGSTORE} here")
    files, proofs = world[0].files, []
    for name, data in files.items():
        if name.endswith(".tlog-proof"):
            head, _, note = data.decode().partition("\n\n")
            _, index, *hashes = head.splitlines()
            line = files[name.replace(".tlog-proof", ".json")].decode()
            proofs.append({"line": line, "index": index.split()[1], "hashes": hashes, "note": note})
    assert len(proofs) >= 2

    def agreed() -> bool:
        asked = json.dumps({"vkey": world[1].key, "proofs": proofs})
        done = subprocess.run(["node", "-e", NODE], cwd=place, input=asked, capture_output=True, text=True, check=False)
        return done.returncode == 0 and done.stdout.strip() == f"agreed {len(proofs)}"

    assert agreed()
    proofs[0]["line"] += " "
    assert not agreed()
