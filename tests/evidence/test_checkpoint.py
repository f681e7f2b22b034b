"""Checkpoints: what others write is read, what was altered is refused, openssl agrees."""

import base64
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.errors import FormatError
from scrapeguard.evidence.checkpoint import COSIGNATURE, Checkpoint, Signer, Verifier, cosigned_at, parse, verify

NAME = "example.org/evidence/web1"
SIGNER = Signer(NAME, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
CHECKPOINT = Checkpoint(NAME + "/2026-11", 44, sha256(b"root").digest())
NOTE = CHECKPOINT.signed([SIGNER])
# A checkpoint of the public Go checksum database and its published key: bytes that another program signed.
GO_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


def test_a_note_comes_back_as_it_was_signed() -> None:
    assert verify(NOTE, [SIGNER.verifier]) == (CHECKPOINT, [SIGNER.verifier])
    assert parse(NOTE.encode())[0] == CHECKPOINT


def test_a_vkey_is_written_and_read_as_others_do() -> None:
    assert str(Verifier.parse(GO_KEY)) == GO_KEY
    assert Verifier.parse(str(SIGNER.verifier)) == SIGNER.verifier


def test_openssl_verifies_the_signature(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(CHECKPOINT.text())
    signature = base64.b64decode(NOTE.rsplit(" ", 1)[1])[4:]
    (tmp_path / "sig").write_bytes(signature)
    pem = SIGNER.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile sig"
    assert subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_signatures_of_unknown_keys_are_ignored() -> None:
    other = Signer("other.example", Ed25519PrivateKey.generate())
    note = CHECKPOINT.signed([other, SIGNER])
    assert verify(note, [SIGNER.verifier]) == (CHECKPOINT, [SIGNER.verifier])
    assert verify(CHECKPOINT.signed([other]), [SIGNER.verifier]) == (CHECKPOINT, [])


def test_a_key_of_the_same_name_is_another_key() -> None:
    same_name = Signer(NAME, Ed25519PrivateKey.generate())
    assert verify(CHECKPOINT.signed([same_name]), [SIGNER.verifier])[1] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("44", "45"),
        ("2026-11", "2026-12"),
        ("44\n", "044\n"),
        ("44\n", "44\nextra\n"),
        ("\n\n", "\n"),
        ("\u2014 ", "- "),
    ],
)
def test_an_altered_note_is_refused(old: str, new: str) -> None:
    with pytest.raises(FormatError):
        verify(NOTE.replace(old, new, 1), [SIGNER.verifier])


def test_a_witness_says_when_it_saw_the_tree() -> None:
    key = Ed25519PrivateKey.generate()
    witness = Verifier("witness.example", key.public_key().public_bytes_raw(), COSIGNATURE)
    seconds = 1_795_000_000
    message = f"cosignature/v1\ntime {seconds}\n".encode() + CHECKPOINT.text().encode()
    value = witness.id + seconds.to_bytes(8, "big") + key.sign(message)
    note = NOTE + f"\u2014 witness.example {base64.b64encode(value).decode()}\n"
    assert cosigned_at(note, witness) == seconds
    assert cosigned_at(NOTE, witness) is None
    later = witness.id + (seconds + 1).to_bytes(8, "big") + value[12:]
    with pytest.raises(FormatError, match="does not match"):
        cosigned_at(NOTE + f"\u2014 witness.example {base64.b64encode(later).decode()}\n", witness)


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AAAA", GO_KEY.replace("033de0ae", "033de0af"), "a b+1+AA"])
def test_what_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        Verifier.parse(text)


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_junk_is_refused_in_a_sentence(junk: str | bytes) -> None:
    with pytest.raises(FormatError):
        parse(junk)
