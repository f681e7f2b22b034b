"""What a client looks like: a digest of its agent and of the names and order of the headers it always sends."""

from functools import lru_cache
from hashlib import blake2b

from scrapeguard.model import Headers

# One and the same client sends these now and then: with a reload, a form, a range, a script, or where a proxy adds
# them. So it is with all that begin with "x-".
VARYING = frozenset(
    b"accept-datetime access-control-request-headers access-control-request-method alt-used authorization "
    b"baggage cache-control cdn-loop cf-connecting-ip cf-ipcountry cf-ray cf-visitor connection content-encoding "
    b"content-language content-length content-type cookie downlink ect expect forwarded host hx-boosted "
    b"hx-current-url hx-request hx-target hx-trigger hx-trigger-name if-match if-modified-since if-none-match "
    b"if-range if-unmodified-since keep-alive last-event-id max-forwards next-action next-router-prefetch "
    b"next-router-state-tree next-url origin pragma priority proxy-authorization purpose range referer rsc rtt "
    b"save-data sec-fetch-storage-access sec-fetch-user sec-purpose sec-websocket-extensions sec-websocket-key "
    b"sec-websocket-protocol sec-websocket-version service-worker service-worker-navigation-preload signature "
    b"signature-agent signature-input te traceparent tracestate trailer transfer-encoding true-client-ip "
    b"turbo-frame upgrade upgrade-insecure-requests via".split()
)


REMEMBERED, LONG = 4096, 2048  # fingerprints; bytes of names up to which one is remembered


def digest(agent: str, headers: Headers | None, attested: str = "") -> str | None:
    """16 hex characters; None when the door sees no headers.

    `attested` is what a trusted edge says about the TLS handshake (JA4), and joins the digest when there is one.
    """
    if headers is None:
        return None
    names = b"\n".join(headers.raw)
    return (_remembered if len(names) <= LONG and len(attested) <= 64 else _digest)(agent, names, attested)


def _digest(agent: str, names: bytes, attested: str) -> str:
    sent = names.split(b"\n")
    stable = [name for name in sent if name not in VARYING and name[:2] != b"x-" and name[:7] != b"sec-ch-"]
    if (
        b"sec-ch-ua" in sent
    ):  # Chrome puts its hints elsewhere with a page than with a picture, and sends more when asked
        stable.append(b"sec-ch-ua")
    lines = [agent.encode("utf-8", "surrogatepass"), attested.encode("utf-8", "surrogatepass"), *stable]
    return blake2b(b"\n".join(lines), digest_size=8).hexdigest()


_remembered = lru_cache(REMEMBERED)(_digest)
