"""The result of a replay as one JSON object, for other programs."""

from dataclasses import asdict

from scrapeguard.doors.clients import Json, iso
from scrapeguard.doors.replay import Replay


def summary(replay: Replay) -> Json:
    """One object: times in ISO 8601 UTC, sizes in bytes; everything but the seconds repeats exactly."""
    clients = replay.clients
    lines = sum(file.lines for file in replay.files)
    parsed = sum(file.parsed for file in replay.files)
    ranked = clients.ranked()
    incidents = sorted(
        ((incident, track.address) for track in ranked for incident in track.incidents),
        key=lambda pair: (pair[0].first, pair[1]),
    )
    return {
        "lines": lines,
        "parsed": parsed,
        "rejected": lines - parsed,
        "seconds": round(replay.seconds, 3),
        "lines_per_second": round(lines / replay.seconds) if replay.seconds else 0,
        "format": ", ".join(dict.fromkeys(file.format for file in replay.files if file.format)) or None,
        "subjects": len(clients.subjects),
        "subjects_estimated": clients.subjects.estimated,
        "forgotten": clients.forgotten,
        "first": None if replay.first is None else iso(replay.first),
        "last": None if replay.first is None else iso(replay.last),
        "not_http": replay.unread,
        "backwards": replay.backwards,
        "furthest_back_seconds": replay.furthest_back // 1_000_000,
        "sees": sorted(replay.sees),
        "flagged": [track.json() for track in ranked],
        "incidents": [incident.json(address) for incident, address in incidents],
        "files": [{**asdict(file), "rejected": file.lines - file.parsed} for file in replay.files],
        "bad_lines": [asdict(line) for line in replay.bad],
    }
