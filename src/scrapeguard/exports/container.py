"""A zip that is the same, byte for byte, whenever and wherever it is made from the same files.

Files are stored, not compressed: a compressed stream can be changed without changing what it unpacks to, and then
a byte of the bundle would not be accounted for.
"""

import zipfile
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
PLAIN_FILE = 0o100644 << 16
BLOCK = 1 << 20


def pack(folder: Path, out: Path) -> None:
    """Every file under `folder` into the zip `out`, by name, without times, owners or comments."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            info.create_system, info.external_attr, info.compress_type = UNIX, PLAIN_FILE, zipfile.ZIP_STORED
            info.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(info, "w") as target:
                while block := source.read(BLOCK):
                    target.write(block)
