"""TDMRep (W3C Community Group, 10 May 2024): text and data mining reserved, as a file, a policy and two headers."""

import json

from scrapeguard.notices.purposes import Purposes
from scrapeguard.notices.settings import TDM_POLICY, NoticeSettings

PATH = "/.well-known/tdmrep.json"
CONTEXT = ["http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld"]


def reservation(settings: NoticeSettings, policy: Purposes) -> dict[str, int | str]:
    """What is reserved everywhere on the site, and the policy under which it may be had; empty = nothing is said.

    The file and the headers say the same, since a header outranks the file.
    """
    reserved = policy.reserved()
    if reserved is None:
        return {}
    said: dict[str, int | str] = {"tdm-reservation": reserved}
    if reserved and has_policy(settings):
        said["tdm-policy"] = settings.absolute(TDM_POLICY)
    return said


def has_policy(settings: NoticeSettings) -> bool:
    """A policy names the site and whom to ask."""
    return "tdm" in settings.publish and bool(settings.url and settings.contact_url())


def tdm_file(settings: NoticeSettings, policy: Purposes) -> bytes:
    """/.well-known/tdmrep.json: a list of rules, of which the first that matches decides."""
    said = reservation(settings, policy)
    return _json([{"location": "/", **said}] if said else [])


def tdm_policy(settings: NoticeSettings) -> bytes:
    """The policy: mining is possible with the consent of whoever is named as assigner (ODRL 2.2)."""
    assigner = {"uid": settings.url, "vcard:fn": settings.owner or settings.url.partition("//")[2]}
    contact = settings.contact_url()
    assigner["vcard:hasEmail" if contact.startswith("mailto:") else "vcard:hasURL"] = contact
    return _json(
        {
            "@context": CONTEXT,
            "@type": "Offer",
            "profile": "http://www.w3.org/ns/tdmrep",
            "uid": settings.absolute(TDM_POLICY),
            "assigner": assigner,
            "permission": [{"target": f"{settings.url}/", "action": "tdm:mine", "duty": [{"action": "obtainConsent"}]}],
        }
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
