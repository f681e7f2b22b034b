"""RFC 3161 time stamps: ask for one, read the answer, and check it against a root named from outside.

    TimeStampResp  SEQUENCE { SEQUENCE { status INTEGER, … }, token ContentInfo }
    token          SignedData over TSTInfo, RFC 5652 section 5
    TSTInfo        SEQUENCE { 1, policy, SEQUENCE { SEQUENCE { hash OID }, digest }, serial, genTime, … , nonce }

What is not understood is refused.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1, sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from scrapeguard.errors import FormatError
from scrapeguard.evidence.der import INTEGER, OCTETS, OID, SEQUENCE, SET, TIME, Node, der, dotted, expect, integer, one

UNREADABLE = (  # what the standard library and cryptography raise over malformed parts
    IndexError,
    ValueError,
    OverflowError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,
)
OID_SHA256 = bytes.fromhex("608648016503040201")
OID_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
OID_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
OID_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
OID_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
OID_SIGNING_CERT = bytes.fromhex("2a864886f70d010910020c")
OID_SIGNING_CERT_V2 = bytes.fromhex("2a864886f70d010910022f")
OID_RSA_PSS = bytes.fromhex("2a864886f70d01010a")
DIGESTS: dict[bytes, hashes.HashAlgorithm] = {
    OID_SHA256: hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class Token:
    """What an authority said: this digest existed at this time."""

    digest: bytes  # SHA-256 of what was stamped
    time: int  # microseconds since 1970
    serial: int
    nonce: int | None
    policy: str
    signer: x509.Certificate


def request(digest: bytes, nonce: int) -> bytes:
    """A TimeStampReq for a SHA-256 digest, asking for the certificates. `nonce` is positive, below 2^64."""
    imprint = der(SEQUENCE, der(SEQUENCE, der(OID, OID_SHA256) + b"\x05\x00") + der(OCTETS, digest))
    return der(SEQUENCE, b"\x02\x01\x01" + imprint + integer(nonce) + b"\x01\x01\xff")


def verify(response: bytes, digest: bytes, roots: Sequence[x509.Certificate], nonce: int | None = None) -> Token:
    """Check a TimeStampResp: granted, over this digest, signed by an authority that one of `roots` vouches for.

    Certificates are judged at the token's own time. Revocation is not checked. Raises FormatError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)  # certificates that RFC 5280 forbids
            return _verify(response, digest, roots, nonce)
    except UNREADABLE as error:
        raise FormatError("The time stamp cannot be read.", f"A part is missing or malformed: {error}.") from error


def _verify(response: bytes, digest: bytes, roots: Sequence[x509.Certificate], nonce: int | None) -> Token:
    status, content = _two(one(response))
    if status.children()[0].number() not in (0, 1):  # granted, granted with modifications
        raise FormatError("The time-stamp authority did not grant the request.", "Look at its status text.")
    info, signed, certificates = _open(content)
    token = _read_info(info, _signer(signed, certificates))
    if token.digest != digest:
        raise FormatError("The time stamp is over something else than this.", "It was taken from another file.")
    if nonce is not None and token.nonce != nonce:
        raise FormatError("The time stamp answers another request.", "Its nonce differs: a replayed answer.")
    _check_signature(signed, info, token.signer)
    _check_chain(token.signer, certificates, roots, datetime.fromtimestamp(token.time / 1_000_000, UTC))
    return token


def _open(content: Node) -> tuple[bytes, Node, list[x509.Certificate]]:
    """TSTInfo bytes, SignerInfo and certificates of a token."""
    kind, wrapped = _two(content)
    if kind.body != OID_SIGNED_DATA:
        raise FormatError("The time stamp is not signed data.", "Give a TimeStampResp, DER encoded.")
    fields = one(wrapped.body).children()
    encapsulated = next((f for f in fields if f.tag == SEQUENCE), None)
    signers = fields[-1].children() if fields and fields[-1].tag == SET else []
    if encapsulated is None or len(signers) != 1:
        raise FormatError("The time stamp has not exactly one signer.", "RFC 3161 asks for one.")
    inner_kind, inner = _two(encapsulated)
    if inner_kind.body != OID_TST_INFO:
        raise FormatError("The signed data is not a time stamp.", "Its content type is not TSTInfo.")
    chain = next((f for f in fields if f.tag == 0xA0), None)
    certificates = (
        [x509.load_der_x509_certificate(c.raw) for c in chain.children() if c.tag == SEQUENCE] if chain else []
    )
    return one(inner.body).body, signers[0], certificates


def _read_info(info: bytes, signer: x509.Certificate) -> Token:
    fields = one(info).children()
    if len(fields) < 5 or fields[0].number() != 1:
        raise FormatError("The time stamp's TSTInfo is not version 1.", "Only RFC 3161 tokens are understood.")
    algorithm, imprint = _two(fields[2])
    if algorithm.children()[0].body != OID_SHA256:
        raise FormatError("The time stamp is not over SHA-256.", "Ask the authority for SHA-256.")
    nonce = next((f.number() for f in fields[5:] if f.tag == INTEGER), None)
    time = _time(expect(fields[4], TIME).body)
    return Token(imprint.body, time, fields[3].number(), nonce, dotted(fields[1].body), signer)


def _signer(signed: Node, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate a SignerInfo names by issuer and serial number."""
    fields = signed.children()
    if len(fields) > 1 and fields[1].tag == SEQUENCE:
        issuer, serial = _two(fields[1])
        for certificate in certificates:
            if certificate.serial_number == serial.number() and certificate.issuer.public_bytes() == issuer.raw:
                return certificate
    raise FormatError("The time stamp does not carry its signer's certificate.", "Ask for it (certReq).")


def _check_signature(signed: Node, info: bytes, signer: x509.Certificate) -> None:
    fields = signed.children()
    attributes = next((f for f in fields if f.tag == 0xA0), None)
    if attributes is None or len(fields) < 6:
        raise FormatError("The time stamp has no signed attributes.", "RFC 3161 asks for them.")
    digest = DIGESTS.get(fields[2].children()[0].body)
    if digest is None:
        raise FormatError("The time stamp uses a digest that is not understood.", "SHA-256, -384 and -512 are.")
    after = fields[fields.index(attributes) + 1 :]
    values = {a.children()[0].body: a.children()[1].children()[0] for a in attributes.children()}
    hasher = hashes.Hash(digest)
    hasher.update(info)
    stated = values.get(OID_MESSAGE_DIGEST)
    kind = values.get(OID_CONTENT_TYPE)
    if stated is None or stated.body != hasher.finalize() or kind is None or kind.body != OID_TST_INFO:
        raise FormatError("The time stamp's content was altered.", "Its digest is not the signed one.")
    _check_named(values, signer)
    message = bytes([SET]) + attributes.raw[1:]
    try:
        _check_key(signer, after[1].body, message, digest, after[0].children()[0].body == OID_RSA_PSS)
    except InvalidSignature as error:
        raise FormatError(
            "The time stamp's signature does not match.", "It was altered or made by another key."
        ) from error


def _check_named(values: dict[bytes, Node], signer: x509.Certificate) -> None:
    """The signed attributes name the signer's certificate by digest (RFC 5816), so that it cannot be swapped."""
    der = signer.public_bytes(Encoding.DER)
    new, old = values.get(OID_SIGNING_CERT_V2), values.get(OID_SIGNING_CERT)
    named = new or old
    if named is None:
        raise FormatError("The time stamp does not name its certificate.", "RFC 3161 asks for ESSCertID.")
    first = named.children()[0].children()[0].children()
    digest = next((f.body for f in first if f.tag == OCTETS), b"")
    if digest != (sha256(der).digest() if new else sha1(der, usedforsecurity=False).digest()):
        raise FormatError("The time stamp names another certificate than it carries.", "The certificate was swapped.")


def _check_key(
    signer: x509.Certificate, signature: bytes, message: bytes, digest: hashes.HashAlgorithm, pss: bool
) -> None:
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        scheme = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO) if pss else padding.PKCS1v15()
        key.verify(signature, message, scheme, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(digest))
    else:
        raise FormatError("The time-stamp authority uses a key that is not understood.", "RSA and ECDSA are.")


def _check_chain(
    signer: x509.Certificate, known: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> None:
    """From the signer to a root, each certificate valid at the time of the stamp. Raises FormatError."""
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound as error:
        raise FormatError("The signer's certificate is not one for time stamping.", "It lacks the usage.") from error
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise FormatError("The signer's certificate is not one for time stamping only.", "RFC 3161, 2.3 asks for it.")
    here = signer
    for _ in range(8):
        if not here.not_valid_before_utc <= at <= here.not_valid_after_utc:
            raise FormatError(f"A certificate of the time stamp was not valid on {at:%Y-%m-%d}.", str(here.subject))
        if any(here == root or _issued(here, root) for root in roots):
            return
        above = next((c for c in known if c != here and _may_issue(c) and _issued(here, c)), None)
        if above is None:
            break
        here = above
    raise FormatError("The time stamp does not lead to the given root.", "Give the authority's root certificate.")


def _issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _two(node: Node) -> tuple[Node, Node]:
    children = node.children()
    if node.tag != SEQUENCE or len(children) < 2:
        raise FormatError("The time stamp has an unexpected structure.", "A part is missing.")
    return children[0], children[1]


def _time(text: bytes) -> int:
    """GeneralizedTime, "20261124090000[.5]Z", as microseconds; fractions of a second are kept."""
    try:
        whole, _, fraction = text.decode("ascii").removesuffix("Z").partition(".")
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000 + int((fraction + "000000")[:6])
    except ValueError as error:
        raise FormatError("The time stamp's time cannot be read.", repr(text)) from error
