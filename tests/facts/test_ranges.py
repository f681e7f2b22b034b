"""Lists of addresses: read as operators publish them, refused where no operator could mean them."""

import json
from pathlib import Path

import pytest

from scrapeguard.errors import FormatError
from scrapeguard.facts import ranges
from scrapeguard.facts.crawlers import bundled

GOOGLE = {"creationTime": "2026-09-02T14:41:05Z", "prefixes": [{"ipv4Prefix": "66.249.64.0/27"}]}


def prefixes(*rows: object, **more: object) -> tuple[str, ...]:
    return ranges.prefixes(ranges.read(json.dumps({"prefixes": rows, **more}).encode(), "list"), "list")


def test_the_forms_that_operators_use_are_read() -> None:
    assert prefixes({"ipv4Prefix": "66.249.64.0/27"}, {"ipv6Prefix": "2001:4860:4801:10::/64"}) == (
        "66.249.64.0/27",
        "2001:4860:4801:10::/64",
    )
    ahrefs = ranges.read(b'{"ips": [{"ip_address": "5.39.1.224"}]}', "list")
    assert ranges.prefixes(ahrefs, "list") == ("5.39.1.224/32",)


def test_a_zero_width_space_inside_a_prefix_is_passed_over() -> None:
    data = '{"prefixes": [{"ipv4Prefix": "157.55.39.0\u200b/24"}]}'.encode()
    assert ranges.prefixes(ranges.read(data, "list"), "list") == ("157.55.39.0/24",)


def test_a_row_with_both_families_or_neither_is_passed_over_and_a_double_counts_once() -> None:
    both = {"ipv4Prefix": "66.249.64.0/27", "ipv6Prefix": "2001:4860:4801:10::/64"}
    assert prefixes(both, {"note": 1}, {"ipv4Prefix": "8.8.8.0/24"}, {"ipv4Prefix": "8.8.8.0/24"}) == ("8.8.8.0/24",)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0.0.0.0/0", "wider than /8"),
        ("64.0.0.0/7", "wider than /8"),
        ("2000::/12", "wider than /16"),
        ("10.0.0.0/8", "no part of the public internet"),
        ("127.0.0.1", "no part of the public internet"),
        ("fd00::/32", "no part of the public internet"),
        ("224.0.1.0/24", "no part of the public internet"),
        ("66.249.64.1/27", "bits set behind its prefix"),
        ("example.com", "neither an address nor a network"),
    ],
)
def test_one_prefix_that_no_robot_can_come_from_refuses_the_list(row: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        prefixes({"ipv4Prefix": "66.249.64.0/27"}, {"ipv4Prefix": row})


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"prefixes": {}}', b'{"prefixes": []}', b"[" * 100_000, b" " * (5 << 20)],
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        ranges.prefixes(ranges.read(data, "list"), "list")


def test_a_format_of_the_future_is_not_guessed_at() -> None:
    with pytest.raises(FormatError, match=r"format version '2\.0'"):
        prefixes({"ipv4Prefix": "8.8.8.0/24"}, formatVersion="2.0")


def test_a_list_without_a_credible_time_is_refused(tmp_path: Path) -> None:
    for time in (None, "soon", 7, "9999999-01-01"):
        (tmp_path / "x.json").write_text(json.dumps({**GOOGLE, "creationTime": time}))
        with pytest.raises(FormatError, match="which is no time"):
            ranges.load(tmp_path)


def test_how_much_a_list_has_changed_is_told_in_per_cent() -> None:
    before = ranges.RangeList("", 0, ("8.8.8.0/24", "8.8.4.0/24"))
    assert [ranges.changed(before, before.prefixes[:n] * times) for n, times in ((2, 1), (1, 1), (2, 2))] == [
        0,
        50,
        100,
    ]


def test_the_bundled_lists_are_whole_and_say_when_they_were_made() -> None:
    lists = bundled()
    assert len(lists) == 15
    assert sum(len(found.prefixes) for found in lists.values()) > 3000
    assert all(url.startswith("https://") and found.time > 1_780_000_000_000_000 for url, found in lists.items())
