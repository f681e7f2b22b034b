"""Others beside us: nginx limit_req and a list of agents, with the same clients at the same site, unguarded."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.detection.site import items_in

RATE, BURST = 10, 20  # requests a second, as most guides have it
NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  limit_req_zone $binary_remote_addr zone=each:10m rate={rate}r/s;
  log_format peers '$remote_addr $limit_req_status $status "$request_uri" "$http_user_agent"';
  access_log {folder}/access.log peers; access_log {folder}/combined.log combined;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    limit_req zone=each burst={burst} nodelay; limit_req_dry_run on;
    location / {{ proxy_pass http://127.0.0.1:{site}; proxy_set_header Host $http_host; }}
  }}
}}
"""
LINE = re.compile(r'(\S+) (\S+) (\d+) "([^"]*)" "([^"]*)"')
LIST = re.compile(
    r"bot|crawl|spider|scrapy|curl|wget|httrack|python|urllib|requests|httpx|aiohttp|node|axios|go-http|java/|perl"
    r"|headless|phantom|selenium|linkcheck|facebookexternalhit|^-?$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Found:
    """What one peer would have made of one client: the request it would have refused first, and items until then."""

    peer: str
    client: str
    requests: int = 0
    refused_at: int | None = None
    items: int = 0  # got before, or in all when it was never refused

    def row(self) -> dict[str, Any]:
        return asdict(self)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(site: int, folder: Path) -> Iterator[int]:
    """nginx in front of the site, noting whom it would refuse and refusing nobody; gives its port."""
    port = free_port()
    text = NGINX.format(folder=folder, rate=RATE, burst=BURST, port=port, site=site)
    (folder / "nginx.conf").write_text(text)
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 5
        while True:
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("nginx did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def judged(log: Path, names: Mapping[str, str]) -> list[Found]:
    """What each peer would have made of each client, from nginx's log."""
    found: dict[tuple[str, str], Found] = {}
    taken: dict[str, set[int]] = {}
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.fullmatch(line)
        if match is None or match[1] not in names:
            continue
        address, limited, status, target, agent = match.groups()
        name = names[address]
        items = taken.setdefault(name, set())
        for peer, refuses in (("nginx limit_req", "REJECTED" in limited), ("agent list", bool(LIST.search(agent)))):
            made = found.setdefault((peer, name), Found(peer, name))
            made.requests += 1
            if refuses and made.refused_at is None:
                made.refused_at, made.items = made.requests, len(items)
        if status == "200":
            items.update(items_in(target))
    for made in found.values():
        if made.refused_at is None:
            made.items = len(taken[made.client])
    return list(found.values())
