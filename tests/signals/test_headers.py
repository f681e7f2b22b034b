"""What real browsers and real tools sent: the browsers pass, the scripts with a browser's name do not."""

from dataclasses import replace

import pytest
from captures import captured

from scrapeguard.model import Facts, Headers
from scrapeguard.signals.headers import HeadersOdd

BROWSERS = (
    "chromium-headful-plainhttp-hostname",
    "chromium-headful-xvfb",
    "firefox-headful-xvfb",
    "selenium_headful",
    "tls/chromium-headful-xvfb",
)
IMPERSONATORS = ("curl_cffi_chrome", "curl_cffi_firefox", "tls/curl_cffi_chrome", "playwright_blockassets")
FORGERS = ("requests_browser_ua", "scrapy_stealth_ua", "browserforge_requests")


def points(request: Facts) -> int:
    signal = HeadersOdd().detect(request, (0,))
    return 0 if signal is None else signal.seen


@pytest.mark.parametrize("name", BROWSERS)
def test_no_request_of_a_real_browser_is_odd(name: str) -> None:
    requests = captured(name)
    assert len(requests) >= 9
    assert [points(request) for request in requests] == [0] * len(requests)


@pytest.mark.parametrize("name", BROWSERS)
def test_a_browser_that_hides_something_for_privacy_is_never_impossible(name: str) -> None:
    """Any one header taken away, by an extension or a proxy, may be odd; it may not stop anybody who reads much."""
    for request in captured(name):
        assert request.headers is not None
        for hidden in request.headers.raw:
            kept = Headers((key, value) for key, value in request.headers.raw.items() if key != hidden)
            signal = HeadersOdd().detect(replace(request, headers=kept), (900,))
            assert signal is None or signal.weight < 4, signal.reason


@pytest.mark.parametrize("name", IMPERSONATORS)
def test_who_copies_every_header_is_not_seen_here(name: str) -> None:
    assert sum(points(request) for request in captured(name)) == 0


@pytest.mark.parametrize("name", FORGERS)
def test_every_request_of_a_script_with_a_browsers_name_is_odd(name: str) -> None:
    assert all(points(request) >= 2 for request in captured(name))


@pytest.mark.parametrize("name", FORGERS)
def test_and_is_heavy_once_it_collects(name: str) -> None:
    request = captured(name)[0]
    weights = [signal.weight for taken in (10, 11) if (signal := HeadersOdd().detect(request, (taken,)))]
    assert weights == [3, 5]


def test_on_plain_http_nobody_is_asked_for_what_browsers_send_on_https_only() -> None:
    request = captured("chromium-headful-plainhttp-hostname")[0]
    assert points(request) == 0
    assert points(replace(request, scheme="https")) == 3


@pytest.mark.parametrize(
    ("agent", "header", "expected"),
    [
        ("Safari", (b"sec-ch-ua", b'"Chromium";v="156"'), 3),
        ("Firefox", (b"sec-ch-ua", b'"Chromium";v="156"'), 3),
        ("Chrome", (b"sec-ch-ua", b'"Chromium";v="99"'), 3),
        ("Chrome Mobile iOS", (b"sec-ch-ua", b'"Chromium";v="99"'), 0),
        ("Chrome", (b"sec-fetch-site", b"?1"), 4),
        ("Chrome", (b"sec-fetch-user", b"document"), 4),
        ("Chrome", (b"sec-fetch-mode", b"cors"), 2),
    ],
)
def test_what_does_not_go_together(agent: str, header: tuple[bytes, bytes], expected: int) -> None:
    request = captured("chromium-headful-xvfb")[0]
    assert request.agent is not None
    assert request.headers is not None
    changed = Headers({**request.headers.raw, header[0]: header[1]}.items())
    version = 17 if agent == "Safari" else 156
    assert (
        points(replace(request, headers=changed, agent=replace(request.agent, name=agent, version=version))) == expected
    )


def test_a_door_without_headers_has_no_opinion() -> None:
    request = captured("requests_browser_ua")[0]
    assert HeadersOdd().detect(replace(request, headers=None), (900,)) is None
