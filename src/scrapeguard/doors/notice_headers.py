"""The headers that the site's answers shall carry, on their way through the answer to /check: the proxy adds them.

Each is told under X-SG-Notice- and its own name, with all of its values in one line.
"""

from scrapeguard.notices.headers import Headers

Pairs = list[tuple[bytes, bytes]]

NAMES = (b"link", b"tdm-reservation", b"tdm-policy", b"content-usage", b"x-robots-tag")
PREFIX = b"x-sg-notice-"


def told(headers: Headers, every: bool) -> Pairs:
    """As /check tells them. With `every`, those that the site's answers shall not carry as well, with nothing in them:
    some proxies write a placeholder's name where a header is missing."""
    found: dict[bytes, bytes] = dict.fromkeys(NAMES, b"") if every else {}
    for name, value in headers.pairs:
        found[name] = found[name] + b", " + value if found.get(name) else value
    return [(PREFIX + name, value) for name, value in found.items()]
