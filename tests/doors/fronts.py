"""Real proxies in front of a site, with the configurations that we ship; only addresses and paths are put in."""

import http.client
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from programs import program
from serving import Served, free_port, running

PROGRAM = str(Path(sys.executable).with_name("scrapeguard"))
DEPLOY = Path(__file__).parent.parent.parent / "config" / "deploy"
SOCKET = "/run/scrapeguard/report.sock"
REPORTING = r"#access_log |#log \{.*?\n\t#\}|#log(-format)? |#LogFormat |#CustomLog "  # what a report needs
NOTICES = (  # what more notices need
    r"#location = |#acl robots|\t#handle /.*?\n\t#\}|#<LocationMatch.*?#</LocationMatch>|#ProxyPassMatch"
)
FAIL_OPEN = {"nginx": ("#error_page", "error_page"), "haproxy": ("FAIL closed", "FAIL open")}
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log log; events {{}}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi; include {conf};
}}
"""
APACHE = """
ServerName localhost
ServerRoot {folder}
PidFile pid
ErrorLog log
Mutex file:{folder}
StartServers 1
{modules}
Listen 127.0.0.1:{port}
Include {conf}
"""
MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "authnz_fcgi", "headers", "proxy", "proxy_http"]
PROXIES = ("nginx", "caddy", "haproxy", "apache2")
OPENS = PROXIES[:3]  # can let visitors through when nobody answers


OWN = (("TDM-Reservation", "0"), ("X-Robots-Tag", "noindex"), ("Link", '<https://shop.example/next>; rel="next"'))


LARGE = b"x" * 30_000_000  # more than lies between a site and a visitor who does not read


class Site:
    """A site in a thread: answers everything, and remembers what it got: head lines and the length of the body."""

    def __init__(self) -> None:
        seen: list[tuple[str, str, list[tuple[str, str]], int]] = []
        site = self
        self.robots: bytes | None = None  # None = it has none

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen.append((self.command, self.path, [(k.lower(), v) for k, v in self.headers.items()], len(body)))
                text = site.robots if self.path == "/robots.txt" else LARGE if self.path == "/large" else b"the site"
                self.send_response(404 if text is None or self.path.startswith("/missing") else 200)
                for name, value in OWN if self.path.startswith("/own") else ():
                    self.send_header(name, value)
                if self.path == "/robots.txt":
                    self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text or b"")))
                self.end_headers()
                if self.command != "HEAD":
                    with suppress(ConnectionError):
                        self.wfile.write(text or b"")

            do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a proxy that ends while it is connected

        self.seen = seen
        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def auth(
    folder: Path, config: str, reports: str | None = None, workers: int = 1, upstream: str | None = None
) -> Iterator[Served]:
    """`scrapeguard auth` with a configuration; its evidence is in the folder."""
    folder.mkdir(exist_ok=True)
    tail = '\n[evidence]\ndirectory = "evidence"\n[keeper]\nrun = false\n'
    (folder / "guard.toml").write_text(config + tail, "utf-8")
    port, fastcgi = free_port(), free_port()
    (folder / "fastcgi").write_text(str(fastcgi), "utf-8")
    command = [PROGRAM, "auth", "--listen", f"127.0.0.1:{port}", "--fastcgi", f"127.0.0.1:{fastcgi}"]
    if reports:
        command += ["--report-socket", reports]
    if upstream:
        command += ["--upstream", upstream]
    with running([*command, "--workers", str(workers), "--config", "guard.toml"], folder, port, os.environ) as served:
        yield served


@contextmanager
def front(
    name: str,
    folder: Path,
    deciding: Served | None,
    site: Site,
    fail_open: bool = False,
    reports: str | None = None,
    notices: bool = False,
) -> Iterator[Served]:
    """A proxy with our configuration for it, in front of a site and asking `scrapeguard auth`; None = it is down.

    `reports` is where it tells what was answered: the path of a socket, or udp://…. With `notices`, what it offers for
    more of them than robots.txt is switched on.
    """
    binary = program(name)
    folder.mkdir()
    port = free_port()
    file = {"nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg", "apache2": "apache.conf"}[name]
    text = (DEPLOY / file).read_text("utf-8")
    http_port = free_port() if deciding is None else deciding.port
    fastcgi = free_port() if deciding is None else int((deciding.folder / "fastcgi").read_text("utf-8"))
    for shipped, ours in ((":9000", http_port), (":9001", fastcgi), (":8000", site.port), (":8080", port)):
        assert shipped in text or shipped == ":9001"
        text = text.replace(shipped, f":{ours}")
    if fail_open:
        text = opened(name, text)
    if reports:
        text = switched_on(text, REPORTING)
        assert SOCKET in text or ":9002" in text or "--port 9002" in text
        text = text.replace(SOCKET, reports).replace("9002", reports.rpartition(":")[2])
    if notices:
        text = switched_on(text, NOTICES)
    text = text.replace("/etc/haproxy/haproxy-scrapeguard.lua", str(DEPLOY / "haproxy-scrapeguard.lua"))
    if name == "caddy":
        text = "{\n\tadmin off\n}\n" + text
    conf = folder / file
    conf.write_text(text, "utf-8")
    (folder / "main.conf").write_text(NGINX.format(conf=conf), "utf-8")
    modules = "\n".join(f"LoadModule {it}_module /usr/lib/apache2/modules/mod_{it}.so" for it in MODULES)
    apache = APACHE.format(folder=folder, port=port, conf=conf, modules=modules)
    (folder / "apache.main").write_text(apache, "utf-8")
    command = {
        "nginx": [binary, "-p", str(folder), "-c", "main.conf", "-e", "log"],
        "caddy": [binary, "run", "--config", str(conf), "--adapter", "caddyfile"],
        "haproxy": [binary, "-db", "-f", str(conf)],
        "apache2": [binary, "-D", "FOREGROUND", "-f", str(folder / "apache.main")],
    }[name]
    homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
    with running(command, folder, port, os.environ | homes) as it:
        yield it


def switched_on(text: str, pattern: str) -> str:
    """The configuration with the lines that a pattern finds, no longer comments."""
    found, count = re.subn(pattern, lambda it: it[0].replace("#", ""), text, flags=re.DOTALL)
    assert count
    return found


def opened(name: str, text: str) -> str:
    """The configuration with what it offers for letting visitors through when ScrapeGuard is down."""
    if name == "caddy":
        head, tail = text.split("\t#handle_errors", 1)
        tail = tail.replace("\n\t#\t", "\n\t\t").replace("\n\t#}", "\n\t}")
        return f"{head}\thandle_errors{tail}"
    shipped, ours = FAIL_OPEN[name]
    assert shipped in text
    return text.replace(shipped, ours)


def ask(
    served: Served, method: str, path: str, address: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> http.client.HTTPResponse:
    """One request with a curl-like client from an address of the loopback; the answer is read."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10, source_address=(address, 0))
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        response.text = response.read()  # type: ignore[attr-defined]
        return response
    finally:
        connection.close()


def raw(served: Served, request: bytes, address: str) -> bytes:
    """Bytes as they are, and what comes back."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10, source_address=(address, 0)) as line:
        line.sendall(request)
        answer = b""
        while part := line.recv(65536):
            answer += part
        return answer
