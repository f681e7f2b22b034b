"""The licence file of Really Simple Licensing, RSL 1.0 (rslstandard.org/rsl): what is permitted, and whom to ask."""

from xml.etree import ElementTree

from scrapeguard.notices.purposes import Purposes
from scrapeguard.notices.settings import NoticeSettings

NAMESPACE = "https://rslstandard.org/rsl"
MEDIA_TYPE = "application/rsl+xml"
DAYS = "1"  # a copy older than this is not to be relied on
TOKENS = {"search": "search", "ai_input": "ai-input", "ai_train": "ai-train"}


def license_file(settings: NoticeSettings, policy: Purposes) -> bytes:
    """The XML. One element of each kind holds all its tokens; children in the order of the specification's schema."""
    root = ElementTree.Element("rsl", {"xmlns": NAMESPACE, "max-age": DAYS})
    content = ElementTree.SubElement(root, "content", {"url": "/"})
    granted = ElementTree.SubElement(content, "license")
    said = policy.stated()
    for element, stance in (("permits", "allow"), ("prohibits", "refuse")):
        listed = [token for name, token in TOKENS.items() if said.get(name) == stance]
        if listed:
            ElementTree.SubElement(granted, element, {"type": "usage"}).text = " ".join(listed)
    if settings.contact_url():
        ElementTree.SubElement(granted, "legal", {"type": "contact"}).text = settings.contact_url()
    if settings.owner:
        ElementTree.SubElement(content, "copyright").text = settings.owner
    if settings.terms_url:
        ElementTree.SubElement(content, "terms").text = settings.absolute(settings.terms_url)
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return body + b"\n"
