"""The access log formats, the more particular ones first. To add one: its file, its import, its entry."""

from collections.abc import Callable, Sequence

from scrapeguard.doors.formats.alb import alb
from scrapeguard.doors.formats.caddy import caddy
from scrapeguard.doors.formats.cloudflare import cloudflare
from scrapeguard.doors.formats.combined import combined, combined_agent, combined_field, common, traefik_words
from scrapeguard.doors.formats.json_lines import json_lines
from scrapeguard.doors.formats.traefik import traefik
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry

Parse = Callable[[str, int], LogEntry]  # a line without its end, and its number; raises FormatError with the reason

FORMATS: dict[str, Parse] = {
    "traefik-clf": traefik_words,
    "combined": combined,  # with or without a virtual host first, or more fields at the end
    "combined-field": combined_field,  # one more quoted field between referer and agent
    "combined-agent": combined_agent,  # an agent and no referer
    "common": common,
    "caddy-json": caddy,
    "traefik-json": traefik,
    "cloudflare-json": cloudflare,
    "json": json_lines,
    "aws-alb": alb,
}


def guess(lines: Sequence[str]) -> str | None:
    """The format that reads most of these lines and finds most agents in them; None when none reads any."""
    scores = {name: _score(parse, lines) for name, parse in FORMATS.items()}
    best = max(scores, key=scores.__getitem__)  # the first of equals
    return best if scores[best] else None


def _score(parse: Parse, lines: Sequence[str]) -> int:
    score = 0
    for number, line in enumerate(lines, 1):
        try:
            entry = parse(line, number)
        except FormatError:
            continue
        score += 2 + (entry.agent or "").startswith("Mozilla/")
    return score
