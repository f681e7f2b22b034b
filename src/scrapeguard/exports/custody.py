"""The custody of a bundle's files as a CASE/UCO graph in JSON-LD: which file, which digest, exported when by what.

The context is inlined, so that nothing is fetched; names are UUIDs made from the digests, so that they stay the same.
"""

import json
import uuid
from datetime import timedelta
from pathlib import Path

from scrapeguard.evidence.canonical import Json
from scrapeguard.exports.bag import measured
from scrapeguard.exports.words import EPOCH
from scrapeguard.version import __version__

SPACE = uuid.UUID("5d0c3a1e-5b36-4c0e-9f0a-2f6b8f3c7a11")
NAME = "data/custody/case.jsonld"
CONTEXT: dict[str, Json] = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "kb": "http://example.org/kb/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def graph(folder: Path, incident: str, time: int) -> str:
    """The graph over the files under `folder`/data, itself left out. `time`: of the export, us since 1970."""
    files: list[Json] = []
    for path in sorted(path for path in (folder / "data").rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name != NAME:
            files.append(_file(name, *measured(path)))
    tool, action = _id("tool", __version__), _id("export", incident, str(time))
    stamp = {"@type": "xsd:dateTime", "@value": (EPOCH + timedelta(microseconds=time)).isoformat()}
    objects: list[Json] = [{"@id": each["@id"]} for each in files if isinstance(each, dict)]
    nodes: list[Json] = [
        {
            "@id": tool,
            "@type": "uco-tool:Tool",
            "uco-core:name": "scrapeguard",
            "uco-tool:version": __version__,
        },
        {
            "@id": action,
            "@type": "case-investigation:InvestigativeAction",
            "uco-action:endTime": stamp,
            "uco-action:instrument": {"@id": tool},
            "uco-action:result": objects,
            "uco-action:startTime": stamp,
            "uco-core:description": f"Export of incident {incident} from the evidence log",
            "uco-core:name": "export",
        },
        *files,
    ]
    return json.dumps({"@context": CONTEXT, "@graph": nodes}, sort_keys=True, indent=1, default=dict) + "\n"


def _file(name: str, digest: str, size: int) -> dict[str, Json]:
    facet, hashed = _id("facet", name, digest), _id("hash", name, digest)
    content = _id("content", name, digest)
    return {
        "@id": _id("file", name, digest),
        "@type": "uco-observable:File",
        "uco-core:hasFacet": [
            {
                "@id": facet,
                "@type": "uco-observable:FileFacet",
                "uco-observable:fileName": name.rpartition("/")[2],
                "uco-observable:filePath": name,
                "uco-observable:sizeInBytes": size,
            },
            {
                "@id": content,
                "@type": "uco-observable:ContentDataFacet",
                "uco-observable:hash": {
                    "@id": hashed,
                    "@type": "uco-types:Hash",
                    "uco-types:hashMethod": "SHA256",
                    "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": digest},
                },
            },
        ],
    }


def _id(kind: str, *of: str) -> str:
    return f"kb:{kind}-{uuid.uuid5(SPACE, '|'.join((kind, *of)))}"
