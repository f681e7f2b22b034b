"""`hold`, `subject` and `expense`: keep an incident beyond its time, answer or forget a person, note what it cost."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import click

from scrapeguard.cli.keeper import Place, config_option, json_option
from scrapeguard.errors import InputError
from scrapeguard.evidence import incidents as view
from scrapeguard.evidence import subject as subjects
from scrapeguard.evidence.access import looking, pseudonym
from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.cases import Cases
from scrapeguard.evidence.vault import Vault
from scrapeguard.exports.words import many, moment, printable

AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?")
CURRENCY = re.compile(r"[A-Z]{3}")


@click.group()
def hold() -> None:
    """Keep an incident readable beyond [evidence] retention_days, or let it go."""


reason_option = click.option("--reason", required=True, help="Why. It is recorded: write no personal data into it.")
approver_option = click.option("--approver", required=True, help="Whose decision it is: a role or a name. Recorded.")


@hold.command("set")
@click.argument("incident")
@reason_option
@approver_option
@config_option
@json_option
def set_(incident: str, reason: str, approver: str, config: Path | None, as_json: bool) -> None:
    """Keep what is known of INCIDENT's actor, and of nobody else, under a key of its own.

    It covers the requests recorded so far; run it again while the incident goes on. Retention and erasure leave it.
    """
    place = Place(config)
    found = view.named(place.directory, incident, view.configured_idle(place.directory))
    count = view.hold(place.directory, found)
    told: dict[str, Json] = {"approver": approver, "incident": found.id, "reason": reason, "records": count}
    _record(place, "hold.set", told)
    _tell(told, f"{found.id} is held: {many(count, 'record')} under a key of their own.", as_json)


@hold.command()
@click.argument("incident")
@reason_option
@approver_option
@config_option
@json_option
def release(incident: str, reason: str, approver: str, config: Path | None, as_json: bool) -> None:
    """End the hold of INCIDENT (its id in full): what the case kept is destroyed with its key."""
    place = Place(config)
    cases = Cases(Vault(place.directory))
    if incident not in cases.names():
        held = ", ".join(cases.names()) or "nothing"
        raise InputError(f"The incident {incident!r} is not held.", f"Held is: {held}.")
    told: dict[str, Json] = {"approver": approver, "incident": incident, "reason": reason}
    _record(place, "hold.released", told)
    cases.release(incident)
    _tell(told, f"{incident} is released: what was kept of it is destroyed.", as_json)


@click.command()
@click.argument("address")
@click.option(
    "--erase/--report", "erase", help="Erase what is recorded, but for what a hold keeps; or tell it (default)."
)
@config_option
@json_option
def subject(address: str, erase: bool, config: Path | None, as_json: bool) -> None:
    """Answer a person who asks what is recorded about an ADDRESS, or erase it.

    Erasing overwrites the personal part of each record. The public part stays: it verifies the log, and names nobody.
    Until retention destroys the day's key, who has the vault key and the address can still tell how often it came.
    An incident under hold keeps its copy; backups and bundles handed out are out of reach.
    """
    place = Place(config)
    key = subjects.key_of(address)
    with looking(place.directory, "subject", subject=pseudonym(place.directory, key)):
        if erase:
            found = subjects.erase(place.directory, key)
            said = f"{many(found.erased, 'record')} erased"
        else:
            found = subjects.report(place.directory, key)
            said = f"{many(len(found.records), 'record')} about {key}, {many(found.erased, 'record')} erased before"
    numbers: dict[str, Json] = {
        "erased": found.erased,
        "held": found.held,
        "records": len(found.records),
    }
    _record(place, "subject.erased" if erase else "subject.report", numbers)  # not about whom
    for incident, count in found.held.items():
        said += f"\n{many(count, 'record')} kept by the hold of incident {incident}"
    if not as_json:
        said += "".join(f"\n{printable(_row(each))}" for each in found.records)
    _tell({"key": key, "days": dict(found.days), **numbers, "records": found.records}, said, as_json)


@click.group()
def expense() -> None:
    """What an incident cost: recorded at the time, for a claim later."""


@expense.command()
@click.argument("incident")
@click.option("--amount", required=True, help='Such as "1200.50".')
@click.option("--currency", required=True, help="Three letters, such as EUR or CNY.")
@click.option("--what", required=True, help="For what: hours, an invoice, a notary.")
@config_option
@json_option
def add(incident: str, amount: str, currency: str, what: str, config: Path | None, as_json: bool) -> None:
    """Record an expense made because of INCIDENT."""
    if not AMOUNT.fullmatch(amount):
        raise InputError(f"{amount!r} is no amount.", 'Write it as "1200.50": digits, and at most two after a point.')
    if not CURRENCY.fullmatch(currency):
        raise InputError(f"{currency!r} is no currency.", "Write its three letters: EUR, USD, CNY.")
    place = Place(config)
    found = view.named(place.directory, incident, view.configured_idle(place.directory))
    told: dict[str, Json] = {"amount": amount, "currency": currency, "incident": found.id, "what": what}
    _record(place, "expense", told)
    _tell(told, f"{found.id}: {amount} {currency} for {what}.", as_json)


def _row(record: dict[str, object]) -> str:
    asked, agent, client = (record.get(name) or {} for name in ("request", "agent", "client"))
    assert isinstance(asked, dict)
    assert isinstance(agent, dict)
    assert isinstance(client, dict)
    time = record["t"]
    assert isinstance(time, int)
    return f"{moment(time)}  {client.get('address')}  {record['rung']}  {asked.get('object')}  {agent.get('agent')}"


def _record(place: Place, kind: str, fields: dict[str, Json]) -> None:
    """Write the record, and have it durable before anything else is done."""
    place.log.event(kind, fields)
    place.log.close()


def _tell(told: Mapping[str, object], said: str, as_json: bool) -> None:
    click.echo(json.dumps(told) if as_json else said)
