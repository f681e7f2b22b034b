"""A report printed to PDF by a Chromium that is installed here; nothing of it is fetched."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from scrapeguard.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60  # seconds


def printed(page: Path, out: Path) -> None:
    """Print an HTML file. Raises InputError when there is no browser, or it fails."""
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser is None:
        raise InputError("There is no Chromium here to print with.", "Install it, or leave --pdf out.")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, "--headless", "--disable-gpu", "--no-sandbox", "--no-pdf-header-footer",
            f"--user-data-dir={profile}", f"--print-to-pdf={out.absolute()}", page.absolute().as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{browser} did not print within {PATIENCE} s.", "Leave --pdf out.") from error
    if done.returncode != 0 or not out.exists():
        raise InputError(f"{browser} could not print {page.name}.", "Leave --pdf out.")
