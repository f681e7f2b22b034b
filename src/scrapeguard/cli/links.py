"""`links`: what joins the addresses of an incident into one actor, and the operator's word against a link."""

import json
from pathlib import Path

import click

from scrapeguard.cli.evidence import directory_option, idle_option, json_option
from scrapeguard.errors import InputError
from scrapeguard.evidence import incidents as view
from scrapeguard.evidence.access import looking
from scrapeguard.evidence.incident import Found
from scrapeguard.evidence.links import Link
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.rejections import reject as record
from scrapeguard.exports.english import SAID
from scrapeguard.exports.timeline import error_of, name_of
from scrapeguard.exports.words import lasting, many, moment, printable


@click.group()
def links() -> None:
    """What joins the addresses of an incident into one actor; reject what is wrong."""


@links.command("list")
@click.argument("incident")
@directory_option
@idle_option
@json_option
def list_(incident: str, directory: Path, idle: int | None, as_json: bool) -> None:
    """List the links of an INCIDENT, by its id or the beginning of it.

    Each says why two addresses are taken for one actor, the two records it rests on, and how often such a link would
    join strangers, counted in this log. Those that would too often ([evidence] link_error_percent) are not followed.
    """
    with looking(directory, "links", incident=incident) as about:
        found = view.incident(directory, incident, idle or view.configured_idle(directory)).found
        about["incident"] = found.id
    if as_json:
        everybody = {end.subject for link in found.links for end in (link.first, link.second)}
        click.echo(json.dumps([link.told(everybody) | {"weak": link.weak} for link in found.links]))
        return
    for link in found.links:
        click.echo(printable("\n".join(_told(link))))
    held = sum(link.holds for link in found.links)
    click.echo(
        f"{many(len(found.links), 'link')}, {held} followed: {many(len(found.subjects), 'address', 'addresses')}"
    )


@links.command()
@click.argument("link")
@click.option("--why", required=True, help="Why it is wrong. It is recorded: write no personal data into it.")
@click.option("--who", required=True, help="Whose decision it is: a role or a name. Recorded.")
@directory_option
@idle_option
@json_option
def reject(link: str, why: str, who: str, directory: Path, idle: int | None, as_json: bool) -> None:
    """Reject a LINK, by its id or the beginning of it: from now on it joins nothing, and bundles say so.

    Other links between the same addresses stay: `links list` shows them.
    """
    with looking(directory, "links", link=link):
        chosen = _chosen(view.find(directory, idle or view.configured_idle(directory)), link, directory)
    if chosen.rejection is not None:
        was = chosen.rejection
        raise InputError(f"The link {chosen.id} is rejected already, by {was.who} on {moment(was.time)}.", was.why)
    record(EvidenceLog(EvidenceSettings(directory=str(directory)), Path), chosen.id, chosen.reason, who, why)
    if as_json:
        click.echo(json.dumps({"link": chosen.id, "reason": chosen.reason, "who": who, "why": why}))
        return
    click.echo(f"{chosen.id} is rejected: it joins nothing any more.")


def _chosen(found: list[Found], name: str, directory: Path) -> Link:
    known = {link.id: link for each in found for link in each.links}
    matching = [link for id_, link in known.items() if id_.startswith(name.lower())] if name else []
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise InputError(f"{len(matching)} links begin with {name!r}.", "Give more digits of the id.")
    raise InputError(f"There is no link {name!r} in {directory}.", "See `scrapeguard links list INCIDENT`.")


def _told(link: Link) -> list[str]:
    state = "" if link.holds else "  (not followed: too uncertain)"
    if link.rejection is not None:
        state = f"  (rejected by {link.rejection.who} on {moment(link.rejection.time)}: {link.rejection.why})"
    ends = [f"{name_of(end.subject)} {moment(end.time)} {end.reference}" for end in (link.first, link.second)]
    return [
        f"{link.id}  {name_of(link.second.subject)} {SAID[f'link_{link.reason}']}{state}",
        f"              {ends[0]}, then {lasting(link.apart)} later {ends[1]}",
        f"              {error_of(link, SAID)}",
    ]
