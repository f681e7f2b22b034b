"""`robots`: may this agent fetch that path under this robots.txt, and which line says so."""

import json
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import click

from scrapeguard import config as configuration
from scrapeguard import notices
from scrapeguard.decoys import traps
from scrapeguard.errors import InputError, ScrapeGuardError
from scrapeguard.facts.agent import classify
from scrapeguard.notices.robots import MAX_BYTES, Robots, parse
from scrapeguard.notices.rules import Rule, encoded

TOKEN = re.compile(r"[^\s/(]*")  # anything else is a whole user agent
URL = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
KEPT = 64  # parsed files, in a batch
MEMBERS = ("file", "agent", "path")


@click.command()
@click.argument("agent", required=False)
@click.argument("path", required=False)
@click.option("--file", "file", type=click.Path(), help="A robots.txt.")
@click.option("--config", "settings", type=click.Path(), help="Use the robots.txt of this configuration.")
@click.option("--batch", is_flag=True, help="Read JSON lines {file, agent, path} from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def robots(
    context: click.Context,
    agent: str | None,
    path: str | None,
    file: str | None,
    settings: str | None,
    batch: bool,
    as_json: bool,
) -> None:
    """Say whether AGENT may fetch PATH, and which line decides, by RFC 9309.

    AGENT is a product token ("Googlebot") or a whole User-Agent header; PATH is a path with its query, or a URL.
    Without --file, the robots.txt of the configuration is asked; without --config, that is ours.

    --batch answers each line with the same object and "allowed": true or false; a line that cannot be answered gets
    "error" instead, and then the exit code is 2.

    \b
    scrapeguard robots GPTBot /item/7
    scrapeguard robots Googlebot "/search?q=1" --file robots.txt --json
    """
    if batch:
        if agent is not None or file or settings:
            raise click.UsageError("--batch takes everything from standard input.")
        context.exit(0 if answer_all() else 2)
    if agent is None or path is None:
        raise click.UsageError("Name an AGENT and a PATH, or feed them to --batch.")
    if file and settings:
        raise click.UsageError("Name a robots.txt or a configuration, not both.")
    rules = read(file) if file else configured(settings, path)
    told = explained(rules, agent, path)
    click.echo(json.dumps(told) if as_json else sentence(told))


def answer_all() -> bool:
    """Answer every line of standard input; False when one of them could not be."""
    reader = lru_cache(KEPT)(read)
    fine = True
    for line in sys.stdin.buffer:
        if line.strip():
            told = answer(line, reader)
            fine = fine and "error" not in told
            click.echo(json.dumps(told))
    return fine


def answer(line: bytes, reader: Callable[[str], Robots]) -> dict[str, object]:
    """The object of one line with its answer."""
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        return {"error": "This line is not JSON."}
    if not isinstance(asked, dict) or not all(isinstance(asked.get(name), str) for name in MEMBERS):
        return {"error": 'This line is not an object with the strings "file", "agent" and "path".'}
    try:
        rule = decide(reader(asked["file"]), asked["agent"], asked["path"])[1]
    except ScrapeGuardError as error:
        return asked | {"error": str(error)}
    return asked | {"allowed": rule is None or rule.allow}


def read(file: str) -> Robots:
    """A robots.txt from a file. Raises InputError."""
    try:
        with Path(file).open("rb") as opened:
            return parse(opened.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte in it
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{file!r} cannot be read ({reason}).", "Name a robots.txt.") from error


def configured(settings: str | None, path: str) -> Robots:
    """The robots.txt that a configuration publishes for the host of a URL, or for every host."""
    config = configuration.load(settings)
    url = URL.match(path)
    host = re.sub(r":\d*$", "", url[1].lower()) if url else None
    rules = notices.configured(config, traps(config)).rules(host)
    if rules is None:
        raise InputError("By this configuration the site serves a robots.txt unknown here.", "Name it with --file.")
    return rules


def decide(rules: Robots, agent: str, path: str) -> tuple[str, Rule | None]:
    """The group an agent belongs to, and the rule that decides about a path or URL; None = nothing is said."""
    token = agent if TOKEN.fullmatch(agent) else classify(agent).token
    asked = path[match.end() :] if (match := URL.match(path)) else path
    asked = asked.partition("#")[0]
    if not asked.startswith("/"):
        if not match and not asked.startswith("?") and asked:
            raise InputError(f"{path!r} is neither a path nor a URL.", "Begin it with a slash.")
        asked = f"/{asked}"
    group = rules.group(token)
    return group.token, group.rule(encoded(asked.encode("utf-8", "surrogatepass")))


def explained(rules: Robots, agent: str, path: str) -> dict[str, object]:
    """What `--json` prints."""
    group, rule = decide(rules, agent, path)
    return {
        "agent": agent,
        "path": path,
        "allowed": rule is None or rule.allow,
        "group": group,
        "line": rule.line if rule else None,
        "rule": rule.text if rule else "",
    }


def sentence(told: dict[str, object]) -> str:
    """The answer for people."""
    verdict = "may" if told["allowed"] else "must not"
    group = f"the group of {told['group']}" if told["group"] else "no group, for none is meant for it"
    reason = f"line {told['line']}: {told['rule']}" if told["line"] else "no rule speaks of it"
    text = f"{told['agent']} {verdict} fetch {told['path']}: {reason} ({group})."
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
