"""The command line: the group `main` and its commands."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from scrapeguard.cli.agent import agent
from scrapeguard.cli.auth import auth
from scrapeguard.cli.check import check
from scrapeguard.cli.crawlers import crawlers
from scrapeguard.cli.demo import demo
from scrapeguard.cli.doctor import doctor
from scrapeguard.cli.evidence import export, incidents, show, verify
from scrapeguard.cli.explain import explain
from scrapeguard.cli.keeper import fsck, keeper, keys
from scrapeguard.cli.links import links
from scrapeguard.cli.notices import notices
from scrapeguard.cli.privacy import expense, hold, subject
from scrapeguard.cli.proxy import proxy
from scrapeguard.cli.replay import replay
from scrapeguard.cli.robots import robots
from scrapeguard.cli.selftest import selftest
from scrapeguard.cli.watch import watch
from scrapeguard.errors import ScrapeGuardError
from scrapeguard.version import __version__

COMMANDS: tuple[click.Command, ...] = (
    demo,
    replay,
    proxy,
    auth,
    watch,
    incidents,
    show,
    links,
    explain,
    export,
    verify,
    keeper,
    fsck,
    keys,
    hold,
    subject,
    expense,
    check,
    robots,
    notices,
    crawlers,
    agent,
    selftest,
    doctor,
)


class Refusal(click.ClickException):
    """What a user asked for cannot be done: the sentence and the hint on stderr, exit code 2, no traceback."""

    exit_code = 2


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a user can do something about, our own errors and those of the system, into a Refusal."""
    try:
        yield
    except ScrapeGuardError as error:
        raise Refusal(str(error)) from error
    except BrokenPipeError:  # whoever reads has seen enough; click ends quietly
        raise
    except OSError as error:  # a full disk, a folder that may not be written
        raise Refusal(f"{error.filename or 'The output'} cannot be used: {error.strerror or error}.") from error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="scrapeguard")
@click.pass_context
def main(context: click.Context) -> None:
    """Guard a site's published data against wholesale copying, and keep evidence that others can check."""
    context.with_resource(refusals())


for command in COMMANDS:
    main.add_command(command)
