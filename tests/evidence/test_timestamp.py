"""Time stamps from a real `openssl ts` authority: accepted when right, refused in every way they can be wrong."""

import subprocess
import time
from hashlib import sha256
from pathlib import Path

import pytest
from authority import Authority
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrapeguard.errors import FormatError
from scrapeguard.evidence import timestamp

DATA = b"example.org/evidence/host/2026-11\n44\nq83vEjRWeJA=\n"
DIGEST = sha256(DATA).digest()


@pytest.fixture(scope="module", params=["ec", "rsa"])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"), key=request.param)


def root(authority: Authority) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(authority.root.read_bytes())]


@pytest.fixture(scope="module")
def stamped(authority: Authority) -> bytes:
    return authority.reply(timestamp.request(DIGEST, 1 << 63))


def test_a_stamp_tells_when_and_over_what(authority: Authority, stamped: bytes) -> None:
    token = timestamp.verify(stamped, DIGEST, root(authority), nonce=1 << 63)
    assert token.digest == DIGEST
    assert token.policy == "1.2.3.4.1"
    assert abs(token.time / 1e6 - time.time()) < 600


def test_openssl_agrees(authority: Authority, stamped: bytes, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "stamp.tsr").write_bytes(stamped)
    command = ["openssl", "ts", "-verify", "-data", "data", "-in", "stamp.tsr", "-CAfile", str(authority.root)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_a_stamp_for_something_else_is_refused(authority: Authority, stamped: bytes) -> None:
    with pytest.raises(FormatError, match="over something else"):
        timestamp.verify(stamped, sha256(b"other").digest(), root(authority))


def test_a_replayed_answer_is_refused(authority: Authority, stamped: bytes) -> None:
    with pytest.raises(FormatError, match="another request"):
        timestamp.verify(stamped, DIGEST, root(authority), nonce=7)


def test_a_rogue_authority_of_the_same_name_is_refused(stamped: bytes, tmp_path: Path) -> None:
    rogue = Authority(tmp_path)
    with pytest.raises(FormatError, match="does not lead to the given root"):
        timestamp.verify(stamped, DIGEST, root(rogue))


@pytest.mark.parametrize("usage", ["timeStamping", "critical,timeStamping,codeSigning"])
def test_a_certificate_not_made_for_stamping_is_refused(usage: str, authority: Authority, stamped: bytes) -> None:
    certificate = timestamp.verify(stamped, DIGEST, root(authority)).signer
    assert certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical
    with pytest.raises(FormatError, match="time stamping"):
        timestamp._check_chain(*_foreign(usage, authority))


def _foreign(
    usage: str, authority: Authority
) -> tuple[x509.Certificate, list[x509.Certificate], list[x509.Certificate], object]:
    other = Authority(authority.folder / usage.replace(",", "-"), usage=usage)
    signer = x509.load_pem_x509_certificate((other.folder / "tsa.pem").read_bytes())
    return signer, [], root(other), signer.not_valid_before_utc


def test_openssl_time_altered_by_one_bit_is_refused(authority: Authority, stamped: bytes) -> None:
    at = stamped.index(b"Z", stamped.index(DIGEST))
    altered = stamped[: at - 1] + bytes([stamped[at - 1] ^ 1]) + stamped[at:]
    with pytest.raises(FormatError):
        timestamp.verify(altered, DIGEST, root(authority))


@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_never_gives_another_time_or_digest(
    authority: Authority, stamped: bytes, position: float, flip: int
) -> None:
    whole = timestamp.verify(stamped, DIGEST, root(authority))
    at = int(position * len(stamped))
    altered = stamped[:at] + bytes([stamped[at] ^ flip]) + stamped[at + 1 :]
    try:
        token = timestamp.verify(altered, DIGEST, root(authority))
    except FormatError:
        return
    assert (token.time, token.digest, token.serial) == (whole.time, whole.digest, whole.serial)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_is_refused_in_a_sentence(authority: Authority, junk: bytes) -> None:
    with pytest.raises(FormatError):
        timestamp.verify(junk, DIGEST, root(authority))
    with pytest.raises(FormatError):
        timestamp.verify(b"\x30\x82" + len(junk).to_bytes(2, "big") + junk, DIGEST, root(authority))
