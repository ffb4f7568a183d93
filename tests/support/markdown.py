"""Reading the project's Markdown: links, anchors, and the commands it promises to work.

A fenced ``sh`` or ``console`` block is executed when the line above it is ``<!-- run -->``. In a
``console`` block only the lines that begin with ``$ `` are commands. All marked blocks of one page
run in order, in one directory, under ``sh -e``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUN_MARK = "<!-- run -->"
_FENCE = re.compile(r"^ *(`{3,}|~{3,}) *([\w-]*)")
_LINK = re.compile(r"(?<!\!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?(?:phonotheque|phono) ([a-z][a-z-]*)\b")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line (from 1) of its first line."""

    language: str
    text: str
    line: int
    marked: bool

    def script(self) -> str:
        """What a shell is to run."""
        if self.language == "console":
            return "\n".join(ln[2:] for ln in self.text.splitlines() if ln.startswith("$ "))
        return self.text


def iter_pages(repository: Path) -> Iterator[Path]:
    """Every Markdown page of the project."""
    yield from sorted(repository.glob("*.md"))
    yield from sorted((repository / "docs").rglob("*.md"))


def iter_blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    fence, language, held, start, previous = "", "", [], 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        match = _FENCE.match(line)
        if not fence and match:
            fence, language, held, start = match[1], match[2], [], number + 1
            marked = previous.strip() == RUN_MARK
        elif fence and line.strip() == fence:
            yield Block(language, "\n".join(held) + "\n", start, marked)
            fence = ""
        elif fence:
            held.append(line)
        previous = line if line.strip() else previous


def iter_scripts(text: str) -> Iterator[str]:
    """The marked blocks of a page as shell scripts, each beginning with its line number."""
    for block in iter_blocks(text):
        if block.marked:
            yield f": line {block.line}\n{block.script()}"


def prose(text: str) -> str:
    """The page with the content of its fenced blocks blanked, lines kept."""
    lines, fence = [], ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        opens_or_closes = bool(match) and (not fence or line.strip() == fence)
        lines.append("" if fence or opens_or_closes else line)
        if opens_or_closes and match:
            fence = "" if fence else match[1]
    return "\n".join(lines)


def iter_links(text: str) -> Iterator[tuple[int, str]]:
    """(line, target) of every link and image outside fenced blocks and inline code."""
    for number, line in enumerate(prose(text).splitlines(), 1):
        bare = re.sub(r"`[^`]*`", "", line)
        for match in (*_LINK.finditer(bare), *_IMAGE.finditer(bare)):
            yield number, match[1]


def anchors(text: str) -> set[str]:
    """The fragments that headings of a page answer to, as GitHub makes them."""
    found: set[str] = set()
    for line in prose(text).splitlines():
        match = re.match(r"#{1,6} +(.*?) *#*$", line)
        if match:
            words = re.sub(r"\]\([^)]*\)", "]", match[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            found.add(slug if slug not in found else f"{slug}-1")
    return found


def iter_commands(text: str) -> Iterator[tuple[int, str]]:
    """(line, command) of every line of code, or code in a line, that is ``phonotheque COMMAND``."""
    for block in iter_blocks(text):
        if block.language in ("sh", "console", "text", ""):
            for offset, line in enumerate(block.text.splitlines()):
                yield from ((block.line + offset, m[1]) for m in _COMMAND.finditer(line))
    for number, line in enumerate(prose(text).splitlines(), 1):
        for code in re.findall(r"`([^`]*)`", line):
            yield from ((number, m[1]) for m in _COMMAND.finditer(code))
