"""Windows: a subject's count is committed to, an omission shows, nobody else's is told."""

from scrapeguard.evidence.hour import hour_of
from scrapeguard.evidence.windows import ENTRIES, Window, digest, tag

SALT = "ab" * 16


def close(window: Window) -> list[str]:
    return [entry for record in window.records(SALT, {}) for entry in record["tags"]]  # type: ignore[attr-defined]


def test_the_hour_is_that_of_the_world() -> None:
    assert hour_of(1_795_512_282_342_749) == "2026-11-24T09"


def test_all_of_a_subjects_records_are_counted_over_all_writers() -> None:
    window = Window("2026-11-24T09")
    for n in range(1, 4):
        window.add("one", n, "s", n)
    window.add("two", 9, "s", 1)
    assert tag(SALT, "s") + digest(SALT, "s", {"two": 1, "one": 3}) in close(window)
    assert window.writers == {"one": (1, 3), "two": (9, 9)}


def test_one_record_more_or_less_gives_another_digest() -> None:
    told = {digest(SALT, "s", {"one": n}) for n in range(1, 50)} | {digest(SALT, "s", {"one": 1, "two": 1})}
    assert len(told) == 50


def test_who_was_not_there_has_no_tag() -> None:
    window = Window("2026-11-24T09")
    window.add("one", 1, "s", 1)
    assert not any(entry.startswith(tag(SALT, "other")) for entry in close(window))
    assert "s" not in close(window)[0]


def test_many_subjects_are_told_in_parts_and_none_is_lost() -> None:
    window = Window("2026-11-24T09")
    for number in range(2 * ENTRIES + 1):
        window.add("one", number, f"s{number}", 1)
    records = list(window.records(SALT, {"previous": 7}))
    assert [(record["part"], record["parts"], record["previous"]) for record in records] == [
        (i, 3, 7) for i in range(3)
    ]
    assert len(set(close(window))) == 2 * ENTRIES + 1


def test_an_hour_without_anybody_is_closed_too() -> None:
    assert [record["tags"] for record in Window("2026-11-24T09").records(SALT, {})] == [[]]
