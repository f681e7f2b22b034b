"""Segments are read while they are written."""

from pathlib import Path

from scrapeguard.evidence.reading import lines


def test_the_rest_of_a_line_that_is_being_written_is_no_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"seq":0}\n~b3Blbg\n{"seq":1}\n~bG9u')
    found = []
    for line in lines(path):
        found.append(line)
        if line.raw == b'{"seq":1}':  # the writer goes on
            with path.open("ab") as file:
                file.write(b'Z2Vy\n{"seq":2}\n')
    assert [line.raw for line in found] == [b'{"seq":0}', b'{"seq":1}']
    assert found[1].sealed == b""  # only a part of it was there
    assert [line.raw for line in lines(path)][:3] == [b'{"seq":0}', b'{"seq":1}', b'{"seq":2}']
