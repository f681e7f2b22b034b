"""What a client looks like: a digest of its agent and of the names and order of the headers it always sends."""

from hashlib import blake2b

from scrapeguard.model import Headers

# One and the same client sends these now and then: with a reload, a form, a range, a script, or when a proxy adds them.
VARYING = frozenset(
    b"accept-ch accept-datetime access-control-request-headers access-control-request-method alt-used authorization "
    b"baggage cache-control cdn-loop connection content-encoding content-language content-length content-type cookie "
    b"downlink ect expect forwarded host if-match if-modified-since if-none-match if-range if-unmodified-since "
    b"keep-alive last-event-id max-forwards next-action next-router-prefetch next-router-state-tree next-url origin "
    b"pragma priority proxy-authorization purpose range referer rsc rtt save-data sec-fetch-storage-access "
    b"sec-fetch-user sec-purpose service-worker service-worker-navigation-preload signature signature-agent "
    b"signature-input te traceparent tracestate trailer transfer-encoding true-client-ip upgrade "
    b"upgrade-insecure-requests via".split()
)
VARYING_PREFIXES = (b"x-", b"cf-", b"cloudfront-", b"fastly-", b"sec-websocket-", b"hx-", b"turbo-")


def digest(agent: str, headers: Headers | None, attested: str = "") -> str | None:
    """16 hex characters; None when the door sees no headers.

    `attested` is what a trusted edge says about the TLS handshake (JA4), and joins the digest when there is one.
    """
    if headers is None:
        return None
    names = [name for name in headers.raw if name not in VARYING and not name.startswith(VARYING_PREFIXES)]
    text = agent.encode("utf-8", "surrogatepass") + b"\n" + b"\n".join(names)
    if attested:
        text += b"\n\n" + attested.encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=8).hexdigest()
