"""Our own robots.txt: the template in robots/robots.txt, with a group for each purpose that is refused."""

from collections.abc import Iterator
from dataclasses import replace

from scrapeguard.errors import ConfigError
from scrapeguard.notices.purposes import Purposes, Stance, content_signal, content_usage, tokens
from scrapeguard.notices.settings import LICENSE, NoticeSettings
from scrapeguard.notices.template import fill

TITLES = {
    "search": "Indexing for a search engine",
    "ai_train": "Collecting data to train models with, or to sell",
    "ai_input": "Fetching pages to answer the questions of an assistant's user",
    "archive": "Keeping copies",
    "preview": "Showing previews of links",
}
NOTHING = Purposes("unstated", "unstated")


def robots_file(settings: NoticeSettings, policy: Purposes, traps: tuple[str, ...]) -> bytes:
    """The file. Raises ConfigError for a value that would not stay on its line, or would be cut short there."""
    for name, listed in (("trap", traps), ("sitemap", settings.sitemaps)):
        for value in listed:
            if not value.isprintable() or "#" in value:
                raise ConfigError(
                    f"robots.txt cannot carry the {name} {value!r}.", "Leave out control characters and '#'."
                )
    values = {
        "terms": _some(settings.absolute(settings.terms_url) or settings.terms_url),
        "contact": _some(settings.contact),
        "claim": list(_claim(policy)),
        "license": _some(settings.absolute(LICENSE) if "license" in settings.publish else ""),
        "signal": _some(content_signal(policy)),
        "usage": _some(content_usage(policy)),
        "trap": traps,
        "group": [line for name, stance in policy.stated().items() if stance == "refuse" for line in _group(name)],
        "sitemap": settings.sitemaps,
    }
    return fill("robots.txt", values)


def _some(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _claim(policy: Purposes) -> Iterator[str]:
    """The policy in words."""
    if policy.search == "allow":
        yield "People may read this site, and search engines may index it so that people find it."
    elif policy.search == "refuse":
        yield "People may read this site. It is not to be indexed."
    if policy.ai_train == "refuse":
        yield "All other rights in its data are reserved by machine-readable means (Directive (EU) 2019/790,"
        yield "Article 4(3)): whoever wants to collect, mine or train on them asks for permission first."
    yield "These rules are the same for every operator; groups are made by purpose."


def _group(purpose: str) -> Iterator[str]:
    """The group of all robots that come for one refused purpose, and an empty line."""
    refused: dict[str, Stance] = {purpose: "refuse"}
    only = replace(NOTHING, **refused)
    yield f"# {TITLES[purpose]}"
    yield from (f"User-agent: {token}" for token in tokens(purpose))
    for key, value in (("Content-Signal", content_signal(only)), ("Content-Usage", content_usage(only))):
        if value:
            yield f"{key}: {value}"
    yield "Disallow: /"
    yield ""
