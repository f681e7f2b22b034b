"""Real browsers, driven as people use them: Chromium by chromedriver, Firefox by its own protocol (Marionette).

Both speak WebDriver (W3C), the one over HTTP, the other over a socket with names of its own. Nothing is downloaded.
"""

import base64
import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from programs import program
from serving import free_port

PATIENCE = 40.0  # seconds
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
NAMES = {  # WebDriver's command -> Marionette's
    "url": "WebDriver:Navigate", "title": "WebDriver:GetTitle", "source": "WebDriver:GetPageSource",
    "screenshot": "WebDriver:TakeScreenshot", "execute/sync": "WebDriver:ExecuteScript",
    "execute/async": "WebDriver:ExecuteAsyncScript", "actions": "WebDriver:PerformActions",
    "window/rect": "WebDriver:SetWindowRect", "refresh": "WebDriver:Refresh",
}  # fmt: skip
READ = {"title", "source", "screenshot"}


@dataclass(frozen=True)
class Wanted:
    """How a browser is set up."""

    name: Literal["chromium", "firefox"] = "chromium"
    headless: bool = True
    scripts: bool = True
    cookies: bool = True
    language: str = "en-US"
    dark: bool = False
    phone: bool = False

    def __str__(self) -> str:
        words = [self.name, "headless" if self.headless else "headful"]
        words += ["no-scripts"] * (not self.scripts) + ["no-cookies"] * (not self.cookies)
        return "-".join([*words, self.language, *["dark"] * self.dark, *["phone"] * self.phone])


class Line(Protocol):
    def __call__(self, command: str, body: dict[str, Any] | None = None) -> Any: ...


class Browser:
    """One window. What does not come within the patience is an AssertionError."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def visit(self, url: str) -> None:
        self._line("url", {"url": url})

    def reload(self) -> None:
        self._line("refresh", {})

    @property
    def title(self) -> str:
        return str(self._line("title"))

    @property
    def source(self) -> str:
        return str(self._line("source"))

    def run(self, script: str) -> Any:
        return self._line("execute/sync", {"script": script, "args": []})

    def wait_for(self, text: str) -> float:
        """Seconds until the text is in the title."""
        began = time.monotonic()
        while text not in self.title:
            assert time.monotonic() < began + PATIENCE, f"{text!r} did not come: {self.title!r}\n{self.source}"
            time.sleep(0.02)
        return time.monotonic() - began

    def run_slowly(self, script: str) -> Any:
        """What the script gives to the function that is its last argument."""
        return self._line("execute/async", {"script": script, "args": []})

    def wait_until(self, script: str) -> None:
        """Until the script gives something true."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, f"never: {script}\n{self.source}"
            time.sleep(0.02)

    def keys(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        pressed = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._line("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": pressed}]})

    def photograph(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(self._line("screenshot")))

    def audit(self, axe: str) -> list[dict[str, Any]]:
        """What axe-core finds on the page."""
        script = f"{axe}; const done = arguments[arguments.length - 1]; axe.run().then((it) => done(it.violations));"
        found: list[dict[str, Any]] = self.run_slowly(script)
        return found


@contextmanager
def browser(wanted: Wanted, *hosts: str) -> Iterator[Browser]:
    """A fresh browser without history; `hosts` are names that it finds on this machine."""
    with tempfile.TemporaryDirectory(prefix="sg-", ignore_cleanup_errors=True) as folder:
        start = _chromium if wanted.name == "chromium" else _firefox
        with start(wanted, Path(folder), hosts) as line:
            yield Browser(line)


@contextmanager
def _chromium(wanted: Wanted, folder: Path, hosts: tuple[str, ...]) -> Iterator[Line]:
    port = free_port()
    command = _shown(wanted, [program("chromedriver"), f"--port={port}"])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        session = ""

        def line(way: str, body: dict[str, Any] | None = None) -> Any:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            method = "DELETE" if way == "end" else "GET" if way in READ else "POST"
            path = "/session" if not session else f"/session/{session}" if way == "end" else f"/session/{session}/{way}"
            connection.request(method, path, json.dumps(body) if method == "POST" else None)
            answer = json.loads(connection.getresponse().read())["value"]
            connection.close()
            assert not (isinstance(answer, dict) and "error" in answer), answer
            return answer

        _until(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        session = line("session", {"capabilities": {"alwaysMatch": _options(wanted, folder, hosts)}})["sessionId"]
        cdp = "goog/cdp/execute"
        if wanted.phone:
            size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
            line(cdp, {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})
        if wanted.dark:
            dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            line(cdp, {"cmd": "Emulation.setEmulatedMedia", "params": dark})
        yield line
        line("end")
    finally:
        process.terminate()
        process.wait()


def _options(wanted: Wanted, folder: Path, hosts: tuple[str, ...]) -> dict[str, Any]:
    rules = ",".join(f"MAP {host} 127.0.0.1" for host in hosts)
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--user-data-dir={folder}/profile",
                 f"--host-resolver-rules={rules}", "--window-size=1280,900", "--no-first-run"]  # fmt: skip
    settings = {"intl.accept_languages": wanted.language, "intl.selected_languages": wanted.language}
    contents = {"javascript": wanted.scripts, "cookies": wanted.cookies}
    forbidden = {f"profile.managed_default_content_settings.{name}": 2 for name, on in contents.items() if not on}
    chrome = {
        "binary": program("chromium"),
        "args": arguments + ["--headless=new"] * wanted.headless,
        "prefs": settings | forbidden,
    }
    return {"browserName": "chrome", "acceptInsecureCerts": True, "goog:chromeOptions": chrome}


@contextmanager
def _firefox(wanted: Wanted, folder: Path, hosts: tuple[str, ...]) -> Iterator[Line]:
    port = free_port()
    settings = {
        "marionette.port": port,
        "javascript.enabled": wanted.scripts,
        "network.cookie.cookieBehavior": 5 if wanted.cookies else 2,
        "intl.accept_languages": wanted.language,
        "layout.css.prefers-color-scheme.content-override": 0 if wanted.dark else 1,
        "network.dns.localDomains": ",".join(hosts),
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.update.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.manage-offline-status": False,
        "network.connectivity-service.enabled": False,
        "browser.aboutwelcome.enabled": False,
        "toolkit.startup.max_resumed_crashes": -1,
    }
    profile = folder / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = [program("firefox-esr"), "--marionette", "--no-remote", "--profile", str(profile)]
    command = _shown(wanted, command + ["--headless"] * wanted.headless)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _until(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as wire:
            line = _marionette(wire)
            line("WebDriver:NewSession", {"acceptInsecureCerts": True})
            line("window/rect", {"width": 450 if wanted.phone else 1280, "height": 900})
            yield line
            with suppress(OSError, AssertionError):
                line("Marionette:Quit", {"flags": ["eForceQuit"]})
    finally:
        process.terminate()
        process.wait()


def _marionette(wire: socket.socket) -> Line:
    """The protocol: "<length>:<JSON>", a greeting first, then [0, id, command, body] and [1, id, error, answer]."""
    stream = wire.makefile("rb")

    def heard() -> Any:
        digits = b""
        while not digits.endswith(b":"):
            byte = stream.read(1)
            assert byte, "Firefox ended"
            digits += byte
        return json.loads(stream.read(int(digits[:-1])))

    heard()
    number = 0

    def line(command: str, body: dict[str, Any] | None = None) -> Any:
        nonlocal number
        number += 1
        said = json.dumps([0, number, NAMES.get(command, command), body or {}]).encode()
        wire.sendall(b"%d:%b" % (len(said), said))
        _, _, error, answer = heard()
        assert error is None, error
        return answer["value"] if isinstance(answer, dict) and set(answer) == {"value"} else answer

    return line


def _shown(wanted: Wanted, command: list[str]) -> list[str]:
    """A browser with a window needs a screen; a virtual one will do."""
    return command if wanted.headless else [program("xvfb-run"), "-a", "-s", "-screen 0 1400x1000x24", *command]


def _until(attempt: Any) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            attempt()
            return
        except OSError:
            assert time.monotonic() < end, "the browser does not start"
            time.sleep(0.05)
