"""`scrapeguard replay`: what the guard would have done with the requests in access logs."""

import json
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from scrapeguard import config
from scrapeguard.cli import comparing
from scrapeguard.cli.collecting import settle
from scrapeguard.doors.clients import Track, iso
from scrapeguard.doors.compare import compare
from scrapeguard.doors.formats import FORMATS
from scrapeguard.doors.log_file import STDIN, size
from scrapeguard.doors.replay import Replay
from scrapeguard.doors.summary import summary
from scrapeguard.errors import InputError
from scrapeguard.model import Rung

STYLES = {Rung.ALLOW: "dim", Rung.THROTTLE: "yellow", Rung.CHALLENGE: "yellow", Rung.TARPIT: "red", Rung.BLOCK: "red"}
ORDERLY = 60_000_000  # microseconds a log goes back by itself


@click.command()
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--format", "forced", type=click.Choice(list(FORMATS)), help="Instead of guessing.")
@click.option("--evidence", type=click.Path(file_okay=False, path_type=Path), help="Write records into this folder.")
@click.option("--config", "settings", type=click.Path(path_type=Path), help="The configuration to try.")
@click.option("--compare", "other", type=click.Path(path_type=Path), help="Another configuration: who fares otherwise?")
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, help="How many clients to list.")
def replay(
    logs: tuple[str, ...],
    as_json: bool,
    forced: str | None,
    evidence: Path | None,
    settings: Path | None,
    other: Path | None,
    top: int,
) -> None:
    """Judge the requests in access logs as the guard would have judged them, by the log's own clock.

    LOG is a file, plain, gzip or zstd, or - for standard input; name rotated files oldest first. Apache and nginx
    (common, combined, with a virtual host, with more fields), JSON lines of nginx, Caddy, Traefik and Cloudflare, and
    AWS load balancers are told apart by their first lines.

    Nothing is changed and nobody is refused: this is the way to try a configuration on yesterday's visitors. A log
    holds no headers (Caddy's does), so what only headers betray is not seen here.

    \b
      scrapeguard replay /var/log/nginx/access.log
      scrapeguard replay access.log.2.gz access.log.1 access.log --top 50
      scrapeguard replay access.log --config new.toml --json | jq '.flagged[].address'
      scrapeguard replay access.log --config now.toml --compare new.toml
    """
    if evidence and STDIN in logs:
        raise InputError("Evidence names the file it comes from, by digest.", "Save standard input to a file first.")
    if other and STDIN in logs:
        raise InputError("To compare, the logs are read twice.", "Save standard input to a file first.")
    session = _session(settings, logs, forced, str(evidence.resolve()) if evidence else "")
    if other is not None:
        comparing.show(compare(session, _session(other, logs, forced, "")), top, as_json)
    elif as_json:
        click.echo(json.dumps(summary(session), indent=2))
    else:
        _print(session, top)


def _session(settings: Path | None, logs: tuple[str, ...], forced: str | None, evidence: str) -> Replay:
    """The logs, judged by one configuration."""
    session = Replay(config.load(settings), evidence)
    settle()
    try:
        _read(session, logs, forced, sum(size(name) for name in logs))
    finally:
        session.close()
    session.demand()
    return session


def _read(session: Replay, logs: tuple[str, ...], forced: str | None, total: int) -> None:
    """Read the logs one after the other; the bar is for people, so it shows on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("replay", total=total or None)
        before = 0
        for name in logs:
            bar.update(task, description=_shown(Path(name).name, 30))
            session.read(name, forced, partial(_advance, bar, task, before))
            before += size(name)
            file = session.files[-1]
            said = [f"{file.name}: read as {file.format}"] if file.format else []
            said += [file.problem] if file.problem else []
            for sentence in said or [f"{file.name}: empty"]:
                click.echo(_shown(sentence, 300), err=True)


def _advance(bar: Progress, task: TaskID, before: int, taken: int) -> None:
    bar.update(task, completed=before + taken)


def _print(session: Replay, top: int) -> None:
    """For people: the clients that stand out, then what to make of it."""
    console = Console()
    ranked = session.clients.ranked()
    if ranked[:top]:
        console.print(_table(ranked[:top]))
    if len(ranked) > top:
        console.print(f"… and {len(ranked) - top:,} more; --top {len(ranked)} lists them all.", style="dim")
    for sentence in (*_reading(session), "", *_judging(session, ranked), "", *_limits(session)):
        console.print(Text(sentence))


def _table(tracks: list[Track]) -> Table:
    """A client a paragraph, so that the reasons can be read on a terminal of any width."""
    title = "Clients that stand out, and what they would have met"
    table = Table(title=title, title_justify="left", box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for track in tracks:
        why = "; ".join(f"{name}: {reason}" for name, reason in track.reasons.items())
        begins = "" if track.first_measure_at is None else f", from its request {track.first_measure_at:,} on"
        figures = f"{track.requests:,} requests, {len(track.objects):,} different, {track.bytes / 1e6:,.1f} MB{begins}"
        table.add_row(
            Text(track.rung.label, style=STYLES[track.rung]),
            Text.assemble(
                (_shown(track.address, 39), "bold"),
                f"  {figures}\n{_shown(why or 'on a list', 300)}\n",
                (_shown(track.agent or "no agent", 120), "dim"),
            ),
        )
    return table


def _reading(session: Replay) -> list[str]:
    """What was read, and what was not."""
    lines, parsed = sum(f.lines for f in session.files), sum(f.parsed for f in session.files)
    said = [f"{lines:,} lines: {parsed:,} read, {lines - parsed:,} rejected, in {session.seconds:.1f} s."]
    said += [f"  {_shown(b.file, 200)}, line {b.line}: {b.reason}  {_shown(b.excerpt, 60)}" for b in session.bad]
    if lines - parsed > len(session.bad):
        said.append(f"  … and {lines - parsed - len(session.bad):,} more")
    if session.unread:
        said.append(f"{session.unread:,} lines hold no HTTP request: a server refuses those before a guard sees them.")
    if session.furthest_back > ORDERLY:
        said.append(
            f"Times go back {session.backwards:,} times, by up to {session.furthest_back // 1_000_000:,} s: "
            "are the files named oldest first?"
        )
    return said


def _judging(session: Replay, ranked: list[Track]) -> list[str]:
    """What would have been done, in shares of the whole."""
    subjects, requests = len(session.clients.subjects), session.judged
    if session.first is None or not requests:
        return ["There is no request in it."]
    said = [f"{subjects:,} clients, {requests:,} requests, from {iso(session.first)} to {iso(session.last)}."]
    stopped = [track for track in ranked if track.rung]
    rungs = {rung.label: sum(track.rung is rung for track in stopped) for rung in reversed(Rung)}
    counted = ", ".join(f"{count:,} up to {label}" for label, count in rungs.items() if count)
    refused, theirs = sum(track.refused for track in stopped), sum(track.requests for track in stopped)
    said.append(f"{len(stopped):,} would have met a measure{f' ({counted})' if counted else ''}.")
    if stopped:
        share = f"{refused / requests:.1%} of all"
        said.append(f"{refused:,} of their {theirs:,} requests, {share}, would not have reached the site.")
    said.append(f"{len(ranked) - len(stopped):,} more did something odd that is not enough to act on.")
    people = [track for track in stopped if track.kind == "browser" and track.assets and track.referers]
    if people:
        names = ", ".join(_shown(track.address, 39) for track in people[:5])
        said.append(f"Look at these first: {len(people):,} of those met by a measure behave like browsers ({names}).")
    return said


def _limits(session: Replay) -> list[str]:
    """What a log cannot tell."""
    missing = [name for name in ("agent", "referer", "headers") if name not in session.sees]
    said = [f"This log holds no {' and no '.join(missing)}: what only those betray is not judged."] if missing else []
    said.append("Nobody was refused then: a real client may slow down, give up or change its address when it is.")
    return said


def _shown(text: str, most: int) -> str:
    """Foreign text for a terminal: nothing in it that a terminal would obey."""
    with suppress(UnicodeEncodeError):  # a file name that is no log text
        text = text.encode("latin-1").decode("utf-8", "replace")
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: most + 1])
    return printable if len(printable) <= most else printable[:most] + "…"
