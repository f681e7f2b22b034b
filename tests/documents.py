"""The fenced blocks of a Markdown document, and how each is tried.

A comment on the line before a block says how, where its language does not:

    <!-- test: background -->   a server: started, asked for robots.txt, ended
    <!-- test: dry -->          `make` only says what it would do
    <!-- test: file PATH -->    the block is what is in a file (PATH is relative to where the others run)
    <!-- test: append PATH -->  the block goes to the end of a file
    <!-- test: after PATH: LINE -->  the block goes into a file, after the line LINE
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?:<!-- test: (?P<how>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    how: str  # "" = as its language says
    text: str


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = path.read_text("utf-8")
    return [
        Block(path.name, text[: found.start()].count("\n") + 1, found["language"], found["how"] or "", found["text"])
        for found in FENCE.finditer(text)
    ]


def write(block: Block, folder: Path) -> bool:
    """Put a block where its comment says; False when it says nothing of the kind."""
    verb, _, rest = block.how.partition(" ")
    if verb not in ("file", "append", "after"):
        return False
    name, _, line = rest.partition(": ")
    file = folder / name
    if verb == "file":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, "utf-8")
    elif verb == "append":
        file.write_text(f"{file.read_text('utf-8')}\n{block.text}", "utf-8")
    else:
        text = file.read_text("utf-8")
        assert text.count(f"{line}\n") == 1, f"{name} has no line {line!r}, or several"
        file.write_text(text.replace(f"{line}\n", f"{line}\n{block.text}"), "utf-8")
    return True
