"""The command line: the group `main` and its commands, in the order of the help."""

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import click

from scrapeguard.errors import ScrapeGuardError
from scrapeguard.version import __version__

COMMANDS = {
    "demo": "demo",
    "replay": "replay",
    "incidents": "evidence",
    "show": "evidence",
    "export": "evidence",
    "verify": "evidence",
    "check": "check",
    "robots": "robots",
    "agent": "agent",
    "doctor": "doctor",
}


class Refusal(click.ClickException):
    """What a user did cannot be done: the sentence and the hint on stderr, exit code 2, no traceback."""

    exit_code = 2


@contextmanager
def refusals() -> Iterator[None]:
    """Turn our own errors, which a user can do something about, into a Refusal."""
    try:
        yield
    except ScrapeGuardError as error:
        raise Refusal(str(error)) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="scrapeguard")
@click.pass_context
def main(context: click.Context) -> None:
    """Guard a site's published data against wholesale copying, and keep evidence that others can check."""
    context.with_resource(refusals())


for name, module in COMMANDS.items():
    if importlib.util.find_spec(f"scrapeguard.cli.{module}"):
        main.add_command(getattr(importlib.import_module(f"scrapeguard.cli.{module}"), name), name)
