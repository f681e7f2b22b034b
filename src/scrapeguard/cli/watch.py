"""`watch`: judge an access log while it is written, and publish who is to be refused."""

import logging
import signal
import sys
from pathlib import Path

import click

from scrapeguard import config as configuration
from scrapeguard.cli import listening
from scrapeguard.cli.collecting import settle
from scrapeguard.doors import tail
from scrapeguard.doors.formats import FORMATS
from scrapeguard.doors.watch import Watch, now
from scrapeguard.errors import InputError
from scrapeguard.exports.decisions import FORMATS as FORMS
from scrapeguard.exports.decisions import Publication


@click.command()
@click.argument("source")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Of the log, instead of guessing.")
@click.option("--config", "file", type=click.Path(), help="The configuration; the defaults without it.")
@click.option("--evidence", type=click.Path(file_okay=False, path_type=Path), help="Write records into this folder.")
@click.option("--publish", multiple=True, metavar="FORM:FILE", help=f"FORM is one of {', '.join(FORMS)}.")
@click.option("--check", default="", metavar="COMMAND", help='Such as "nginx -t"; if it fails, the file is put back.')
@click.option("--load", default="", metavar="COMMAND", help='Such as "nginx -s reload"; run after every change.')
@click.option("--from-start", is_flag=True, help="Judge what is in the file already, too.")
def watch(
    source: str,
    form: str | None,
    file: str | None,
    evidence: Path | None,
    publish: tuple[str, ...],
    check: str,
    load: str,
    from_start: bool,
) -> None:
    """Judge an access log while it is written: a guard that costs the site nothing, and comes a moment late.

    SOURCE is a file, whose rotation is followed, or a named pipe; - for standard input; or udp://127.0.0.1:5514 for
    syslog datagrams. What is decided is published as files that proxies and firewalls load; each decision ends by
    itself. SIGTERM, SIGINT or SIGHUP ends it; what it knew of visitors is forgotten then.

    \b
      scrapeguard watch /var/log/nginx/access.log --publish nginx:/etc/nginx/scrapeguard.conf \\
        --check "nginx -t" --load "nginx -s reload"
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    publications = [_publication(it, check, load) for it in publish]
    batches = _batches(source, from_start)
    config = configuration.load(file)
    watching = Watch(config, publications, form, str(evidence.resolve()) if evidence else "")
    settle()
    ending: list[int] = []  # signals: between two batches, so that no record is torn
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: ending.append(number))
    for lines in batches:
        watching.take(lines)
        watching.tick(now())
        if ending:
            break
    watching.close(now())
    click.echo(f"{watching.lines:,} lines, {watching.rejected:,} of them in no format that is known.", err=True)


def _publication(text: str, check: str, load: str) -> Publication:
    form, colon, path = text.partition(":")
    if not (colon and path) or form not in FORMS:
        raise InputError(f"{text!r} is nothing to publish.", f"Write FORM:FILE, with one of {', '.join(FORMS)}.")
    try:
        return Publication(Path(path), form, check, load)
    except ValueError as error:  # of shlex
        raise InputError(f"--check or --load is no command ({error}).", "Close what is quoted.") from error


def _batches(source: str, from_start: bool) -> tail.Batches:
    if source == "-":
        if sys.stdin is None:
            raise InputError("Standard input is closed.", "Pipe a log into it, or name a file.")
        return tail.piped(sys.stdin.fileno())
    if not source.startswith(listening.UDP):
        return tail.follow(Path(source), from_start)
    return tail.datagrams(listening.bind_datagrams(source))
