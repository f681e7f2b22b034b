"""CrowdSec beside us: its scenarios about crawling, probing and bad agents replay the unguarded access log."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.detection.peers import Found
from benchmarks.detection.site import items_in

SCENARIOS = ("http-bad-user-agent", "http-crawl-non_statics", "http-probing")
PARSERS = {
    "s00-raw": ("syslog-logs",),
    "s01-parse": ("nginx-logs",),
    "s02-enrich": ("dateparse-enrich", "http-logs"),
}
CONFIG = """common: {{daemonize: false, log_media: stdout, log_level: error, working_dir: .}}
config_paths:
  config_dir: {home}/etc
  data_dir: {home}/data
  simulation_path: {home}/etc/simulation.yaml
  hub_dir: {hub}
  index_path: {hub}/.index.json
  notification_dir: {home}/etc/notifications
  plugin_dir: {home}/plugins
crowdsec_service: {{acquisition_path: {home}/etc/acquis.yaml, parser_routines: 1}}
db_config: {{type: sqlite, db_path: {home}/data/crowdsec.db}}
api:
  client: {{credentials_path: {home}/etc/credentials.yaml}}
  server: {{listen_uri: "127.0.0.1:{port}", profiles_path: {home}/etc/profiles.yaml, log_level: error}}
prometheus: {{enabled: false}}
"""
LINE = re.compile(r'(\S+) - \S+ \[([^]]+)\] "\S+ (\S+)[^"]*" (\d+)')
SECONDS = 120


def replayed(program: Path, log: Path, names: Mapping[str, str], home: Path, port: int) -> list[Found]:
    """What CrowdSec would have made of each client; `program` is the folder its package was unpacked to.

    Its log and alerts are exact to a second: the second of a client's first alert counts as passed.
    """
    _furnish(program, home, port)
    config = ["-c", str(home / "config.yaml")]
    cscli, daemon = str(program / "usr/bin/cscli"), str(program / "usr/bin/crowdsec")
    environment = {**os.environ, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}

    def run(*command: str) -> None:
        subprocess.run(command, env=environment, cwd=home, capture_output=True, check=True, timeout=SECONDS)

    run(cscli, *config, "machines", "add", "here", "--auto", "--force", "-f", str(home / "etc/credentials.yaml"))
    run(daemon, *config, "-dsn", f"file://{log}", "-type", "nginx")
    first: dict[str, datetime] = {}
    with closing(sqlite3.connect(home / "data/crowdsec.db")) as alerts:
        for address, stopped in alerts.execute("SELECT source_ip, stopped_at FROM alerts"):
            name, at = names.get(address, ""), datetime.fromisoformat(stopped[:19]).replace(tzinfo=UTC)
            first[name] = min(at, first.get(name, at))
    return _found(log, names, first)


def _furnish(program: Path, home: Path, port: int) -> None:
    """A CrowdSec of its own in `home`, with nothing but what a site's access log needs."""
    hub, etc = program / "usr/share/crowdsec/hub", home / "etc"
    (home / "data").mkdir(parents=True)
    (home / "plugins").mkdir()
    for stage, parsers in PARSERS.items():
        (etc / "parsers" / stage).mkdir(parents=True)
        for name in parsers:
            (etc / "parsers" / stage / f"{name}.yaml").symlink_to(
                hub / "parsers" / stage / f"crowdsecurity/{name}.yaml"
            )
    (etc / "scenarios").mkdir()
    for name in SCENARIOS:
        (etc / "scenarios" / f"{name}.yaml").symlink_to(hub / f"scenarios/crowdsecurity/{name}.yaml")
    for name in ("patterns", "profiles.yaml", "simulation.yaml"):
        (etc / name).symlink_to(program / "etc/crowdsec" / name)
    (etc / "acquis.yaml").touch()
    (etc / "postoverflows").mkdir()
    (etc / "notifications").mkdir()
    for listed in (program / "usr/share/crowdsec/data").iterdir():
        (home / "data" / listed.name).symlink_to(listed)
    (home / "config.yaml").write_text(CONFIG.format(home=home, hub=hub, port=port))


def _found(log: Path, names: Mapping[str, str], first: Mapping[str, datetime]) -> list[Found]:
    found: dict[str, Found] = {}
    taken: dict[str, set[int]] = {}
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is None or match[1] not in names:
            continue
        name = names[match[1]]
        made = found.setdefault(name, Found("CrowdSec", name))
        made.requests += 1
        at = datetime.strptime(match[2], "%d/%b/%Y:%H:%M:%S %z")
        if made.refused_at is None and name in first and at > first[name]:
            made.refused_at, made.items = made.requests, len(taken.get(name, ()))
        if match[4] == "200":
            taken.setdefault(name, set()).update(items_in(match[3]))
    for name, made in found.items():
        if made.refused_at is None:
            made.items = len(taken.get(name, ()))
            made.refused_at = made.requests if name in first else None
    return list(found.values())
