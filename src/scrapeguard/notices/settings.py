"""[notices]: what is published, and who publishes it."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

PREFIX = "/.sg/"  # our own paths on the site; /.well-known/ is for registered ones (RFC 8615)
LICENSE = f"{PREFIX}license.xml"
TDM_POLICY = f"{PREFIX}tdm-policy.json"
_URL = re.compile(r"https?://[a-z0-9.-]+(?::\d+)?")

Publication = Literal["tdm", "license", "terms", "security"]
Header = Literal["link", "tdm", "usage", "robots-tag"]


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """[notices]"""

    robots: str = ""  # path of a robots.txt, served as it is; "" = the site's own, and ours where it has none
    hosts: dict[str, str] = field(default_factory=dict)  # another file for a host
    terms_url: str = ""  # a URL, or a path on this site
    contact: str = ""  # a URL such as "mailto:data@shop.example", or words
    sitemaps: tuple[str, ...] = ()
    serve_robots: bool = True  # False = the site answers /robots.txt; it is known here only if `robots` names the file
    url: str = ""  # the site's own address, such as "https://shop.example", where a notice needs a whole URL
    owner: str = ""  # who publishes the data
    publish: tuple[Publication, ...] = ()  # what else is served
    headers: tuple[Header, ...] = ()  # what the site's own answers say
    security_expires: str = ""  # until when security.txt holds (RFC 3339)

    def __post_init__(self) -> None:
        terms = self.terms_url
        if terms and not (terms.startswith(("https://", "http://", "/")) and _quotable(terms)):
            raise ValueError(f"terms_url is {terms!r}; it must be a URL, or a path on this site, in printable ASCII.")
        for name, line in (("contact", self.contact), ("owner", self.owner)):
            if not line.isprintable():
                raise ValueError(f"{name} is {line!r}; it must be one line without control characters.")
        for host in self.hosts:
            if ":" in host.rpartition("]")[2]:
                raise ValueError(f"hosts has {host!r}; leave out the port.")
        if self.url and not _URL.fullmatch(self.url):
            raise ValueError(f"url is {self.url!r}; it must be like https://shop.example, without a path.")
        self._refuse_unfounded()

    def contact_url(self) -> str:
        """The contact as a URL; "" where it is only words."""
        if self.contact.startswith(("mailto:", "https://", "tel:")) and _quotable(self.contact):
            return self.contact
        return f"mailto:{self.contact}" if "@" in self.contact and _quotable(self.contact) else ""

    def absolute(self, place: str) -> str:
        """A path on this site as a URL; a URL as it is; "" where the site's address is not known."""
        if not place.startswith("/"):
            return place
        return f"{self.url}{place}" if self.url else ""

    def expires(self) -> datetime | None:
        """When security.txt ends."""
        return datetime.fromisoformat(self.security_expires) if self.security_expires else None

    def _refuse_unfounded(self) -> None:
        """What is to be published must have what it is made of."""
        try:
            expires = self.expires()
        except ValueError:
            expires = None
        if self.security_expires and (expires is None or expires.tzinfo is None):
            raise ValueError(f"security_expires is {self.security_expires!r}; write it like 2030-01-31T00:00:00Z.")
        needs = {
            "license": (self.url.startswith("https://"), "the site's url, with https (RSL 1.0)"),
            "terms": (self.terms_url.startswith("/"), "a terms_url that is a path on this site, such as /terms"),
            "security": (
                bool(self.contact_url() and expires),
                "a contact that is a mailto: or https: URL, and security_expires (RFC 9116)",
            ),
        }
        for name in self.publish:
            given, what = needs.get(name, (True, ""))
            if not given:
                raise ValueError(f'publish has "{name}"; that needs {what}.')


def _quotable(url: str) -> bool:
    return all("!" <= letter <= "~" and letter not in '<>"\\' for letter in url)
